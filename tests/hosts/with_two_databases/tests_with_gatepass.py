from django.test import TransactionTestCase
from sign_ins import SignIns
from with_two_databases.tests import RoutedVisitor

from user_sessions.models import UserSession


class Sessions(SignIns, RoutedVisitor, TransactionTestCase):
    def test_the_sessions_are_with_the_users(self):
        self.log_in()
        assert UserSession.objects.get()._state.db == "people"

    def test_a_request_that_fails_keeps_its_user_signed_in(self):
        self.log_in()
        assert self.order("invalid") == 500
        self.assertContains(self.client.get("/private/"), "for ann")

    def test_a_revoked_session_stays_over_when_the_request_fails(self):
        self.log_in()
        UserSession.objects.get().revoke(actor="test")
        assert self.order("invalid") == 302
        self.assert_anonymous()
