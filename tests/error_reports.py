"""Error reports as Django mails them to the administrators."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.signals import got_request_exception
from django.test import Client
from django.views.debug import ExceptionReporter

__all__ = ["error_reports"]


@contextmanager
def error_reports(client: Client, monkeypatch: pytest.MonkeyPatch, broken: tuple[Any, str]) -> Iterator[list[str]]:
    """Make this method of a class fail, and collect the reports of the requests inside, each as HTML and as text."""
    reports: list[str] = []

    def report(sender: Any, request: Any, **kwargs: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.append(reporter.get_traceback_html() + reporter.get_traceback_text())

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("broken")

    client.raise_request_exception = False
    got_request_exception.connect(report)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(*broken, fail)
            yield reports
    finally:
        got_request_exception.disconnect(report)
