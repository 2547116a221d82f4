"""Compiled queries return the same rows as plain queries, with every supported version of Django."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import product
from threading import Thread
from typing import Any
from uuid import UUID

import django
import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import Case, Exists, F, OuterRef, QuerySet, When
from django.db.models.signals import post_init, post_save, pre_save
from django.utils import timezone

from client_sessions.models.statements import SessionChanges, SessionLookups
from sessions_core.db.compiled import CannotCompile, CompiledQuery, CompiledSubquery, CompiledUpdate, kind_of
from sessions_core.db.returning import Insert, insert, insert_all, insert_together
from sessions_core.models import ApiKey, Event, Workspace
from tests.statements import inserts

MOVED = f"""
sessions_core/db/compiled.py does not fit Django {django.get_version()}. It relies on these internals; compare each with
Django's source and change `_Reader` or `_Compiled._compile`:
* django/db/models/query.py, `ModelIterable.__iter__`: reads `db`, `query.get_compiler(using=…)`,
  `_known_related_objects` and, from Django 6.1 on, `_fetch_mode` of its queryset. Of the compiler it
  reads `execute_sql`, `select`, `klass_info`, `annotation_col_map` and `results_iter`. `_Reader` passes these.
* django/db/models/sql/compiler.py, `SQLCompiler`: `as_sql()` returns SQL and parameters and fills `select`,
  `klass_info` and `annotation_col_map`; `get_converters` takes the columns of `select` and returns converters and
  expression by place; `connection` may be set on a copy.
