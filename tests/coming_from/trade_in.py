"""Present a token to the views of a page, and print the answers."""

import json
import sys
from types import ModuleType

import django

django.setup()

from django.conf import settings
from django.test import Client, override_settings
from django.urls import include, path

from user_sessions.models import UserSession
from user_sessions.tokens.session_tokens import session_token

package, code, tokens = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
page = ModuleType("page")
exec(compile(code, package, "exec"), vars(page))
page.urlpatterns = [
    path("", include(settings.ROOT_URLCONF)),
    path("orders/", page.Orders.as_view()),
    path("trade-in/", page.TradeIn.as_view()),
]
token, body, word = tokens[package], {}, "Token"
with override_settings(ROOT_URLCONF=page):
    if package == "simplejwt":
        access = Client().post("/jwt/refresh/", {"refresh": token}).json()
        token, body, word = access["access"], {"refresh": access["refresh"]}, "JWT"
    old = {"authorization": f"{word} {token}"}
    UserSession.objects.live().revoke(actor="test")
    browser = Client(headers={} if body else old)
    with_old_token = Client().get("/orders/", headers=old)
    without = Client().get("/orders/")
    traded = browser.post("/trade-in/", body)
    live = UserSession.objects.live()
    bearer = {"authorization": f"Bearer {session_token(live.get())}"}
    with_new_token = Client().get("/orders/", headers=bearer)
    print(
        json.dumps(
            {
                "orders": [
                    [answer.status_code, answer.json() if answer.status_code == 200 else None]
                    for answer in (with_old_token, without, with_new_token)
                ],
                "traded": [traded.status_code],
                "live": live.count(),
                "private": browser.get("/private/").status_code,
                "again": Client(headers={} if body else old).post("/trade-in/", body).status_code,
            }
        )
    )
