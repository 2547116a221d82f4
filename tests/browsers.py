"""A real browser for tests of pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

# Flags that disable background network traffic.
QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
QUIET += ["--disable-component-update", "--disable-dev-shm-usage"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, headless. Without it the test is skipped, or fails if CI is set."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("The page is tried in a real browser, and there is no chromium on the PATH.")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root cannot use the sandbox
    # Playwright runs an event loop in this thread, and Django would treat every query as made inside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as playwright:
            yield playwright.chromium.launch(executable_path=found, args=[*QUIET, *sandbox])
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
