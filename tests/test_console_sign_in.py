"""The console's sign-in page has the rate limits of the Frontend API."""

from functools import partial

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client

from sessions_core.models import Event
from sessions_project.console_sign_in import LIMITED

PASSWORD = "a long enough word"


@pytest.fixture(autouse=True)
def operator(db: None) -> object:
    return get_user_model().objects.create_superuser("operator", password=PASSWORD)


def attempt(password: str, *, name: str = "operator", address: str = "198.51.100.7") -> HttpResponse:
    form = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post("/admin/login/?next=/admin/", form)


@pytest.fixture
def hour(settings):
    """Use rate windows that do not end during a test."""
    settings.USER_SESSIONS = {"RATES": {"visitor": "60/hour", "password": "10/hour", "account": "100/hour"}}


def test_the_right_password_signs_an_operator_in():
    assert attempt("wrong").status_code == 200
    response = attempt(PASSWORD)
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_after_forty_wrong_passwords_the_right_one_is_refused(hour):
    answers = [attempt(f"wrong {n}").status_code for n in range(40)]
    assert answers == [200] * 10 + [429] * 30
    refused = attempt(PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 3600
    assert "Too many attempts." in refused.content.decode()
    assert "sessionid" not in refused.cookies


def test_the_first_refusal_is_an_event_and_the_next_are_not(hour):
    for n in range(15):
        attempt(f"wrong {n}")
    event = Event.objects.get(type=LIMITED)
    assert (event.workspace, event.actor, event.data) == (None, "visitor:198.51.100.7", {"limit": "password"})
    operator = Client()
    operator.force_login(get_user_model().objects.get())
    for page in ("/admin/sessions_core/event/", f"/admin/sessions_core/event/{event.pk}/change/"):
        assert LIMITED in operator.get(page).content.decode()


def test_one_address_can_try_sixty_names(hour):
    answers = [attempt("wrong", name=f"operator-{n}").status_code for n in range(61)]
    assert answers == [200] * 60 + [429]
    assert Event.objects.get(type=LIMITED).data == {"limit": "visitor"}


def test_one_account_can_be_tried_a_hundred_times_from_all_addresses(hour):
    tried = partial(attempt, "wrong")
    answers = [tried(address=f"198.51.100.{n}").status_code for n in range(101)]
    assert answers == [200] * 100 + [429]


def test_every_spelling_of_a_name_counts_as_one_account(hour):
    answers = [attempt("wrong", name=name).status_code for name in ("operator", " operator ") * 6]
    assert answers == [200] * 10 + [429] * 2


@pytest.mark.parametrize("name", ["\x00", "", "x" * 300, "💥"])
def test_any_unknown_name_gets_the_same_error(name):
    assert attempt("wrong", name=name).status_code == 200
