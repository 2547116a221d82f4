"""A Django project with the page "Your devices", and browsers that use it, for tests."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import include, path

from tests.user_sessions import django_project
from user_sessions.models import UserSession

PAGE = "/devices/"
PASSWORD = "first password"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"

urlpatterns = [
    path("devices/", include("user_sessions.pages.device_urls")),
    *django_project.urlpatterns,
]


class Device:
    """A browser in which the user has signed in."""

    def __init__(self, user: User, agent: str = FIREFOX, **options: Any) -> None:
        self.client = Client(headers={"user-agent": agent}, **options)
        self.client.post("/login/", {"username": user.username, "password": PASSWORD})

    @property
    def session(self) -> UserSession:
        return UserSession.objects.get(pk=self.client.session["_user_session_id"])

    def get(self, path: str = "") -> Any:
        return self.client.get(f"{PAGE}{path}")

    def text(self, path: str = "") -> str:
        text: str = self.get(path).content.decode()
        return text

    def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Any:
        return self.client.post(f"{PAGE}{path}", form or {}, headers=headers)

    def sign_out(self, session: UserSession, **headers: str) -> Any:
        return self.post(f"{session.pk}/sign-out/", **headers)

    def rename(self, session: UserSession, name: str, **headers: str) -> Any:
        return self.post(f"{session.pk}/rename/", {"name": name}, **headers)

    def json(self, path: str = "") -> Any:
        return self.client.get(f"{PAGE}{path}", headers={"accept": "application/json"}).json()

    def listed(self, path: str = "") -> list[str]:
        """Return the ids of the listed sessions."""
        return [each["id"] for each in self.json(path)["sessions"]]

    @property
    def is_signed_in(self) -> bool:
        return bool(self.client.get("/private/").status_code == 200)


def install(settings: Any, folder: Any) -> None:
    django_project.install(settings, folder, urls=__name__)
    settings.LOGIN_URL = "/login/"
