from django.test import TestCase
from logins import PASSWORD, Logins, Visitor
from rest_framework.exceptions import APIException


class ApiVisitor(Visitor):
    def log_in_by_api(self):
        form = {"username": self.name, "password": PASSWORD}
        return self.client.post("/api/login/", form, content_type="application/json")


class Login(Logins, ApiVisitor, TestCase):
    def test_the_api_logs_in(self):
        assert self.log_in_by_api().json() == {"name": "ann"}
        assert self.client.get("/api/me/").json() == {"name": "ann"}

    def test_a_view_that_states_nothing_is_closed(self):
        self.log_in()
        with self.assertRaises(APIException):
            self.client.get("/api/closed/")
