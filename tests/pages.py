"""What a page of the documentation says: its tables and its code."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

DOCS = Path(__file__).parent.parent / "docs"


def table(page: str, heading: str) -> list[list[str]]:
    """Rows under a heading, as cells; one that is nothing but code comes without its marks."""
    section = (DOCS / page).read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[re.sub("^`([^`]*)`$", r"\1", cell.strip()) for cell in row] for row in rows]


def blocks(page: str, language: str) -> list[str]:
    """Code of one language, in the order of the page."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
    return [dedent(block) for block in found]


def run_bash(page: str, given: Mapping[str, str], *, local: str = "") -> str:
    """What the commands of a page print when they run one after the other; ``local`` stands for ``$URL`` if the page
    spells an address out. Any that fails, or gets an error for an answer, fails the test."""
    script = "\n".join(blocks(page, "bash")).replace("curl -s", "curl -sS --fail")
    script = script.replace(local, given["URL"]) if local else script
    environment = {**os.environ, **given}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
