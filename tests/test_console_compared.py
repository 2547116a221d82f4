"""The numbers of clicks on the page that compares consoles are those that tests count."""

import re
from pathlib import Path

import pytest

from tests.embedded import embedded
from tests.pages import section

pytestmark = embedded

TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.rglob("test_*in_browser.py"))
TESTS += (Path(__file__).parent / "test_console_key_stories.py").read_text()


def counted() -> list[tuple[str, int]]:
    """Return the test and the number of each row."""
    rows = re.findall(r"^\|[^|]*\| \*\*(\d)\*\*.*\| `(test_\w+)` \|$", section("console-compared.md", "Clicks"), re.M)
    return [(name, int(number)) for number, name in rows]


@pytest.mark.parametrize(("name", "number"), counted())
def test_a_number_of_clicks_is_counted_by_its_test(name, number):
    code = TESTS.split(f"def {name}(")[1].split("\ndef ")[0]
    asserted = re.search(r"(?:steps|clicks) == (\d)|\(operator\.clicks, .*\) == \((\d)", code)
    assert number == (int(asserted[1] or asserted[2]) if asserted else code.count(".click("))


def test_every_row_names_its_test():
    rows = [line for line in section("console-compared.md", "Clicks").splitlines() if line.startswith("| ")]
    assert len(counted()) == len(rows) - 1


def test_all_25_features_have_an_answer():
    features = section("console-compared.md", "What a good console has")
    rows = re.findall(r"^\| (\d+) \| .+ \| (?:There|Partly|Not there)\b", features, re.M)
    assert [*map(int, rows)] == [*range(1, 26)]
