"""Prepares other people's text for display: removes characters, shortens it, and isolates its direction."""

from collections.abc import Iterable, Sequence

import regex

_OPEN = "\N{FIRST STRONG ISOLATE}"
_CLOSE = "\N{POP DIRECTIONAL ISOLATE}"
_LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"
# Removed: controls, lone surrogates, noncharacters, and invisible characters, which hide text or reorder it. Joiners
# and marks stay: emoji and scripts from Persian to Malayalam need them. Unassigned characters stay too: they may be
# emoji of a later Unicode version.
_HIDDEN = (
    r"[[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Noncharacter_Code_Point}]"
    r"||[\p{Default_Ignorable_Code_Point}--[\p{M}\p{L}\u200C\u200D]]]"
)
# The flag of England, for example: its letters are invisible, and without the flag they are hidden text.
_FLAG = r"\U0001F3F4[\U000E0020-\U000E007E]{2,8}\U000E007F"
_NOT_SHOWN = regex.compile(rf"({_FLAG})|{_HIDDEN}", regex.VERSION1)
_NOT_IN_OURS = regex.compile(rf"({_FLAG}|[{_OPEN}{_CLOSE}])|{_HIDDEN}", regex.VERSION1)
_SPACE = regex.compile(r"\s")
_SPACES = regex.compile(r"\s+")
_ISOLATES = regex.compile(f"[{_OPEN}{_CLOSE}]")
# The library calls unassigned characters R.
_RIGHT_TO_LEFT = regex.compile(r"[[\p{Bidi_Class=R}\p{Bidi_Class=AL}\p{Bidi_Class=AN}]--\p{Cn}]", regex.VERSION1)
_GRAPHEME = regex.compile(r"\X")


def make_line(text: str) -> str:
    """Make one line without hidden characters, with single spaces. Joiners stay."""
    if text.isprintable():  # so nothing in it is hidden, and the only space is " "
        return text if "  " not in text and text.strip(" ") == text else " ".join(text.split())
    return _SPACES.sub(" ", _NOT_SHOWN.sub(r"\1", _SPACES.sub(" ", text))).strip()


def cut(text: str, most: int) -> str:
    """The beginning of a text: at most `most` code points, without splitting what readers see as one character."""
    if len(text) <= most:
        return text
    end = 0
    for grapheme in _GRAPHEME.finditer(text):
        if grapheme.end() > most:
            break
        end = grapheme.end()
    return text[:end].rstrip()


def shorten(text: str, most: int) -> str:
    """As `cut`, with "…" in place of the rest."""
    return text if len(text) <= most else f"{cut(text, most - 1)}…"


def isolate(text: str) -> str:
    """Isolate another's text in a line of ours, so that its direction does not affect our words and numbers."""
    return enclose(make_line(text))


def join(texts: Sequence[str], separator: str) -> str:
    """Join others' texts and ours into one line, each isolated. A single text is unchanged, so that it can be copied.

    A web page may take a line's direction from its first letter, even an isolated one, so the line begins with a
    direction mark.
    """
    if len(texts) < 2:  # noqa: PLR2004 - one text, or none
        return "".join(map(make_line, texts))
    line = separator.join(map(isolate, texts))
    return f"{_LEFT_TO_RIGHT}{line}" if line.startswith(_OPEN) else line


def drop_mark(line: str) -> str:
    """Remove the direction mark from a line of `join` that follows our own words."""
    return line.removeprefix(_LEFT_TO_RIGHT)


def enclose(text: str) -> str:
    """Isolate a text if any of it runs from right to left. It may have isolated parts."""
    return f"{_OPEN}{text}{_CLOSE}" if not text.isascii() and _RIGHT_TO_LEFT.search(text) else text


def clean_line(text: str) -> str:
    """Clean a line of ours: isolated parts stay, other hidden characters go."""
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
    """Repair a folded line of ours: a part that is isolated across pieces is isolated in each piece."""
    closed, depth = [], 0
    for line in lines:
        begun = f"{_OPEN * depth}{line}"
        depth += line.count(_OPEN) - line.count(_CLOSE)
        closed.append(f"{begun}{_CLOSE * depth}")
    return closed
