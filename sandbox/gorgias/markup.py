"""Converts a message's HTML to plain lines of text, so that the page never runs a sender's markup."""

import html
from html.parser import HTMLParser

_BLOCKS = frozenset({"p", "div", "ul", "ol", "li", "table", "tr", "h1", "h2", "h3", "blockquote"})
_UNSEEN = frozenset({"script", "style", "head", "title"})


def make_html(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def read_text(markup: str) -> str:
    """Read the visible text of `markup`: one line for each block and line break, with escapes resolved."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.parts).split("\n")]
    return "\n".join(lines).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base class's signature
        self._unseen += tag in _UNSEEN
        if tag == "br":
            self.parts.append("\n")
        elif tag in _BLOCKS:
            self._end_line()

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        if tag in _BLOCKS:
            self._end_line()

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data.replace("\n", " "))

    def _end_line(self) -> None:
        """End a line; neighbouring blocks have one line break between them."""
        if self.parts and not self.parts[-1].endswith("\n"):
            self.parts.append("\n")
