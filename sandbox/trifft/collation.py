"""How a database compares texts: without case, accents and trailing spaces, as MySQL's accent-insensitive ones do."""

import unicodedata


def is_collated(one: str, other: str) -> bool:
    """utf8mb4_general_ci takes "ß" for "s", utf8mb4_unicode_ci for "ss": either will do here."""
    return any(_fold(one, sharp_s) == _fold(other, sharp_s) for sharp_s in ("s", "ss"))


def _fold(text: str, sharp_s: str) -> str:
    for letter in "ßẞ":
        text = text.replace(letter, sharp_s)
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in folded if not unicodedata.combining(char)).rstrip(" ")
