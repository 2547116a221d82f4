"""How many statements the two databases need."""

from django.db import connection

__all__ = ["inserts"]


def inserts(models: int) -> int:
    """Return how many statements insert new rows of so many models together."""
    return 1 if connection.vendor == "postgresql" else models
