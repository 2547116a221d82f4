"""Make the screenshots of pages in docs/images: ``python -m tests.screenshots``. Needs Chromium."""

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
COLOURS = 128


def shrink(picture: Path) -> None:
    """Store a picture with few colours, which makes it a third of its size and looks the same."""
    with Image.open(picture) as image:
        small = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(picture, optimize=True)


if __name__ == "__main__":
    os.environ["GATEPASS_SCREENSHOTS"] = str(IMAGES)
    tests = ROOT / "tests"
    modules = [
        tests / "user_sessions" / "test_devices_in_browser.py",
        tests / "test_dashboard_in_browser.py",
        tests / "test_console_pages_in_browser.py",
    ]
    failed = pytest.main(["-q", *map(str, modules), "-k", "screenshots"])
    for picture in (*IMAGES.glob("console-*.png"), *IMAGES.glob("your-devices-*.png")):
        shrink(picture)
    sys.exit(failed)
