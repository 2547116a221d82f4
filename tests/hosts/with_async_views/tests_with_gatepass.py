from asgiref.sync import sync_to_async
from django.test import TestCase
from sign_ins import SignIns
from with_async_views.tests import AsyncVisitor

from user_sessions.models import UserSession


class Sessions(SignIns, AsyncVisitor, TestCase):
    async def test_the_asynchronous_request_after_a_revocation_is_anonymous(self):
        browser = await self.log_in_asynchronously()
        session = await UserSession.objects.aget()
        assert (await browser.get("/private/")).content == b"for ann"
        await sync_to_async(session.revoke)(actor="test")
        assert (await browser.get("/private/")).status_code == 302

    async def test_an_asynchronous_log_out_ends_the_session(self):
        browser = await self.log_in_asynchronously()
        await browser.post("/logout/")
        assert (await UserSession.objects.aget()).status == "ended"
