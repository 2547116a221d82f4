"""Sign users in through the views of five packages, and print what the packages know of it."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import django

django.setup()

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.signing import b62_decode
from django.test import Client
from knox.models import AuthToken
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

PASSWORD = "correct horse"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ann, bob = (User.objects.create_user(name, password=PASSWORD) for name in ("ann", "bob"))
User.objects.create_superuser("admin", password=PASSWORD)


def posted(path, **form):
    answer = Client().post(path, form)
    assert answer.status_code == 200, answer.content
    return answer.json()


def in_utc(time):
    return time.astimezone(UTC).isoformat()


# Django's own form in the admin, which allauth does not see
admin = Client()
assert admin.post("/admin/login/", {"username": "admin", "password": PASSWORD}).status_code == 302
django_key = admin.cookies["sessionid"].value

# allauth: one signed in, and one whose Django session is gone
browser = Client(headers={"user-agent": FIREFOX}, REMOTE_ADDR="198.51.100.7")
assert browser.post("/accounts/login/", {"login": "ann", "password": PASSWORD}).status_code == 302
assert browser.get("/private/").status_code == 200
other = Client(headers={"user-agent": FIREFOX}, REMOTE_ADDR="198.51.100.8")
other.post("/accounts/login/", {"login": "bob", "password": PASSWORD})
Session.objects.filter(pk=other.cookies["sessionid"].value).delete()
Client().post("/accounts/login/", {"login": "ann", "password": "wrong"})

basic = b64encode(f"ann:{PASSWORD}".encode()).decode()
answer = Client().post("/knox/", headers={"authorization": f"Basic {basic}"})
assert answer.status_code == 200, answer.content
knox_token = answer.json()["token"]
AuthToken.objects.create(bob, expiry=timedelta(seconds=1))

token = posted("/token/", username="ann", password=PASSWORD)["token"]

# simplejwt: one sign-in with a rotation, and one that ended
first = posted("/jwt/", username="ann", password=PASSWORD)["refresh"]
rotated = posted("/jwt/refresh/", refresh=first)["refresh"]
signed_out = posted("/jwt/", username="ann", password=PASSWORD)["refresh"]
posted("/jwt/blacklist/", refresh=signed_out)

listed = UserSession.objects.get(user=ann)
session = Session.objects.get(pk=django_key)
outstanding = OutstandingToken.objects.order_by("id")
blacklisted = BlacklistedToken.objects.order_by("token_id")
print(
    json.dumps(
        {
            "rows": {
                "allauth": UserSession.objects.count(),
                "django": Session.objects.count(),
                "knox": AuthToken.objects.count(),
                "authtoken": Token.objects.count(),
                "simplejwt": outstanding.count(),
            },
            "allauth": {"created_at": in_utc(listed.created_at), "last_seen_at": in_utc(listed.last_seen_at)},
            "django": {
                "saved_at": in_utc(datetime.fromtimestamp(b62_decode(session.session_data.split(":")[1]), UTC)),
                "expire_date": in_utc(session.expire_date),
            },
            "knox": {
                each.user.username: {"created": in_utc(each.created), "expiry": in_utc(each.expiry)}
                for each in AuthToken.objects.all()
            },
            "authtoken": {"created": in_utc(Token.objects.get().created)},
            "simplejwt": {
                "created_at": [in_utc(each.created_at) for each in outstanding],
                "blacklisted_at": [in_utc(each.blacklisted_at) for each in blacklisted],
            },
            "tokens": {"knox": knox_token, "authtoken": token, "simplejwt": rotated, "cookie": listed.session_key},
            "secrets": [
                *(each.session_key for each in Session.objects.all()),
                *(each.session_data for each in Session.objects.all()),
                *(each.session_key for each in UserSession.objects.all()),
                *(each.digest for each in AuthToken.objects.all()),
                *(each.token_key for each in AuthToken.objects.all()),
                *(each.jti for each in outstanding),
                *(each.token for each in outstanding),
                token,
                knox_token,
            ],
        }
    )
)
