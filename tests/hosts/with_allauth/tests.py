from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.test import Client, TestCase
from logins import PASSWORD, Logins, Visitor

SECRET = "A" * 32


class AllauthVisitor(Visitor):
    login_page = "/accounts/login/"
    logout_page = "/accounts/logout/"

    def setUp(self):
        cache.clear()  # allauth counts logins there
        super().setUp()

    def log_in(self, password=PASSWORD):
        return self.client.post(self.login_page, {"login": self.name, "password": password})

    def enter_code(self):
        code = format_hotp_value(hotp_value(SECRET, next(yield_hotp_counters_from_time())))
        return self.client.post("/accounts/2fa/authenticate/", {"code": code})


class Login(Logins, AllauthVisitor, TestCase):
    def test_a_visitor_signs_up(self):
        self.client.post("/accounts/signup/", {"username": "bob", "password1": "a longer one 7"})
        self.assertContains(self.client.get("/private/"), "for bob")

    def test_a_code_is_required_after_the_password(self):
        TOTP.activate(self.ann, SECRET)
        self.assertRedirects(self.log_in(), "/accounts/2fa/authenticate/")
        self.assert_anonymous()
        self.client.post("/accounts/login/", {"login": self.name, "password": PASSWORD})
        self.assertRedirects(self.enter_code(), "/private/")

    def test_allauth_lists_both_sessions_and_ends_the_other(self):
        self.log_in()
        other = Client()
        other.post(self.login_page, {"login": self.name, "password": PASSWORD})
        for client in (other, self.client):
            self.assertContains(client.get("/private/"), "for ann")
        assert UserSession.objects.filter(user=self.ann).count() == 2
        self.client.post("/accounts/sessions/")
        assert other.get("/private/").status_code == 302
        assert self.client.get("/private/").status_code == 200
