"""Middleware that counts the statements of a request."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

COUNT = "X-Count-Statements"
STATEMENTS = "X-Statements"
# They open and close transactions, and do no work of their own.
_NOT_COUNTED = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT")


class CountStatements:
    """Middleware: if the request asks for it, tell in a header how many statements it took."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if COUNT not in request.headers:
            return self.get_response(request)
        statements = 0

        def count(execute: Callable[..., Any], statement: Any, *rest: Any) -> Any:
            nonlocal statements
            statements += not str(statement).startswith(_NOT_COUNTED)
            return execute(statement, *rest)

        with connection.execute_wrapper(count):
            response = self.get_response(request)
        response[STATEMENTS] = str(statements)
        return response
