"""How text of other people is shown: its length, its characters, and that it cannot reorder the rest."""

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from runtime.text import clean_line, close_lines, cut, isolate, make_line, shorten

CODER = "👩\u200d💻"
FAMILY = "👨\u200d👩\u200d👧\u200d👦"
FLAG = "🇸🇰"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
BURNING = "❤\ufe0f\u200d🔥"
PERSIAN = "می\u200cکنم"
NEW_EMOJI = "\U0001fae9"  # of Unicode 16, which is newer than the interpreter's tables
_PIECES = ["a", "1", " ", "\n", "\u2028", "א", "ש\u05b8", "ع", "٣", "\u0301", "\u200d", CODER, FAMILY, FLAG, ENGLAND]
_CONTROLS = "\u2066\u2067\u2068\u2069\u202a\u202b\u202c\u202d\u202e\u200e\u200f\u061c"
TEXTS = st.text(max_size=60) | st.lists(
    st.sampled_from([*_PIECES, *_CONTROLS, BURNING, PERSIAN, "हिन्दी"]), max_size=40
).map("".join)


def list_graphemes(text: str) -> list[str]:
    return regex.findall(r"\X", text)


def count_open(text: str) -> int:
    """Return how many isolates are open at its end. Fails if one is closed that was not opened."""
    depth = 0
    for char in text:
        depth += {"\u2068": 1, "\u2069": -1}.get(char, 0)
        assert depth >= 0
        assert char not in "\u2066\u2067\u202a\u202b\u202c\u202d\u202e\n\u2028\u2029"
    return depth


@pytest.mark.parametrize("text", [CODER, FAMILY, FLAG, ENGLAND, BURNING, PERSIAN, NEW_EMOJI, "നന്\u200dമ", "e\u0301"])
def test_joined_characters_stay_together(text: str) -> None:
    assert make_line(text) == text
    assert clean_line(isolate(text)).strip("\u2068\u2069") == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\u2028c\td", "a b c d"),
        ("  a   b ", "a b"),
        ("a  b", "a b"),
        (" a", "a"),
        ("a ", "a"),
        (" ", ""),
        ("a\x00\x1b[31mb", "a[31mb"),
        ("\u202eevil\u2066\u2069\u200e\u200f\u061c", "evil"),
        ("\ud800a\ufffe\U0001ffff", "a"),
        ("\ufeffsoft\u00ad\u2060hyphen", "softhyphen"),
        ("\U000e0067hidden\U000e0020", "hidden"),
        ("\u200b", ""),
    ],
)
def test_hidden_characters_are_removed(text: str, line: str) -> None:
    assert make_line(text) == line


@pytest.mark.parametrize(
    ("text", "isolated"),
    [
        ("Gold", "Gold"),
        ("山田 花子 5", "山田 花子 5"),
        (CODER, CODER),
        (NEW_EMOJI, NEW_EMOJI),
        ("זהב", "\u2068זהב\u2069"),
        ("VIP زهب", "\u2068VIP زهب\u2069"),
        ("٣ EUR", "\u2068٣ EUR\u2069"),
        ("\u2068זהב\u2069\u2069", "\u2068זהב\u2069"),
        ("", ""),
    ],
)
def test_text_from_right_to_left_is_isolated(text: str, isolated: str) -> None:
    assert isolate(text) == isolated


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        (CODER * 3, 7, CODER * 2),
        (CODER * 3, 6, CODER * 2),
        (CODER * 3, 5, CODER),
        (CODER, 2, ""),
        (FLAG * 3, 5, FLAG * 2),
        ("ae\u0301", 2, "a"),
        ("a b", 2, "a"),
        ("abc", 3, "abc"),
    ],
)
def test_cut_falls_between_characters(text: str, most: int, shown: str) -> None:
    assert cut(text, most) == shown


@given(TEXTS, st.integers(1, 30))
def test_cut_never_splits_a_character(text: str, most: int) -> None:
    line = make_line(text)
    shown = shorten(line, most)
    assert len(shown) <= most
    graphemes = list_graphemes(line)
    kept = shown.removesuffix("…") if len(line) > most else shown
    assert any("".join(graphemes[:count]).rstrip() == kept for count in range(len(graphemes) + 1))


@given(TEXTS)
def test_result_is_one_line_and_stays_the_same(text: str) -> None:
    line = make_line(text)
    assert make_line(line) == line
    assert len(line.splitlines()) <= 1
    assert count_open(line) == 0
    assert "\u2068" not in line


@given(st.lists(TEXTS, min_size=1, max_size=4), TEXTS)
def test_isolates_are_balanced_around_any_text(texts: list[str], odd: str) -> None:
    line = clean_line(odd + " · ".join(isolate(text) for text in texts))
    assert count_open(line) == 0
    assert all(isolate(text) in line for text in texts)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(1, 9))
def test_each_piece_of_a_folded_line_is_balanced(texts: list[str], width: int) -> None:
    line = " · ".join(isolate(text) for text in texts)
    pieces = [line[start : start + width] for start in range(0, len(line), width)]
    closed = close_lines(pieces)
    assert all(count_open(piece) == 0 for piece in closed)
    assert [piece.replace("\u2068", "").replace("\u2069", "") for piece in closed] == [
        piece.replace("\u2068", "").replace("\u2069", "") for piece in pieces
    ]


def test_marks_and_joiners_are_not_removed() -> None:
    """This covers all joiners and marks, of any script, that this interpreter knows."""
    marks = "".join(chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Mn", "Mc", "Me"})
    assert make_line(f"a{marks}\u200c\u200da") == f"a{marks}\u200c\u200da"
