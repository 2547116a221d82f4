import uuid

from django.test import TestCase
from logins import Logins, Visitor


class Login(Logins, Visitor, TestCase):
    def test_the_django_session_stores_the_uuid(self):
        self.log_in()
        assert uuid.UUID(self.client.session["_auth_user_id"]) == self.ann.pk
