"""Fetch the key set of a workspace over HTTPS and cache it."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from email.message import Message
from http.client import HTTPException, HTTPResponse
from ipaddress import ip_address
from threading import Lock
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener, getproxies

from user_sessions.verify.keys import KeySet, VerificationKey
from user_sessions.verify.rejections import KeysUnavailable

__all__ = ["JwksUrl"]

MAX_BYTES = 256 * 1024
MAX_TIMEOUT = timedelta(minutes=5)

# Anyone can invent a kid, so unknown ones cause at most this many fetches in a row, then one in this many seconds.
UNKNOWN_KID_FETCHES = 5
UNKNOWN_KID_EVERY = 1.0
# Seconds before the next fetch after a failure. Threads that waited for the failed fetch do not repeat it.
RETRY_AFTER = 1.0
# Seconds. Shortest caching time of a response, whatever the server says, unless ``max_age`` is shorter.
MIN_AGE = 10.0

FAILURES = (OSError, HTTPException, ValueError, RecursionError)


@dataclass(frozen=True)
class _Answer:
    keys: KeySet
    etag: str | None
    fresh_until: float


class _NoRedirects(HTTPRedirectHandler):
    """Follow no redirect: the credential in the headers is for one address."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class JwksUrl:
    """Keys at an ``https`` URL, or an ``http`` URL on a loopback host. Threads can share one instance.

    The set is fetched again when it is older than ``max_age`` or the server's shorter ``max-age``, and when a token has
    an unknown key id. ``stale_for`` is how much longer a stale set is used while the server is unreachable. The default
    is zero: otherwise an attacker who has a revoked key and can block this URL could use the key longer.

    ``timeout`` limits each wait on the network, and the whole body. ``clock`` returns monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_age: timedelta = timedelta(minutes=5),
        timeout: timedelta = timedelta(seconds=5),
        stale_for: timedelta = timedelta(0),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not _is_safe(url):
            raise ValueError("url must start with https://, or with http:// and a loopback host.")
        if not all(_is_header(text) for item in (headers or {}).items() for text in item):
            # http.client refuses it too, but its error quotes the credential.
            raise ValueError("headers must be printable ASCII strings, without newlines.")
        if not _is_duration(max_age) or max_age < timedelta(0):
            raise ValueError("max_age must be a timedelta of 0 or more.")
        if not _is_duration(stale_for) or stale_for < timedelta(0):
            raise ValueError("stale_for must be a timedelta of 0 or more.")
        if not _is_duration(timeout) or not timedelta(0) < timeout <= MAX_TIMEOUT:
            raise ValueError(f"timeout must be a timedelta of more than 0 and at most {MAX_TIMEOUT}.")
        self.url = url
        self._headers = dict(headers or {})
        self._max_age = max_age.total_seconds()
        self._timeout = timeout.total_seconds()
        self._stale_for = stale_for.total_seconds()
        self._clock = clock
        # No proxy for http, which is allowed for loopback hosts only.
        proxies = {scheme: proxy for scheme, proxy in getproxies().items() if scheme == "https"}
        self._opener = build_opener(_NoRedirects, ProxyHandler(proxies))
        self._lock = Lock()
        self._answer: _Answer | None = None
        self._retry_at = self._unknown_kids_until = clock()

    def key_for(self, kid: str | None) -> VerificationKey | None:
        """Return the key with this ``kid``, or None. Raise KeysUnavailable if there is no usable key set."""
        if kid is None:
            return None
        answer = self._answer
        if answer is not None and self._clock() < answer.fresh_until and (key := answer.keys.key_for(kid)) is not None:
            return key
        with self._lock:
            return self._keys_for(kid, self._clock()).key_for(kid)

    def _keys_for(self, kid: str, now: float) -> KeySet:
        """Return the key set. Fetch it first if it is stale or the ``kid`` is unknown."""
        if self._answer is None or now >= self._answer.fresh_until:
            return self._fetched(now)
        if self._answer.keys.key_for(kid) is None and self._may_fetch_for_unknown(now):
            return self._fetched(now)
        return self._answer.keys

    def _may_fetch_for_unknown(self, now: float) -> bool:
        """Return True if the rate limit allows a fetch for an unknown kid, and count it."""
        used_until = max(self._unknown_kids_until, now)
        if used_until - now > (UNKNOWN_KID_FETCHES - 1) * UNKNOWN_KID_EVERY:
            return False
        self._unknown_kids_until = used_until + UNKNOWN_KID_EVERY
        return True

    def _fetched(self, now: float) -> KeySet:
        """Fetch the key set. Return the stale one if that fails and ``stale_for`` allows it."""
        failure: Exception | None = None
        if now >= self._retry_at:
            try:
                self._answer = self._fetch(now)
                return self._answer.keys
            except FAILURES as error:
                failure = error
                self._retry_at = self._clock() + RETRY_AFTER
        if self._answer is None or now >= self._answer.fresh_until + self._stale_for:
            raise KeysUnavailable(self.url) from failure
        return self._answer.keys

    def _fetch(self, now: float) -> _Answer:
        """Fetch the key set from the server. Raise one of FAILURES."""
        etag = {"If-None-Match": self._answer.etag} if self._answer and self._answer.etag else {}
        request = Request(self.url, headers={**self._headers, **etag})
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                keys = KeySet.from_jwks(json.loads(self._body(response)))
                return _Answer(keys, response.headers["ETag"], now + self._age(response.headers))
        except HTTPError as error:
            error.close()
            if error.code == 304 and self._answer:
                return replace(self._answer, fresh_until=now + self._age(error.headers))
            raise

    def _body(self, response: HTTPResponse) -> bytes:
        deadline = self._clock() + self._timeout
        body = b""
        while chunk := response.read1(MAX_BYTES):
            body += chunk
            if len(body) > MAX_BYTES or self._clock() > deadline:
                raise ValueError("The response is too large or too slow.")
        return body

    def _age(self, headers: Message) -> float:
        """Return how many seconds to cache a response. ``no-store`` is ignored: it is meant for shared caches."""
        found = re.search(r"max-age=\"?(\d{1,9})\b", headers["Cache-Control"] or "", re.IGNORECASE)
        return min(self._max_age, max(MIN_AGE, float(found[1]))) if found else self._max_age


def _is_duration(value: object) -> bool:
    return isinstance(value, timedelta)


def _is_header(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return host != "" if parts.scheme == "https" else parts.scheme == "http" and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
