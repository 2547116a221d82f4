"""What a login is in every host project that installs user sessions."""

import os
from io import StringIO
from pathlib import Path
from uuid import UUID

from django.core.management import call_command
from django.db import connections, router
from django.urls import reverse

import user_sessions
from sessions_core.models import ApiKey, Workspace
from user_sessions.models import Status, UserSession


class SignIns:
    def test_the_wheel_is_what_runs(self):
        assert Path(user_sessions.__file__).is_relative_to(os.environ["HOST_WHEEL"])

    def test_the_checks_report_nothing(self):
        call_command("check", fail_level="WARNING")
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)

    def test_a_login_is_a_session_in_the_admin(self):
        self.log_in()
        session = UserSession.objects.get()
        listed = self.operator().get(reverse("admin:user_sessions_usersession_changelist"))
        self.assertContains(listed, session.pk)
        assert (session.user, session.latest_activity.ip_address) == (self.ann, "127.0.0.1")

    def test_the_request_after_a_revocation_is_anonymous(self):
        self.log_in()
        UserSession.objects.get().revoke(actor="test")
        self.assert_anonymous()
        assert "_auth_user_id" not in self.client.session

    def test_logging_out_ends_the_session(self):
        self.log_in()
        self.client.post(self.logout_page)
        assert UserSession.objects.get().status == Status.ENDED

    def test_a_token_of_another_package_is_imported(self):
        using = router.db_for_write(UserSession)
        key = self.ann._meta.pk.get_db_prep_save(self.ann.pk, connections[using])
        kind = {UUID: "uuid", int: "bigint"}.get(type(key), "varchar(40)")
        with connections[using].cursor() as cursor:
            cursor.execute(f"CREATE TABLE old_tokens (key varchar(40), user_id {kind}, created varchar(40))")
            cursor.execute("INSERT INTO old_tokens VALUES ('a', %s, '2026-03-01 09:30:00')", [key])
        call_command("import_sessions", "authtoken", table="old_tokens", database=using, stdout=StringIO())
        session = UserSession.objects.get()
        assert (session.user, session.status, session.created_at.isoformat()) == (
            self.ann,
            Status.ENDED,
            "2026-03-01T09:30:00+00:00",
        )

    def test_a_backend_revokes_a_session_with_its_key(self):
        self.log_in()
        key = ApiKey.objects.issue(Workspace.objects.get(), name="a backend", actor="test")[1]
        path = f"/v1/sessions/{UserSession.objects.get().pk}/revoke"
        assert self.client.post(path, {}, "application/json").status_code == 401
        answer = self.client.post(path, {}, "application/json", headers={"authorization": f"Bearer {key}"})
        assert (answer.status_code, answer.json().get("status")) == (200, "revoked"), answer.content
        self.assert_anonymous()
