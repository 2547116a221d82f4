"""What a strict Content-Security-Policy refuses in a page."""

from html.parser import HTMLParser

__all__ = ["no_inline"]


class _Inline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        is_script = tag == "script" and "src" not in names and names.get("type") != "application/json"
        if tag == "style" or is_script or any(name == "style" or name.startswith("on") for name in names):
            self.found.append(self.get_starttag_text() or tag)


def no_inline(page: str) -> list[str]:
    """Return the tags of inline scripts, inline styles and event attributes: none, if the page may be shown."""
    parser = _Inline()
    parser.feed(page)
    return parser.found
