from django.db import connection
from django.test import TestCase
from logins import Logins, Visitor


class Login(Logins, Visitor, TestCase):
    def test_no_table_stores_the_session(self):
        assert "django_session" not in connection.introspection.table_names()
        assert self.log_in().cookies["sessionid"].value.count(":") == 2
