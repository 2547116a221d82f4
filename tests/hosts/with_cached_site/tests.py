from django.core.cache import cache
from django.test import Client, TestCase
from logins import Logins, Visitor


class CachedVisitor(Visitor):
    def setUp(self):
        cache.clear()
        super().setUp()


class Login(Logins, CachedVisitor, TestCase):
    def test_members_and_visitors_share_the_cached_page(self):
        first = self.client.get("/news/")
        self.log_in()
        second, third = self.client.get("/news/"), Client().get("/news/")
        assert first.content == second.content == third.content
        assert "Expires" in first.headers and "Vary" not in first.headers
