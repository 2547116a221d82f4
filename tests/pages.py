"""Read tables and code from a page of the documentation."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

DOCS = Path(__file__).parent.parent / "docs"


def section(page: str, heading: str, *, level: int = 2) -> str:
    """Return the text under a heading, up to the next ``##``."""
    return (DOCS / page).read_text().split(f"{'#' * level} {heading}\n")[1].split("\n## ")[0]


def table(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the table under a heading. A cell that is only code comes without backticks."""
    rows = [line.strip("|").split("|") for line in section(page, heading).splitlines() if line.startswith("| `")]
    return [[re.sub("^`([^`]*)`$", r"\1", cell.strip()) for cell in row] for row in rows]


def blocks(page: str, language: str, *, under: str = "") -> list[str]:
    """Return the code blocks of one language, in the order of the page or of the section under a heading."""
    text = section(page, under) if under else (DOCS / page).read_text()
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [dedent(block) for block in found]


def run_bash(page: str, given: Mapping[str, str], *, local: str = "") -> str:
    """Run the commands of a page in order and return their output. A failing command or an API error fails the test.

    ``local`` is the address in the page that ``$URL`` replaces.
    """
    script = "\n".join(blocks(page, "bash")).replace("curl -s", "curl -sS --fail")
    script = script.replace(local, given["URL"]) if local else script
    environment = {**os.environ, **given}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
