"""Versions of JWT templates: every change of a value makes one, whoever makes it."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from sessions_core.models import Event
from user_sessions.models import Definition, JwtTemplate, JwtTemplateVersion, TemplateChanged
from user_sessions.models.template_versions import MOST_VERSIONS

SECRET = "k" * 40


@pytest.fixture
def template(workspace):
    return JwtTemplate.objects.define(workspace, Definition(name="t", claims={"a": 1}), actor="operator:1")


def redefine(template, **values):
    definition = Definition(**{"name": "t", "claims": {"a": 1}, **values})
    template.redefine(definition, actor="operator:2")


def numbers(template):
    return [version.number for version in template.versions.all()]


def test_each_version_has_the_actor_and_the_time_of_its_change(template):
    at = timezone.now() + timedelta(minutes=1)
    template.redefine(Definition(name="t", claims={"a": 2}), actor="operator:2", at=at)
    second, first = template.versions.select_related("event")
    assert (first.number, first.event.actor, first.event.type) == (1, "operator:1", "jwt_template.created")
    assert (second.number, second.event.actor, second.event.created_at) == (2, "operator:2", at)
    assert [json.loads(version.claims) for version in (first, second)] == [{"a": 1}, {"a": 2}]


def test_a_change_through_the_api_is_a_version(backend):
    made = backend.post("v1/jwt_templates", name="t", claims={"a": 1}).json()
    backend.request("PATCH", f"v1/jwt_templates/{made['id']}", {"name": "t", "claims": {"a": 2}, "lifetime": 300})
    second, _first = JwtTemplateVersion.objects.select_related("event").filter(template=made["id"])
    assert (second.lifetime, second.event.actor.partition(":")[0]) == (300, "api_key")


def test_a_change_of_session_tokens_is_a_version(workspace):
    for value in (1, 2):
        template = JwtTemplate.objects.customise_session_tokens(workspace, {"a": value}, actor="test")
    assert numbers(template) == [2, 1]


def test_a_write_that_changes_nothing_makes_no_version(template):
    redefine(template)
    assert numbers(template) == [1]
    assert Event.objects.filter(type="jwt_template.updated").count() == 1


def test_a_new_key_makes_a_version_without_the_key(template):
    for secret in ("k" * 40, "l" * 40):
        redefine(template, signing_algorithm="HS256", signing_key=secret.encode())
    assert [version.has_new_key for version in template.versions.all()] == [True, True, False]
    assert not any(b"kkkk" in str(vars(version)).encode() for version in template.versions.all())


def test_going_back_makes_a_new_version_and_keeps_the_key(template):
    redefine(template, signing_algorithm="HS256", signing_key=SECRET.encode(), lifetime=300, name="other")
    template.restore(template.versions.get(number=1), actor="operator:3")
    third = template.versions.first()
    assert (third.number, third.name, third.lifetime, third.signing_algorithm) == (3, "t", 60, "HS256")
    assert third.event.data["restored"] == 1
    assert JwtTemplate.objects.get().own_key() == SECRET.encode()


def test_the_oldest_of_more_than_a_hundred_versions_is_deleted(template):
    for lifetime in range(100, 100 + MOST_VERSIONS):
        redefine(template, lifetime=lifetime)
    assert numbers(template) == list(range(MOST_VERSIONS + 1, 1, -1))


def test_a_change_of_an_older_version_is_refused(template):
    redefine(template, lifetime=300)
    with pytest.raises(TemplateChanged):
        template.redefine(Definition(name="t", claims={}), actor="test", latest=1)
    assert JwtTemplate.objects.get().lifetime == 300
    assert numbers(template) == [2, 1]


def test_versions_go_with_their_template_and_its_events_stay(template):
    template.forget(actor="test")
    assert not JwtTemplateVersion.objects.exists()
    assert [event.type for event in Event.objects.all()] == ["jwt_template.deleted", "jwt_template.created"]


def test_storing_a_version_reads_one_row_and_writes_one(template, statements):
    with statements() as made:
        redefine(template, lifetime=300)
    assert len([sql for sql in made if "jwttemplateversion" in sql]) == 2


@pytest.mark.django_db(transaction=True)
def test_concurrent_changes_are_versions_one_after_the_other(workspace, at_once):
    template = JwtTemplate.objects.define(workspace, Definition(name="t", claims={}), actor="test")

    def change(lifetime):
        mine = JwtTemplate.objects.get(pk=template.pk)
        mine.redefine(Definition(name="t", claims={}, lifetime=lifetime), actor="test")

    results = at_once(*(lambda value=value: change(value) for value in range(100, 106)))
    assert results == [None] * 6
    assert numbers(template) == [7, 6, 5, 4, 3, 2, 1]
