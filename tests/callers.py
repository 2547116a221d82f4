"""A caller of the APIs with fixed headers."""

import json
from typing import Any

from django.test import Client


class Caller:
    """Calls the APIs over Django's own handler: ``caller.post("devices/list", limit=2)``."""

    def __init__(self, **headers: str) -> None:
        self.headers = headers
        self.client = Client(raise_request_exception=True)

    def request(self, method: str, path: str, body: Any = None, query: str = "", **headers: str) -> Any:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        response: Any = self.client.generic(
            method,
            f"/{path}{query}",
            content,
            content_type="application/json" if content else "application/x-www-form-urlencoded",
            headers=self.headers | {name.replace("_", "-"): value for name, value in headers.items()},
        )
        response.error = error_of(response)
        return response

    def post(self, path: str, **body: Any) -> Any:
        return self.request("POST", path, body)

    def put(self, path: str, **body: Any) -> Any:
        return self.request("PUT", path, body)

    def get(self, path: str, query: str = "") -> Any:
        return self.request("GET", path, query=query)


def bearer(token: str) -> Caller:
    return Caller(authorization=f"Bearer {token}")


def error_of(response: Any) -> str:
    """Return the type or code of the error in a response of either API, or an empty string."""
    if response.status_code < 400 or not response.content:
        return ""
    body = response.json()
    return body["error"]["type"] if "error" in body else body["errors"][0]["code"]
