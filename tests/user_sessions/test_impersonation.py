"""Impersonation: staff and superusers are refused, unless the project allows them."""

from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model

from sessions_core.models import Event
from tests.user_sessions.conftest import first_error
from user_sessions.models import ImpersonationRefused, Ticket, UserSession
from user_sessions.users import is_ordinary, user_id

ACTOR = {"sub": "user_9"}
RANKS = ["is_staff", "is_superuser"]


def promote(user, rank):
    """Promote the user in the database, without changing the instance."""
    get_user_model().objects.filter(pk=user.pk).update(**{rank: True})


def refuse_everyone(user):
    return False


def anyone(user):
    return True


def ask(backend, user):
    return backend.post("v1/actor_tokens", user_id=user_id(user.pk), actor=ACTOR)


@pytest.mark.wire("C184")
@pytest.mark.parametrize("rank", RANKS)
def test_no_actor_token_is_issued_for_staff_or_a_superuser(backend, u1, rank):
    promote(u1, rank)
    response = ask(backend, u1)
    assert (response.status_code, response.error) == (422, "form_param_value_invalid")
    assert first_error(response)["meta"] == {"param_name": "user_id"}
    assert not Ticket.objects.exists() and not Event.objects.filter(type__startswith="actor_token").exists()


@pytest.mark.wire("C184")
@pytest.mark.parametrize("rank", RANKS)
def test_a_user_promoted_after_the_ticket_cannot_be_impersonated(frontend, u1, rank):
    ticket = frontend.ticket_for(u1, impersonator=ACTOR)
    promote(u1, rank)
    response = frontend.use_ticket(ticket)
    assert (response.status_code, response.error) == (400, "actor_token_cannot_be_used_code")
    assert not UserSession.objects.exists()
    assert Ticket.objects.get().status == "pending"


@pytest.mark.parametrize("rank", RANKS)
def test_python_code_cannot_impersonate_staff_either(workspace, u1, rank):
    promote(u1, rank)
    with pytest.raises(ImpersonationRefused):
        UserSession.objects.start(workspace, u1, actor="test", impersonator=ACTOR)
    assert UserSession.objects.start(workspace, u1, actor="test").impersonator is None


def test_staff_still_sign_in_themselves(frontend, u1):
    promote(u1, "is_staff")
    assert frontend.sign_in(u1).impersonator is None


def test_the_projects_function_may_allow_it(backend, frontend, settings, u1):
    settings.USER_SESSIONS = {"MAY_BE_IMPERSONATED": f"{__name__}.anyone"}
    promote(u1, "is_superuser")
    assert ask(backend, u1).status_code == 200
    assert frontend.sign_in(u1, impersonator=ACTOR).impersonator == ACTOR


def test_the_projects_function_may_refuse_an_ordinary_user(backend, settings, u1):
    settings.USER_SESSIONS = {"MAY_BE_IMPERSONATED": f"{__name__}.refuse_everyone"}
    assert ask(backend, u1).status_code == 422


def test_users_of_a_model_without_these_fields_are_ordinary():
    assert is_ordinary(SimpleNamespace())
