from django.test import TestCase
from logins import Logins, Visitor


class Login(Logins, Visitor, TestCase):
    def test_the_primary_key_is_a_relation(self):
        assert self.ann._meta.pk.is_relation
