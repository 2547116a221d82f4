from django.contrib.auth import get_user_model
from django.test import TestCase
from logins import PASSWORD, Logins, Visitor


class EmailVisitor(Visitor):
    name = "ann@example.com"

    def create_operator(self):
        return get_user_model().objects.create_superuser("operator@example.com", password=PASSWORD)


class Login(Logins, EmailVisitor, TestCase):
    def test_the_model_has_no_user_name(self):
        assert not hasattr(self.ann, "username") and self.ann.get_username() == self.name
