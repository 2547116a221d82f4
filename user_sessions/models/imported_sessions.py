"""Which sessions of other packages were imported, so that a restarted import adds none twice."""

from collections.abc import Iterable
from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q

from sessions_core.crypto.tokens import token_key_ids
from sessions_core.db.returning import insert_missing
from sessions_core.labels import WORKSPACE
from sessions_core.models import Workspace

__all__ = ["ImportedSession"]


class ImportedSessionQuerySet(models.QuerySet["ImportedSession"]):
    def known(self, digests: Iterable[str]) -> set[str]:
        """Return those of the digests that were imported."""
        return set(self.filter(pk__in=list(digests)).values_list("pk", flat=True))

    def claim(self, workspace: Workspace, source: str, digests: Iterable[str]) -> set[str]:
        """Record that these are being imported. Return those that no concurrent import has recorded."""
        return insert_missing([self.model(digest=digest, workspace=workspace, source=source) for digest in digests])

    def of_removed_keys(self) -> "ImportedSessionQuerySet":
        """Filter rows whose digest was made with a key that is not in TOKEN_KEYS any more: no import can find them."""
        return self.exclude(reduce(or_, [Q(pk__startswith=f"{key_id}:") for key_id in token_key_ids()]))


class ImportedSession(models.Model):
    """``digest`` is a pseudonym of the session's key or token. The session is not named: it can be erased, and is not
    imported again then."""

    digest = models.CharField(primary_key=True, max_length=41, editable=False)
    source = models.CharField(max_length=40, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", verbose_name=WORKSPACE)

    objects = ImportedSessionQuerySet.as_manager()

    def __str__(self) -> str:
        return self.pk
