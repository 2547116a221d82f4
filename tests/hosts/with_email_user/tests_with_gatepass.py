from django.test import TestCase
from django.urls import reverse
from sign_ins import SignIns
from with_email_user.tests import EmailVisitor

from user_sessions.models import UserSession


class Sessions(SignIns, EmailVisitor, TestCase):
    def test_the_admin_finds_a_session_by_the_address(self):
        self.log_in()
        session, admin = UserSession.objects.get(), self.operator()
        path = reverse("admin:user_sessions_usersession_changelist")
        self.assertContains(admin.get(path, {"q": "ann@example.com"}), session.pk)
        self.assertNotContains(admin.get(path, {"q": "bob@example.com"}), session.pk)
