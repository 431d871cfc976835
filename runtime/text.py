"""Text that somebody else wrote, as people are shown it: which of its characters, how much of it, and kept apart."""

from collections.abc import Iterable, Sequence

import regex

_OPEN = "\N{FIRST STRONG ISOLATE}"
_CLOSE = "\N{POP DIRECTIONAL ISOLATE}"
_LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"
# Controls, halves of surrogate pairs, what is no character, and what is invisible: it hides, or orders other text anew.
# What joins stays: emoji, and scripts from Persian to Malayalam, are written with the two joiners and with marks. What
# this version of Unicode does not know stays, too: it may be the next one's emoji.
_HIDDEN = (
    r"[[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Noncharacter_Code_Point}]"
    r"||[\p{Default_Ignorable_Code_Point}--[\p{M}\p{L}\u200C\u200D]]]"
)
# The flag of England, for example: its letters are invisible, and alone they are hidden text.
_FLAG = r"\U0001F3F4[\U000E0020-\U000E007E]{2,8}\U000E007F"
_NOT_SHOWN = regex.compile(rf"({_FLAG})|{_HIDDEN}", regex.VERSION1)
_NOT_IN_OURS = regex.compile(rf"({_FLAG}|[{_OPEN}{_CLOSE}])|{_HIDDEN}", regex.VERSION1)
_SPACE = regex.compile(r"\s")
_SPACES = regex.compile(r"\s+")
_ISOLATES = regex.compile(f"[{_OPEN}{_CLOSE}]")
# Of what is not assigned the library says R.
_RIGHT_TO_LEFT = regex.compile(r"[[\p{Bidi_Class=R}\p{Bidi_Class=AL}\p{Bidi_Class=AN}]--\p{Cn}]", regex.VERSION1)
_GRAPHEME = regex.compile(r"\X")


def make_line(text: str) -> str:
    """On one line, a run of spaces as one, without what is hidden. What joins characters stays."""
    if text.isprintable():  # so nothing in it is hidden, and the only space is " "
        return " ".join(text.split())
    return _SPACES.sub(" ", _NOT_SHOWN.sub(r"\1", _SPACES.sub(" ", text))).strip()


def cut(text: str, most: int) -> str:
    """Its beginning: at most so many code points, and no piece of what readers see as one character."""
    if len(text) <= most:
        return text
    end = 0
    for grapheme in _GRAPHEME.finditer(text):
        if grapheme.end() > most:
            break
        end = grapheme.end()
    return text[:end].rstrip()


def shorten(text: str, most: int) -> str:
    """As `cut`, with "…" where the rest was."""
    return text if len(text) <= most else f"{cut(text, most - 1)}…"


def isolate(text: str) -> str:
    """Somebody else's text for a line that has words or numbers of ours, which it would draw into its own direction."""
    return enclose(make_line(text))


def join(texts: Sequence[str], separator: str) -> str:
    """Others' texts and ours on one line, each isolated. One alone stays as it is, so that it can be copied.

    A web page may take a line's direction from its first letter, an isolated one, too: the line says that it is ours.
    """
    if len(texts) < 2:  # noqa: PLR2004 - one alone, or none
        return "".join(map(make_line, texts))
    line = separator.join(map(isolate, texts))
    return f"{_LEFT_TO_RIGHT}{line}" if line.startswith(_OPEN) else line


def drop_mark(line: str) -> str:
    """A line of `join` that comes to stand behind words of ours, which say its direction already."""
    return line.removeprefix(_LEFT_TO_RIGHT)


def enclose(text: str) -> str:
    """Isolated where any of it runs from right to left. It may hold isolated parts already."""
    return f"{_OPEN}{text}{_CLOSE}" if not text.isascii() and _RIGHT_TO_LEFT.search(text) else text


def clean_line(text: str) -> str:
    """A line of ours that may hold isolated parts: they stay, and nothing else that is hidden."""
    shown = _NOT_IN_OURS.sub(r"\1", _SPACE.sub(" ", text))
    odd, open_at = set[int](), list[int]()
    for found in _ISOLATES.finditer(shown):
        if found[0] == _OPEN:
            open_at.append(found.start())
        elif open_at:
            open_at.pop()
        else:
            odd.add(found.start())
    odd.update(open_at)
    return "".join(char for place, char in enumerate(shown) if place not in odd) if odd else shown


def close_lines(lines: Iterable[str]) -> list[str]:
    """A line of ours that was folded: what is isolated beyond the end of a piece is so in each piece."""
    closed, depth = [], 0
    for line in lines:
        begun = f"{_OPEN * depth}{line}"
        depth += line.count(_OPEN) - line.count(_CLOSE)
        closed.append(f"{begun}{_CLOSE * depth}")
    return closed
