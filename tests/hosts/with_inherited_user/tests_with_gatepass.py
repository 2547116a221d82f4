from django.test import TestCase
from logins import Visitor
from sign_ins import SignIns


class Sessions(SignIns, Visitor, TestCase):
    pass
