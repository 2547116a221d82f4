from django.test import TestCase
from rest_framework.exceptions import NotAuthenticated
from sign_ins import SignIns
from with_strict_rest_framework.tests import ApiVisitor

from client_sessions.models import ClientSession
from sessions_core.models import ApiKey, Workspace
from user_sessions.models import UserSession


class Sessions(SignIns, ApiVisitor, TestCase):
    def test_a_login_in_an_api_view_starts_a_session(self):
        self.log_in_by_api()
        session = UserSession.objects.get()
        assert (session.user, session.amr) == (self.ann, ["pwd"])

    def test_a_revoked_session_is_anonymous_in_the_api(self):
        self.log_in_by_api()
        UserSession.objects.get().revoke(actor="test")
        with self.assertRaises(NotAuthenticated):  # which the handler of the host raises again
            self.client.get("/api/me/")
        self.assert_anonymous()

    def test_the_defaults_of_the_host_do_not_apply_to_client_sessions(self):
        here = Workspace.objects.create(name="Mine", is_sandbox=True)
        key = ApiKey.objects.issue(here, name="a backend", actor="test")[1]
        headers = {"authorization": f"Bearer {key}"}
        answer = self.client.post("/client_sessions/create", {}, "application/json", headers=headers)
        assert (answer.status_code, answer.json()["ok"]) == (200, True)
        assert ClientSession.objects.count() == 1
