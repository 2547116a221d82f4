"""Each catalogue has every marked text, translated, and its .mo file is up to date."""

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.utils.translation import override

from client_sessions.exceptions import TokenRevoked
from client_sessions.seam.refusals import refusal_of
from tests.embedded import embedded
from tests.pages import DOCS

pytestmark = embedded

ROOT = DOCS.parent

APPS = ("sessions_core", "client_sessions", "user_sessions")

CATALOGUES = sorted(ROOT.glob("*_*/locale/*/LC_MESSAGES/django.po"))

# Context and text. The context is empty if there is none.
Message = tuple[str, str]

FUNCTIONS = {"_", "gettext", "gettext_lazy", "pgettext", "pgettext_lazy"}
TRANSLATE = re.compile(r'{% translate "(?P<text>[^"]+)"(?: context "(?P<context>[^"]+)")? %}')
BLOCK = re.compile(r"{% blocktranslate %}(.+?){% endblocktranslate %}", re.DOTALL)


def marked(app: Path) -> Iterator[Message]:
    for file in app.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in FUNCTIONS:
                *context, text = [ast.literal_eval(argument) for argument in call.args]
                yield "".join(context), text
    for file in (each for kind in ("html", "txt") for each in app.rglob(f"*.{kind}")):
        page = file.read_text()
        yield from ((found["context"] or "", found["text"]) for found in TRANSLATE.finditer(page))
        yield from (("", re.sub(r"{{ (\w+) }}", r"%(\1)s", text)) for text in BLOCK.findall(page))


def catalogue(file: Path) -> dict[Message, str]:
    """The translations in a .po file. Obsolete entries are left out."""
    translations, field = {}, ""
    for entry in file.read_text().split("\n\n")[1:]:
        assert "#, fuzzy" not in entry
        fields = {"msgctxt": ""}
        for name, text in re.findall(r'^(?:(\w+) )?(".*")$', entry, re.MULTILINE):
            field = name or field
            fields[field] = fields.get(field, "") + ast.literal_eval(text)
        translations[fields["msgctxt"], fields["msgid"]] = fields["msgstr"]
    return translations


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[ds]|{\w+}", text))


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: str(file.relative_to(ROOT)))
class TestCatalogue:
    def test_it_has_the_marked_texts_and_no_others(self, file):
        assert set(catalogue(file)) == set(marked(file.parents[3]))

    def test_every_text_is_translated_with_its_placeholders(self, file):
        for (_, text), translation in catalogue(file).items():
            assert translation
            assert placeholders(translation) == placeholders(text)

    def test_the_compiled_file_is_up_to_date(self, file):
        with file.with_suffix(".mo").open("rb") as compiled:
            translations = GNUTranslations(compiled)
        for (context, text), translation in catalogue(file).items():
            found = translations.pgettext(context, text) if context else translations.gettext(text)
            assert found == translation

    def test_a_single_word_has_a_context(self, file):
        """Django merges the catalogues of all apps, so a common word would change the pages of the host."""
        assert [text for context, text in catalogue(file) if " " not in text and not context] == []


def test_every_app_has_the_same_languages():
    languages = {(file.parents[3].name, file.parents[1].name) for file in CATALOGUES}
    assert {(app, language) for app in APPS for language in ("de", "fr")} <= languages


def test_a_guard_answers_in_the_language_of_the_request_and_the_wire_stays_english():
    with override("de"):
        assert str(TokenRevoked()) == "Die Client-Session wurde widerrufen."
        assert refusal_of(TokenRevoked()).message == "The client session was revoked."
