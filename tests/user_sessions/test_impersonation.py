"""Who may be impersonated: nobody with more rights than an ordinary user, unless the project says so."""

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
    """In the database alone: the instance in hand is as it was read."""
    get_user_model().objects.filter(pk=user.pk).update(**{rank: True})


def nobody(user):
    return False


def anyone(user):
    return True


def ask(backend, user):
    return backend.post("v1/actor_tokens", user_id=user_id(user.pk), actor=ACTOR)


@pytest.mark.wire("C184")
@pytest.mark.parametrize("rank", RANKS)
def test_no_actor_token_is_made_for_staff_or_a_superuser(backend, u1, rank):
    promote(u1, rank)
    response = ask(backend, u1)
    assert (response.status_code, response.error) == (422, "form_param_value_invalid")
    assert first_error(response)["meta"] == {"param_name": "user_id"}
    assert not Ticket.objects.exists() and not Event.objects.filter(type__startswith="actor_token").exists()


@pytest.mark.wire("C184")
@pytest.mark.parametrize("rank", RANKS)
def test_a_user_promoted_since_the_ticket_was_made_is_not_impersonated(somebody, u1, rank):
    ticket = somebody.ticket_for(u1, impersonator=ACTOR)
    promote(u1, rank)
    response = somebody.show_ticket(ticket)
    assert (response.status_code, response.error) == (400, "actor_token_cannot_be_used_code")
    assert not UserSession.objects.exists()
    assert Ticket.objects.get().status == "pending"


@pytest.mark.parametrize("rank", RANKS)
def test_no_session_of_python_code_impersonates_them_either(workspace, u1, rank):
    promote(u1, rank)
    with pytest.raises(ImpersonationRefused):
        UserSession.objects.start(workspace, u1, actor="test", impersonator=ACTOR)
    assert UserSession.objects.start(workspace, u1, actor="test").impersonator is None


def test_staff_still_sign_in_themselves(somebody, u1):
    promote(u1, "is_staff")
    assert somebody.sign_in(u1).impersonator is None


def test_the_projects_function_may_allow_it(backend, somebody, settings, u1):
    settings.USER_SESSIONS = {"MAY_BE_IMPERSONATED": f"{__name__}.anyone"}
    promote(u1, "is_superuser")
    assert ask(backend, u1).status_code == 200
    assert somebody.sign_in(u1, impersonator=ACTOR).impersonator == ACTOR


def test_the_projects_function_may_refuse_an_ordinary_user(backend, settings, u1):
    settings.USER_SESSIONS = {"MAY_BE_IMPERSONATED": f"{__name__}.nobody"}
    assert ask(backend, u1).status_code == 422


def test_users_of_a_model_without_these_fields_are_ordinary():
    assert is_ordinary(SimpleNamespace())
