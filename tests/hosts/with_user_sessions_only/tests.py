from django.test import TestCase
from logins import Logins, Visitor


class Login(Logins, Visitor, TestCase):
    def test_the_home_page_costs_no_query(self):
        self.log_in()
        with self.assertNumQueries(0):
            self.client.get("/")
