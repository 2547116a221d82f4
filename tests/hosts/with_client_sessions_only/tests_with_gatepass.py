from django.apps import apps
from django.test import TestCase
from logins import Visitor

from client_sessions.models import ClientSession
from sessions_core.models import ApiKey, Workspace


class Sessions(Visitor, TestCase):
    def test_a_backend_starts_a_client_session(self):
        key = ApiKey.objects.issue(Workspace.objects.create(name="Mine"), name="a backend", actor="test")[1]
        headers = {"authorization": f"Bearer {key}"}
        answer = self.client.post("/client_sessions/create", {}, "application/json", headers=headers)
        token = answer.json()["client_session"]["token"]
        assert ClientSession.objects.get().token == token

    def test_a_login_is_left_alone(self):
        self.log_in()
        assert not apps.is_installed("user_sessions")
        self.assertContains(self.operator().get("/admin/"), "/admin/client_sessions/clientsession/")
