"""What the figures depend on: the machine and the versions."""

import os
import platform
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.projects import ROOT

PACKAGES = [
    *("django", "djangorestframework", "cryptography", "pyjwt", "psycopg", "gunicorn", "waitress"),
    *("django-rest-knox", "djangorestframework-simplejwt", "django-allauth"),
]


def description() -> dict[str, Any]:
    """Return the date, the machine, the versions and the commit."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    processor = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": commit(),
        "machine": {
            "processor": processor[1].strip() if processor else platform.machine(),
            "cores": os.cpu_count(),
            "memory_gib": round(int(memory[1]) / 1024**2) if memory else None,
            "system": f"{platform.system()} {platform.release()}",
            "load_before": round(os.getloadavg()[0], 2),
        },
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}},
    }


def commit() -> str:
    """Return the short hash of this checkout, with ``+`` if files were changed, or ``""`` without git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--exclude=*", "--dirty=+"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip()
