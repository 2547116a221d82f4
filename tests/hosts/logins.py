"""The login of a host project, and the tests that most of them have of it."""

from django.contrib.auth import get_user_model
from django.test import Client

PASSWORD = "correct horse"


class Visitor:
    """A user of a host project, with a browser. A host whose login differs overrides this."""

    name = "ann"
    login_page = "/login/"
    logout_page = "/logout/"

    def setUp(self):
        self.ann = self.create_user()

    def create_user(self):
        return get_user_model().objects.create_user(self.name, password=PASSWORD)

    def create_operator(self):
        return get_user_model().objects.create_superuser("operator", password=PASSWORD)

    def log_in(self, password=PASSWORD):
        return self.client.post(self.login_page, {"username": self.name, "password": password})

    def operator(self):
        client = Client()
        client.force_login(self.create_operator())
        return client

    def assert_anonymous(self):
        login_page = f"{self.login_page}?next=/private/"
        self.assertRedirects(self.client.get("/private/"), login_page, fetch_redirect_response=False)


class Logins:
    def test_a_visitor_is_sent_to_the_login_page(self):
        self.assert_anonymous()

    def test_a_password_opens_the_private_page(self):
        self.assertRedirects(self.log_in(), "/private/", fetch_redirect_response=False)
        self.assertContains(self.client.get("/private/"), f"for {self.name}")

    def test_a_wrong_password_does_not(self):
        self.log_in("wrong")
        self.assert_anonymous()

    def test_logging_out_closes_the_private_page(self):
        self.log_in()
        self.client.post(self.logout_page)
        self.assert_anonymous()

    def test_a_visitor_and_a_member_see_the_home_page(self):
        self.assertContains(self.client.get("/"), "for all")
        self.log_in()
        self.assertContains(self.client.get("/"), "for all")

    def test_an_operator_reads_the_admin(self):
        self.assertContains(self.operator().get("/admin/"), "Site administration")
