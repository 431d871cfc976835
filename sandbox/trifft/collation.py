"""Compares texts like an accent-insensitive collation of MySQL: without case, accents and trailing spaces."""

import unicodedata


def is_collated(one: str, other: str) -> bool:
    """To utf8mb4_general_ci "ß" is "s", to utf8mb4_unicode_ci it is "ss": here both are equal."""
    return any(_fold(one, sharp_s) == _fold(other, sharp_s) for sharp_s in ("s", "ss"))


def _fold(text: str, sharp_s: str) -> str:
    for letter in "ßẞ":
        text = text.replace(letter, sharp_s)
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in folded if not unicodedata.combining(char)).rstrip(" ")
