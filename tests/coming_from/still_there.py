"""Use the cookie from before the installation of Gatepass, and print the status."""

import sys

import django

django.setup()

from django.test import Client

print(Client(headers={"cookie": f"sessionid={sys.argv[1]}"}).get("/private/").status_code)
