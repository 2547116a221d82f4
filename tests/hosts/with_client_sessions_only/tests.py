from django.test import TestCase
from logins import Logins, Visitor


class Login(Logins, Visitor, TestCase):
    pass
