"""Keyset pagination. A cursor contains the last row of a page, and the caller and parameters it is valid for."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request

from client_sessions.models import ClientSession
from client_sessions.scoping import Auth
from client_sessions.seam.errors import SeamError, invalid
from client_sessions.seam.links import absolute_url
from sessions_core.crypto.tokens import digest
from sessions_core.http.parameters import Number, Parameter, Text

__all__ = ["LARGEST_PAGE", "PAGE_PARAMETERS", "Page", "first_rows", "page_from", "page_of"]

LARGEST_PAGE = 500

PAGE_PARAMETERS: Mapping[str, Parameter] = {
    "limit": Number(within=range(1, 2**31)),
    "page_cursor": Text(nullable=True),
}

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    rows: list[M]
    pagination: Mapping[str, Any]


def page_of(rows: QuerySet[M], request: Request, parameters: Mapping[str, Any], *, auth: Auth) -> Page[M]:
    """Return the requested page, oldest rows first: one query and no count.

    Rows need ``created_at`` and ``id``. LARGEST_PAGE limits the page size. Raise SeamError for a cursor that is invalid
    or was issued for other parameters or another caller.
    """
    filters = {name: value for name, value in parameters.items() if name != "page_cursor"}
    if cursor := parameters.get("page_cursor"):
        created_at, id = _read(cursor, _purpose(request.path, filters, auth))
        rows = rows.filter(Q(created_at__gt=created_at) | Q(created_at=created_at, id__gt=id))
    size = min(filters.get("limit", LARGEST_PAGE), LARGEST_PAGE)
    return page_from(first_rows(rows, size), size, request, filters, auth=auth)


def first_rows(rows: QuerySet[M], size: int = LARGEST_PAGE) -> QuerySet[M]:
    """Return the rows of a page and the one after them."""
    return rows.order_by("created_at", "id")[: size + 1]


def page_from(rows: Iterable[M], size: int, request: Request, filters: Mapping[str, Any], *, auth: Auth) -> Page[M]:
    """Return the page of the rows that ``first_rows`` found."""
    found = list(rows)
    if len(found) <= size:
        return Page(found, {"has_next_page": False, "next_page_cursor": None, "next_page_url": None})
    found = found[:size]
    last: Any = found[-1]
    purpose = _purpose(request.path, filters, auth)
    next_cursor = _signer().sign_object([last.created_at.isoformat(), str(last.pk), purpose])
    query = _query_of({**filters, "page_cursor": next_cursor, "_strict": True})
    url = f"{absolute_url(request, request.path)}?{query}"
    return Page(found, {"has_next_page": True, "next_page_cursor": next_cursor, "next_page_url": url})


def _query_of(parameters: Mapping[str, Any]) -> str:
    """Encode parameters as the SDKs do, so that they are parsed to the same values."""
    pairs: list[tuple[str, str]] = []
    for name, value in parameters.items():
        match value:
            case dict():
                pairs += [(f"{name}.{member}", _text(one)) for member, one in value.items()]
            case list():
                pairs += [(name, _text(one)) for one in value or [None]]
            case _:
                pairs.append((name, _text(value)))
    return urlencode(pairs)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat()
    return str(value)


def _purpose(path: str, filters: Mapping[str, Any], auth: Auth) -> str:
    """Return a digest of path, parameters and the scope of the caller."""
    scope = [path, str(auth.workspace_id), str(auth.pk) if isinstance(auth, ClientSession) else ""]
    return digest(json.dumps([scope, filters], sort_keys=True, default=str))[:24]


def _read(cursor: str, purpose: str) -> tuple[datetime, UUID]:
    try:
        created_at, id, cursor_purpose = _signer().unsign_object(cursor)
    except (BadSignature, ValueError, TypeError):
        raise invalid("page_cursor", "Invalid cursor") from None
    if cursor_purpose != purpose:
        raise SeamError("mismatched_page_parameters")
    return datetime.fromisoformat(created_at), UUID(id)


def _signer() -> Signer:
    # "." does not occur in URL-safe base64 and needs no escaping in a URL.
    return Signer(salt="client_sessions.pagination", sep=".")
