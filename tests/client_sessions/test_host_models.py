"""Models of hosts with any primary key, manager and relation work on every database or are refused."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from client_sessions import resources
from client_sessions.checks import check_resource_types
from client_sessions.device_counts import with_device_count
from client_sessions.models import ClientSession
from client_sessions.scoping import reached_by, visible_to
from tests.client_sessions import hosts_models as hosts
from tests.client_sessions.hosts_models import KEYED, KEYS, REFUSED_KEYS, REFUSED_SHAPES, SHAPED


@pytest.fixture(scope="module", autouse=True)
def tables(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock(), hosts.tables():
        yield


@pytest.fixture(autouse=True)
def types(monkeypatch):
    """Use an empty registry of resource types."""
    monkeypatch.setattr(resources, "_types", {})


@pytest.fixture(params=["sandbox", "live"])
def tenant(request, workspace, live_workspace):
    return workspace if request.param == "sandbox" else live_workspace


def granted(workspace, **wanted: str) -> ClientSession:
    ids = {name: [one] for name, one in wanted.items()}
    return ClientSession.objects.start(workspace, actor="test", wanted=ids)


def device_count(session: ClientSession) -> int:
    sessions = with_device_count(ClientSession.objects.filter(pk=session.pk), at=timezone.now())
    return sessions.get().device_count


def problems() -> str:
    return " ".join(error.msg for error in check_resource_types())


@pytest.mark.parametrize("kind", KEYS)
def test_every_supported_kind_of_primary_key_can_be_granted(workspace, kind):
    _, stored, spelled = KEYS[kind]
    rows = KEYED[kind].objects
    row = rows.create(pk=KEYED[kind]._meta.pk.to_python(stored), workspace=workspace)
    resources.register("thing", KEYED[kind], counted=True)
    assert problems() == ""
    session = granted(workspace, thing=spelled)
    assert [grant.resource_id for grant in session.grants.all()] == [stored]
    assert list(reached_by(rows.all(), session)) == [row]
    assert device_count(session) == 1


@pytest.mark.parametrize("kind", REFUSED_KEYS)
def test_the_checks_refuse_an_unsupported_primary_key(kind):
    resources.register("thing", REFUSED_KEYS[kind])
    field = "Spelled" if kind == "Spelled" else f"{kind}Field"
    assert f"key: Refused{kind}.id is a {field}. The key must be an integer, a UUID or text" in problems()


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (hosts.Abstract, "Abstract is abstract"),
        (hosts.Proxy, "Proxy is a proxy. Register Door instead"),
        (hosts.Pair, "Pair has a composite primary key"),
        ("building.Door", "'building.Door' is not a model class"),
        (hosts.Door(), "is not a model class"),
        (None, "None is not a model class"),
    ],
)
def test_an_unsupported_model_cannot_be_registered(model, problem):
    with pytest.raises(ImproperlyConfigured, match=problem):
        resources.register("thing", model)


def test_relations_must_be_a_list(workspace):
    with pytest.raises(ImproperlyConfigured, match="must be a list of relations"):
        resources.register("door", hosts.Door, through="building")


def test_every_kind_of_relation_leads_to_rows(tenant):
    resources.register("site", hosts.Site)
    resources.register("building", hosts.Building, through=["site"])
    resources.register("badge", hosts.Badge)
    resources.register("door", hosts.Door, through=["building", "badges"], counted=True)
    resources.register("gate", hosts.Gate, through=["door_ptr"])
    assert problems() == ""
    site = hosts.Site.objects.create(workspace=tenant)
    building = hosts.Building.objects.create(workspace=tenant, site=site)
    far = hosts.Gate.objects.create(workspace=tenant, building=building)
    near = hosts.Door.objects.create(workspace=tenant)
    badge = hosts.Badge.objects.create(workspace=tenant)
    badge.doors.add(near)
    for wanted, doors, gates in (
        ({"site": site}, {far.pk}, [far]),
        ({"badge": badge}, {near.pk}, []),
        ({"gate": far}, set(), [far]),
        ({"site": site, "badge": badge, "door": near}, {near.pk, far.pk}, [far]),
    ):
        session = granted(tenant, **{name: str(row.pk) for name, row in wanted.items()})
        assert {door.pk for door in reached_by(hosts.Door.objects.all(), session)} == doors
        assert list(reached_by(hosts.Gate.objects.all(), session)) == gates
        assert device_count(session) == len(doors)


def test_an_unmanaged_table_can_be_granted(tenant):
    resources.register("thing", hosts.Old)
    row = hosts.Old.objects.create(workspace=tenant)
    assert list(reached_by(hosts.Old.objects.all(), granted(tenant, thing=str(row.pk)))) == [row]


@pytest.mark.parametrize("shape", SHAPED)
def test_every_verb_works_with_any_default_manager(tenant, shape):
    model = SHAPED[shape]
    resources.register("thing", model, counted=True)
    assert problems() == ""
    one, other = (model.every.create(workspace=tenant, name=name) for name in ("one", "other"))
    session = granted(tenant, thing=str(one.pk))
    session.grant({"thing": [str(other.pk)]}, actor="test")
    assert {row["pk"] for row in reached_by(model.objects.all(), session).values("pk")} == {one.pk, other.pk}
    assert device_count(session) == 2
    session.revoke_access({"thing": [str(one.pk)]}, actor="test")
    session.replace_grants({"thing": [str(one.pk)]}, actor="test")
    assert [row["pk"] for row in visible_to(session, model.objects.all()).values("pk")] == [one.pk]
    assert device_count(session) == 1


def test_rows_hidden_by_the_default_manager_cannot_be_granted_or_reached(tenant):
    model = SHAPED["excluding"]
    resources.register("thing", model, counted=True)
    row = model.every.create(workspace=tenant)
    session = granted(tenant, thing=str(row.pk))
    model.every.update(name="hidden")
    assert list(reached_by(model.objects.all(), session)) == []
    assert device_count(session) == 0
    with pytest.raises(resources.Missing):
        granted(tenant, thing=str(row.pk))


@pytest.mark.parametrize("shape", REFUSED_SHAPES)
def test_the_checks_refuse_a_default_manager_that_cannot_be_filtered(shape):
    resources.register("thing", REFUSED_SHAPES[shape])
    assert f"returns {shape}, which Django cannot filter" in problems()


def test_the_checks_refuse_rows_in_another_database(settings):
    settings.DATABASE_ROUTERS = [Elsewhere()]
    resources.register("door", hosts.Door)
    assert "rows are in the database 'elsewhere' and grants in 'default'" in problems()


class Elsewhere:
    def db_for_write(self, model: Any, **_: Any) -> str | None:
        return "elsewhere" if model is hosts.Door else None
