from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession as AllauthSession
from django.test import TestCase
from sign_ins import SignIns
from with_allauth.tests import SECRET, AllauthVisitor

from user_sessions.models import UserSession


class Sessions(SignIns, AllauthVisitor, TestCase):
    def test_a_password_and_a_code_start_one_session_that_names_both(self):
        TOTP.activate(self.ann, SECRET)
        self.log_in()
        assert not UserSession.objects.exists()
        self.enter_code()
        assert set(UserSession.objects.get().amr) == {"pwd", "otp", "mfa"}

    def test_a_sign_up_starts_a_session(self):
        self.client.post("/accounts/signup/", {"username": "bob", "password1": "a longer one 7"})
        assert UserSession.objects.get().user.username == "bob"

    def test_a_revoked_session_leaves_the_list_of_allauth(self):
        self.log_in()
        self.client.get("/private/")
        assert AllauthSession.objects.count() == 1
        UserSession.objects.get().revoke(actor="test")
        self.assert_anonymous()
        assert not AllauthSession.objects.purge_and_list(self.ann)
