from django.test import Client, TestCase
from logins import Visitor
from sign_ins import SignIns


class Sessions(SignIns, Visitor, TestCase):
    def test_a_copy_of_the_cookie_is_worth_nothing_after_a_log_out(self):
        cookie = self.log_in().cookies["sessionid"].value
        thief = Client()
        thief.cookies["sessionid"] = cookie
        self.assertContains(thief.get("/private/"), "for ann")
        self.client.post(self.logout_page)
        assert thief.get("/private/").status_code == 302
