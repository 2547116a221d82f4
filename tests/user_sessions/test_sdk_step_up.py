"""Clerk's JavaScript SDK, unmodified, recognises that a user must re-authenticate."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.embedded import sdk
from tests.user_sessions import django_project, step_up_pages
from user_sessions.models import UserSession
from user_sessions.tokens.session_tokens import session_token

pytestmark = [sdk, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("path", ["/page/", "/rest/"])
def test_the_sdk_reads_the_hint(javascript_sdk, workspace, settings, path):
    settings.ROOT_URLCONF, settings.MIDDLEWARE = step_up_pages.__name__, django_project.MIDDLEWARE
    old = timezone.now() - timedelta(hours=1)
    session = UserSession.objects.start(workspace, User.objects.create_user("ann"), actor="test", verified_at=old)
    caller = Client(headers={"authorization": f"Bearer {session_token(session)}"})
    refused = caller.get(path).json()
    assert javascript_sdk("hints", bodies=[refused, {}]) == [{"level": "first_factor", "afterMinutes": 10}, None]
