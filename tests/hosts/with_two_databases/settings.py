"""Orders in one database, users and their sessions in another, and a transaction around each request."""

import os

from base_settings import *

DATABASES["people"] = database(f"{os.environ['HOST']}_people")
for each in DATABASES.values():
    each["ATOMIC_REQUESTS"] = True
DATABASE_ROUTERS = ["with_two_databases.routers.Router"]
