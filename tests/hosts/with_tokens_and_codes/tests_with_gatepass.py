from django.conf import settings
from django.test import TestCase, override_settings
from sign_ins import SignIns
from with_tokens_and_codes.tests import TokenVisitor

from user_sessions.models import UserSession

OTP = "django_otp.middleware.OTPMiddleware"


class Sessions(SignIns, TokenVisitor, TestCase):
    def test_a_code_is_a_method_of_the_session(self):
        self.log_in_with_code()
        assert UserSession.objects.get().amr == ["pwd", "otp", "mfa"]

    def test_a_token_of_simplejwt_is_no_session(self):
        self.jwt()
        assert not UserSession.objects.exists()

    def test_a_token_of_knox_changes_no_session(self):
        self.log_in()
        self.client.post("/knox/")
        assert UserSession.objects.get().status == "active"
        self.assertContains(self.client.get("/private/"), "for ann")

    def test_the_vault_closes_with_a_revocation(self):
        self.log_in_with_code()
        self.assertContains(self.client.get("/vault/"), "the vault of ann")
        UserSession.objects.get().revoke(actor="test")
        assert self.client.get("/vault/").status_code == 302


class Above(Sessions):
    """The same, with the middleware of django-otp above ours."""

    def setUp(self):
        super().setUp()
        middleware = [each for each in settings.MIDDLEWARE if each != OTP]
        middleware.insert(middleware.index("user_sessions.middleware.UserSessionMiddleware"), OTP)
        self.enterContext(override_settings(MIDDLEWARE=middleware))
