"""Every rule of docs/wire/ and promise of docs/security.md has a test, and no test names one that does not exist."""

import ast
import re
from pathlib import Path

import pytest

from tests.embedded import embedded
from tests.pages import DOCS

pytestmark = embedded

TESTS = Path(__file__).parent
PAGES = {"wire/seam.md": "S", "wire/clerk.md": "C", "security.md": "P"}
MARKS = {"wire": ["wire/seam.md", "wire/clerk.md"], "promise": ["security.md"]}


def sections(page: str) -> list[list[str]]:
    """Return the numbers on a page, by section."""
    return [re.findall(r"^\* \*\*(\w+)\*\* ", part, re.MULTILINE) for part in (DOCS / page).read_text().split("\n## ")]


def numbers(page: str) -> list[str]:
    return [number for section in sections(page) for number in section]


def carried(mark: str) -> set[str]:
    """Return the numbers in ``pytest.mark`` on any test, module or parameter."""
    found = set()
    for file in [*TESTS.glob("test_*.py"), *TESTS.glob("*/test_*.py")]:
        if f"mark.{mark}(" in (source := file.read_text()):
            calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
            marks = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == mark]
            found |= {ast.literal_eval(number) for each in marks for number in each.args}
    return found


@pytest.mark.parametrize("mark", MARKS)
def test_every_numbered_sentence_has_a_test_and_every_mark_names_one(mark):
    assert carried(mark) == {number for page in MARKS[mark] for number in numbers(page)}


@pytest.mark.parametrize("page", PAGES)
def test_the_numbers_of_a_page_are_unique(page):
    known = numbers(page)
    assert len(known) == len(set(known))
    assert all(re.fullmatch(rf"{PAGES[page]}[1-9]\d*", number) for number in known)


@pytest.mark.parametrize("page", PAGES)
def test_the_numbers_of_a_section_are_in_order(page):
    for section in sections(page):
        assert section == sorted(section, key=lambda number: int(number[1:]))


@pytest.mark.parametrize("page", PAGES)
def test_every_item_of_a_page_has_a_number(page):
    items = re.findall(r"^\* .*", (DOCS / page).read_text(), re.MULTILINE)
    assert len(items) == len(numbers(page))
