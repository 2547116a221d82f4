from django.test import AsyncClient, TestCase
from logins import PASSWORD, Logins, Visitor


class AsyncVisitor(Visitor):
    async def log_in_asynchronously(self):
        browser = AsyncClient()
        await browser.post("/login/", {"username": self.name, "password": PASSWORD})
        return browser


class Login(Logins, AsyncVisitor, TestCase):
    async def test_a_login_opens_the_private_page(self):
        browser = await self.log_in_asynchronously()
        assert (await browser.get("/private/")).content == b"for ann"

    async def test_a_log_out_closes_it(self):
        browser = await self.log_in_asynchronously()
        await browser.post("/logout/")
        assert (await browser.get("/private/")).status_code == 302
