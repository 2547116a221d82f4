from django.test import TestCase
from logins import Visitor
from sign_ins import SignIns

from user_sessions.models import UserSession


class Sessions(SignIns, Visitor, TestCase):
    def test_a_deleted_user_leaves_no_session(self):
        self.log_in()
        self.ann.delete()
        assert not UserSession.objects.exists()
        self.assert_anonymous()