* The parameters of `as_sql()` have the form that `Field.get_db_prep_value` returns.
"""


@pytest.fixture
def keys(workspace: Workspace) -> list[ApiKey]:
    return [ApiKey.objects.issue(workspace, name=name, actor="test")[0] for name in ("first", "second")]


@contextmanager
def explained() -> Iterator[None]:
    """Add to a failure what to do about it."""
    try:
        yield
    except Exception as failure:
        pytest.fail(f"{failure!r}\n{MOVED}")


def by_short(short: str, at: datetime) -> QuerySet[ApiKey]:
    keys = ApiKey.objects.select_related("workspace").annotate(label=F("workspace__name"))
    return keys.filter(short=short, created_at__lte=at).order_by()


def of_workspace(kind: str, *, workspace: UUID, short: str) -> QuerySet[Any, Any]:
    keys = ApiKey.objects.filter(kind=kind, workspace=workspace).order_by()
    return (keys.filter(short=short) if kind == ApiKey.Kind.SECRET else keys).values("pk")


BY_SHORT = CompiledQuery(ApiKey, by_short, short=str, at=datetime)
OF_WORKSPACE = CompiledSubquery(of_workspace, optional={"short"}, workspace=UUID, short=str)


def compiled_queries() -> list[CompiledQuery[Any] | CompiledUpdate]:
    """Return the compiled queries and updates of the three packages."""
    packages = {"sessions_core", "client_sessions", "user_sessions"}
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] in packages]
    values = [value for module in modules for value in vars(module).values()]
    members = [
        each for value in values if isinstance(value, SessionChanges | SessionLookups) for each in vars(value).values()
    ]
    return [each for each in (*values, *members) if isinstance(each, CompiledQuery | CompiledUpdate)]


@explained()
def test_every_compiled_query_compiles(db):
    queries = compiled_queries()
    assert len(queries) >= 7
    for query in queries:
        query.statement(connection)


@explained()
def test_a_compiled_query_finds_what_the_plain_query_finds(keys, django_assert_num_queries):
    now = timezone.now()
    for key in keys:
        plain = by_short(key.short, now).get()
        with django_assert_num_queries(1):
            compiled = BY_SHORT.get(short=key.short, at=now)
            assert compiled is not None and compiled.workspace == plain.workspace
        related, own = compiled.__dict__.pop("_state"), plain.__dict__.pop("_state")
        assert (compiled.__dict__, related.db, related.adding) == (plain.__dict__, own.db, own.adding)


@explained()
def test_a_compiled_query_depends_on_each_of_its_values(keys):
    key, now = keys[0], timezone.now()
    assert list(BY_SHORT.rows(short=key.short, at=now)) == [key]
    assert BY_SHORT.get(short="unknown", at=now) is None
    assert BY_SHORT.get(short=key.short, at=key.created_at - timedelta(seconds=1)) is None


@explained()
def test_a_row_of_a_compiled_query_can_be_saved_and_read_again(keys):
    key = BY_SHORT.get(short=keys[0].short, at=timezone.now())
    key.name = "third"
    key.save()
    key.refresh_from_db()
    assert key.name == "third"


@explained()
def test_a_subquery_finds_what_the_plain_query_finds(keys, elsewhere):
    ApiKey.objects.issue(elsewhere, name="third", actor="test")
    for kind, short in product(ApiKey.Kind, [keys[0].short, "unknown"]):
        for workspace in (keys[0].workspace, elsewhere):
            values = {"workspace": workspace.pk, "short": short}
            expression = OF_WORKSPACE.expression(kind, using="default", **values)
            plain = ApiKey.objects.filter(pk__in=of_workspace(kind, **values))
            assert set(ApiKey.objects.filter(pk__in=expression)) == set(plain)


@explained()
def test_the_sql_is_compiled_once_for_all_threads(keys):
    calls = []
    query = CompiledQuery(ApiKey, lambda short: calls.append(short) or ApiKey.objects.filter(short=short), short=str)
    query.get(short=keys[0].short)
    compiled = len(calls)
    statements: list[Any] = []
    thread = Thread(target=lambda: statements.append(query.statement(connections["default"])))
    thread.start()
    thread.join()
    query.get(short=keys[1].short)
    assert len(calls) == compiled and statements == [query.statement(connection)]


def test_the_sql_is_compiled_again_where_a_setting_changes_the_query(keys):
    shown = ["first"]

    def find(short: str) -> QuerySet[ApiKey]:
        return ApiKey.objects.filter(short=short, name=shown[0])

    query = CompiledQuery(ApiKey, find, depends_on=lambda: shown[0], short=str)
    assert query.get(short=keys[0].short) == keys[0]
    shown[0] = "second"
    assert query.get(short=keys[0].short) is None


@pytest.mark.parametrize(
    ("reason", "find"),
    [
        ("computed from a value", lambda short, at: by_short(short.upper(), at)),
        ("computed from a value", lambda short, at: by_short(short, at).filter(created_at__gt=at - timedelta(days=1))),
        ("does not use at", lambda short, at: ApiKey.objects.filter(short=short)),
        ("contains a value", lambda short, at: by_short(short, at).annotate(**{f"on_{at.day}": F("name")})),
    ],
)
def test_a_query_that_computes_with_its_values_is_refused(db, reason, find):
    with pytest.raises(CannotCompile, match=reason):
        CompiledQuery(ApiKey, find, short=str, at=datetime).get(short="a", at=timezone.now())


RENAME = CompiledUpdate(
    ApiKey,
    lambda short, at: (ApiKey.objects.filter(short=short), {"name": F("short"), "revoked_at": at}),
    returning=("id", "workspace", "name", "revoked_at"),
    short=str,
    at=datetime,
)


def test_a_compiled_update_returns_what_it_changed(keys, django_assert_num_queries):
    now = timezone.now()
    with django_assert_num_queries(1):
        assert RENAME.run(short=keys[0].short, at=now) == [(keys[0].pk, keys[0].workspace_id, keys[0].short, now)]
    assert RENAME.run(short="unknown", at=now) == []
    assert list(ApiKey.objects.filter(revoked_at=now)) == [keys[0]]


def test_a_compiled_query_of_columns_returns_tuples(keys):
    query = CompiledQuery(ApiKey, lambda short: ApiKey.objects.filter(short=short).values_list("id", "name"), short=str)
    assert list(query.tuples(short=keys[1].short)) == [(keys[1].pk, "second")]


def test_a_query_works_after_a_receiver_of_a_signal_has_failed(keys):
    def fail(instance, **_):
        raise LookupError(instance.short)

    post_init.connect(fail, sender=ApiKey)
    try:
        with pytest.raises(LookupError):
            BY_SHORT.get(short=keys[0].short, at=timezone.now())
    finally:
        post_init.disconnect(fail, sender=ApiKey)
    assert BY_SHORT.get(short=keys[1].short, at=timezone.now()) == keys[1]


def test_a_receiver_of_a_signal_may_run_the_query_itself(keys):
    now, found = timezone.now(), []

    def read_the_second(instance, **_):
        if instance.short == keys[0].short:
            found.append(BY_SHORT.get(short=keys[1].short, at=now))

    post_init.connect(read_the_second, sender=ApiKey)
    try:
        found.append(BY_SHORT.get(short=keys[0].short, at=now))
    finally:
        post_init.disconnect(read_the_second, sender=ApiKey)
    assert found == [keys[1], keys[0]]


def test_a_compiled_query_takes_the_usual_kinds_of_keys(keys):
    query = CompiledQuery(Event, lambda id: Event.objects.filter(pk=id).order_by(), id=kind_of(Event._meta.pk))
    event = Event.objects.latest("id")
    assert query.get(id=event.pk) == event
    assert kind_of(ApiKey._meta.pk) is UUID and kind_of(ApiKey._meta.get_field("created_at")) is None


def test_inserted_rows_are_those_of_save(workspace, django_assert_num_queries):
    events = [
        Event(
            workspace=workspace, type="x.made", subject=name, actor="test", data={"n": [1]}, created_at=timezone.now()
        )
        for name in ("first", "second")
    ]
    with django_assert_num_queries(1):
        insert(events)
    assert [event.data for event in Event.objects.filter(pk__in=[event.pk for event in events])] == [{"n": [1]}] * 2
    events[0].refresh_from_db()
    assert events[0].subject == "first" and not events[0]._state.adding


def test_many_rows_are_inserted_in_batches(workspace):
    events = [
        Event(workspace=workspace, type="x.made", subject=str(n), actor="test", created_at=timezone.now())
        for n in range(400)
    ]
    insert(events)
    assert len({event.pk for event in events}) == Event.objects.filter(type="x.made").count() == 400


def test_an_insert_sends_the_signals_of_save(workspace):
    received = []
    event = Event(workspace=workspace, type="x.made", subject="x", actor="test", created_at=timezone.now())

    def receive(instance, created=None, **_):
        received.append((instance.pk, created))

    with receiving(pre_save, receive), receiving(post_save, receive):
        insert([event])
    assert received == [(None, None), (event.pk, True)]


def test_rows_of_several_models_are_inserted_together(django_assert_num_queries, db):
    workspace = Workspace(name="new")
    facts = {"type": "x.made", "workspace": workspace, "actor": "test", "created_at": timezone.now()}
    events = [Event(subject=str(number), **facts) for number in range(3)]
    about = Insert(Event, lambda: {"is_second": Case(When(subject="1", then=True), default=False)})
    with django_assert_num_queries(inserts(2)):
        insert_together((about, events), Insert.plain([workspace]))
    assert list(workspace.events.order_by("pk")) == events and not workspace._state.adding
    assert [event.is_second for event in events] == [False, True, False]


def test_of_rows_inserted_together_none_stays_if_one_is_refused(workspace):
    event = Event(workspace=workspace, type="x.made", subject="x", actor="test", created_at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_together(Insert.plain([event]), Insert.plain([Workspace(pk=workspace.pk, name="taken")]))
    assert not Event.objects.filter(type="x.made").exists()


@contextmanager
def receiving(signal: Any, receive: Any) -> Iterator[None]:
    signal.connect(receive, sender=Event)
    try:
        yield
    finally:
        signal.disconnect(receive, sender=Event)


def test_an_insert_evaluates_facts_about_each_row(workspace, keys):
    used = Insert(Event, lambda: {"is_of_a_key": Exists(ApiKey.objects.filter(short=OuterRef("subject")))})
    events = [
        Event(workspace=workspace, type="x.made", subject=subject, actor="test", created_at=timezone.now())
        for subject in (keys[0].short, "x")
    ]
    insert_together((used, events))
    assert [event.is_of_a_key for event in events] == [True, False]
    assert Event.objects.get(subject="x", type="x.made").pk == events[1].pk


ODD_TEXTS = ["", "'", '"\\', "%s", "é\U0001f512", "\x7f", "[]", "007", "1e3", "null"]


@pytest.mark.parametrize("number", [0, 1, 3000])
def test_any_number_of_rows_is_inserted_by_one_statement(workspace, number, django_assert_num_queries):
    subjects = [f"{n}{ODD_TEXTS[n % len(ODD_TEXTS)]}" for n in range(number)]
    alike = {"workspace_id": workspace.pk, "type": "x.made", "actor": "%s", "data": {"x": [1]}}
    with django_assert_num_queries(1):
        rows = insert_all(Event, ["subject", "created_at"], [(each, timezone.now()) for each in subjects], **alike)
    assert sorted(subject for _, subject, _ in rows) == sorted(subjects)
    stored = Event.objects.filter(type="x.made").in_bulk()
    assert {(each.pk, each.subject, each.created_at) for each in stored.values()} == set(rows)
    assert all(each.data == {"x": [1]} and each.workspace_id == workspace.pk for each in stored.values())


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_a_text_is_inserted_as_it_is(workspace, text):
    alike = {"workspace_id": workspace.pk, "type": "x.made", "actor": "test", "data": {}, "created_at": timezone.now()}
    [(key, subject)] = insert_all(Event, ["subject"], [[text]], **alike)
    assert Event.objects.get(pk=key).subject == subject == text


def test_a_compiled_query_takes_its_limits(keys):
    def find(workspace, offset, limit):
        named = ApiKey.objects.filter(workspace=workspace, name__contains="r%").order_by("name")
        ids = ApiKey.objects.filter(workspace=workspace).order_by("name").values("pk")[offset : offset + limit]
        return (named | ApiKey.objects.filter(pk__in=ids).order_by("name")).filter(name__lt="t")

    query = CompiledQuery(ApiKey, find, workspace=UUID, offset=int, limit=int)
    first, second = keys
    for offset, limit, found in [(0, 1, [first]), (1, 1, [second]), (0, 2, [first, second]), (2, 5, [])]:
        assert list(query.rows(workspace=first.workspace_id, offset=offset, limit=limit)) == found
