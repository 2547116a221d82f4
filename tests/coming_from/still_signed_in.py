"""Use what was given out before Gatepass was installed, and print the status of each answer."""

import json
import sys

import django

django.setup()

from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken

tokens = json.loads(sys.argv[1])
_, knox_token = AuthToken.objects.create(User.objects.get(username="ann"))  # the first one was traded in
form = {"username": "ann", "password": "correct horse"}
answers = [
    Client(headers={"cookie": f"sessionid={tokens['cookie']}"}).get("/private/"),
    Client().get("/knox/me/", headers={"authorization": f"Token {knox_token}"}),
    Client().get("/token/me/", headers={"authorization": f"Token {tokens['authtoken']}"}),
    Client().post("/jwt/refresh/", {"refresh": Client().post("/jwt/", form).json()["refresh"]}),
]
print(json.dumps([answer.status_code for answer in answers]))
