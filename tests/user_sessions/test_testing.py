"""The test kit for hosts: users signed in without a form, session tokens, and a fake issuer of them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.embedded import embedded
from tests.hosts import run, start_project
from tests.pages import blocks
from tests.policies import set_user_session_policy
from tests.user_sessions import django_project, step_up_pages
from user_sessions.models import Status, UserSession
from user_sessions.testing import session_token_for, sign_in
from user_sessions.verify import Expired, KeySet, MissingClaim, NotYetValid, UnknownKey, Verifier
from user_sessions.verify.testing import FakeIssuer

NOW = timezone.now()
AT = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def project(settings, tmp_path, workspace):
    django_project.install(settings, tmp_path)


@pytest.mark.usefixtures("project")
def test_a_test_signs_a_user_in_without_a_form(u1):
    client = Client()
    session = sign_in(client, u1)
    assert client.get("/private/").json() == {"user": "u1", "session": session.pk}


@pytest.mark.usefixtures("project")
def test_one_live_session_is_left(u1):
    client = Client()
    sign_in(client, u1)
    session = sign_in(client, u1)
    assert UserSession.objects.live().get() == session


@pytest.mark.usefixtures("project")
def test_a_limit_of_one_session_is_kept(workspace, u1):
    set_user_session_policy(workspace, limit=1)
    assert sign_in(Client(), u1) == UserSession.objects.live().get()


@pytest.mark.usefixtures("project")
def test_a_session_that_a_test_ends_is_over_at_the_next_click(u1):
    client = Client()
    sign_in(client, u1).end(actor="test")
    assert client.get("/private/").status_code == 302


@pytest.mark.parametrize(("ago", "status"), [(timedelta(0), 200), (HOUR, 302)])
def test_a_test_says_when_the_user_was_verified(settings, tmp_path, workspace, u1, ago, status):
    django_project.install(settings, tmp_path, urls=step_up_pages.__name__)
    settings.LOGIN_URL = "/login/"
    client = Client()
    sign_in(client, u1, verified_at=timezone.now() - ago)
    assert client.get("/page/").status_code == status


@pytest.mark.urls("tests.user_sessions.signed_in_views")
def test_a_session_token_of_a_user_opens_a_guarded_view(workspace, u1):
    token = session_token_for(u1)
    answer = Client(headers={"authorization": f"Bearer {token}"}).get("/plain/strict")
    assert (answer.status_code, answer.json()["user"]) == (200, u1.pk)


@pytest.mark.urls("tests.user_sessions.signed_in_views")
def test_a_token_of_an_hour_ago_is_over(workspace, u1):
    token = session_token_for(u1, at=NOW - HOUR)
    assert Client(headers={"authorization": f"Bearer {token}"}).get("/plain/strict").status_code == 401


def test_a_session_can_begin_in_the_past(workspace, u1):
    session = sign_in(Client(), u1, at=NOW - timedelta(days=400))
    assert session.status_at(NOW) != Status.ACTIVE


@embedded
class TestFakeIssuer:
    """Needs no database."""

    issuer = FakeIssuer()

    def test_its_tokens_are_verified_like_real_ones(self):
        claims = self.issuer.verifier.verify(self.issuer.token(user_id="user_7"))
        assert (claims.user_id, claims.session_id, claims.status) == ("user_7", "sess_test", "active")

    def test_its_key_set_is_what_a_service_fetches(self):
        verifier = Verifier(keys=KeySet.from_jwks(self.issuer.jwks), issuer=self.issuer.issuer)
        assert verifier.verify(self.issuer.token()).user_id == "user_test"

    def test_another_issuer_is_not_believed(self):
        with pytest.raises(UnknownKey):
            self.issuer.verifier.verify(FakeIssuer().token())

    @pytest.mark.parametrize(("at", "error"), [(AT - HOUR, Expired), (AT + HOUR, NotYetValid)])
    def test_the_time_is_passed_in(self, at, error):
        with pytest.raises(error):
            self.issuer.verifier.verify(self.issuer.token(at=at), at=AT)
        assert self.issuer.verifier.verify(self.issuer.token(at=AT), at=AT).issued_at == AT

    def test_a_claim_can_be_added_and_left_out(self):
        claims = self.issuer.verifier.verify(self.issuer.token(claims={"plan": "gold"}))
        assert claims.claims["plan"] == "gold"
        with pytest.raises(MissingClaim):
            self.issuer.verifier.verify(self.issuer.token(claims={"sid": None}))

    def test_it_needs_no_django(self):
        program = "import sys; from user_sessions.verify.testing import FakeIssuer as F; F().token()"
        program += "; assert 'django' not in sys.modules"
        subprocess.run([sys.executable, "-c", program], check=True)


@embedded
def test_the_code_of_the_page_runs_in_a_new_project_without_setup(tmp_path):
    project = start_project(tmp_path)
    (project / "test_page.py").write_text("\n\n".join(blocks("testing.md", "python")))
    printed = run(project, sys.executable, "-m", "pytest", "-q", "--ds=host.settings", "-p", "no:cacheprovider")
    assert "8 passed" in printed
