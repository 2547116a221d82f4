"""Make the screenshots of pages in docs/images: ``python -m tests.screenshots``. Needs Chromium."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

if __name__ == "__main__":
    os.environ["GATEPASS_SCREENSHOTS"] = str(ROOT / "docs" / "images")
    tests = ROOT / "tests"
    modules = [tests / "user_sessions" / "test_devices_in_browser.py", tests / "test_dashboard_in_browser.py"]
    sys.exit(pytest.main(["-q", *map(str, modules), "-k", "screenshots"]))
