"""The page about user sessions says what is true: its tables are compared, its code is run."""

import re
import shutil
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from sessions_core.models import Workspace
from tests.pages import blocks, run_bash, table
from tests.user_sessions.test_lifecycle import OUTCOMES
from user_sessions.backend_api.errors import CATALOGUE
from user_sessions.backend_api.urls import ROUTES
from user_sessions.models import Status
from user_sessions.users import user_id

PAGE = "user-sessions.md"


def test_every_route_is_documented_with_its_methods():
    documented = [(path, methods.split(", ")) for path, methods in table(PAGE, "Routes")]
    assert documented == [(route.path, list(route.actions)) for route in ROUTES]


def test_every_error_is_documented_with_its_status():
    assert {code: int(status) for code, status, _ in table(PAGE, "Errors")} == {
        code: status for code, (status, _) in CATALOGUE.items()
    }


def test_the_states_are_documented_with_the_verbs_that_leave_them():
    documented = {
        state: set(re.findall(r"\w+", left_by)) & set(OUTCOMES) for state, _, left_by in table(PAGE, "States")
    }
    assert documented == {state: {verb for verb in OUTCOMES if state in OUTCOMES[verb]} for state in Status.values}


@pytest.fixture
def given(live_server, api_key) -> dict[str, Any]:
    """What the page says the reader has."""
    user = get_user_model().objects.create_user("jane_doe")
    issuer = Workspace.objects.get().frontend_api
    return {"URL": live_server.url, "API_KEY": api_key, "USER_ID": user_id(user.pk), "ISSUER": issuer}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="the page's commands are curl's, which is not installed here")
def test_the_commands_work_in_the_order_of_the_page(given):
    printed = run_bash(PAGE, given)
    assert '"jwt":"ey' in printed
    assert '"status":"revoked"' in printed.rpartition('"keys":[')[2]


@pytest.mark.django_db(transaction=True)
def test_the_python_works(given):
    names = dict(given)
    for block in blocks(PAGE, "python"):
        exec(compile(block, PAGE, "exec"), names)
    assert names["claims"]["sid"] == names["session"].id
