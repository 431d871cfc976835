"""Reads phone numbers, and decides when two are the same line.

The customer writes the number: a guess would show and pay the wrong member. So a text that is no valid number by
Google's metadata, or could be two, is no number.
"""

import functools
import importlib.resources
import re
import unicodedata

import phonenumbers
from phonenumbers import PhoneNumberFormat

_SCHEME = re.compile(r"(tel|whatsapp):", re.IGNORECASE)
# Punctuation between digits. Letters, "#", ",", ";" and "*" begin an extension or a service: the number is refused.
_PUNCTUATION = re.compile(r"[\s()\[\]./~-]")
# A stranger chooses the text: a longer one is no number, and to read it would take time.
_MOST_CHARS = 320
_DIALLED = re.compile(r"\+?[0-9]{4,20}")
_OPTIONAL_ZERO = re.compile(r"\(\s*0\s*\)")
# Lines with two spellings. The groups: a prefix that is old or lacks the mark of a mobile, then the common rest.
_MEXICO = re.compile(r"(\+52)1([1-9][0-9]{9})")
_MEXICO_NOW = re.compile(r"(\+52)([1-9][0-9]{9})")
# In Brazil mobiles, which began with 6 to 9, got a 9 before them. A landline begins with 2 to 5 and stays as it is.
_BRAZIL = re.compile(r"(\+55[1-9][0-9])([6-9][0-9]{7})")
_BRAZIL_NOW = re.compile(r"(\+55[1-9][0-9])9([6-9][0-9]{7})")
# In Argentina 9 means: call the mobile. Area code and number are the same without it.
_ARGENTINA = re.compile(r"(\+54)([1-9][0-9]{9})")
_ARGENTINA_MOBILE = re.compile(r"(\+54)9([1-9][0-9]{9})")
# Asian keyboards have these in full width.
_WIDE = frozenset("+()[]./~ ")
_COUNTRY_CODE_FIELD, _ZONE_FIELD = 0, 2


def parse_phone(text: str, country: str = "") -> str | None:
    """The number in E.164, or None if it is no valid number, has an extension, or could be two numbers.

    `country` (ISO 3166, "SK"): where a number without its country's code is dialled. Without it the number must begin
    with "+" or "00".
    """
    if len(text) > _MOST_CHARS:
        return None
    shown = "".join(map(_simplify, text)).strip()
    shown = _SCHEME.sub("", shown, count=1) if _SCHEME.match(shown) else shown
    # A zero in brackets is dialled at home only, but for some countries: there both are tried.
    dialled = {_PUNCTUATION.sub("", each) for each in (shown, _OPTIONAL_ZERO.sub("", shown))}
    dialled |= {f"+{each[2:]}" for each in dialled if each.startswith("00")}
    found = {_find_valid(each, country) for each in dialled if _DIALLED.fullmatch(each)} - {None}
    return found.pop() if len(found) == 1 else None


def make_phone_key(e164: str) -> str:
    """A key that is equal for two spellings of one line, and only for those."""
    return _modernise(_ARGENTINA_MOBILE.sub(r"\1\2", e164) if _ARGENTINA_MOBILE.fullmatch(e164) else e164)


def list_phone_spellings(e164: str) -> list[str]:
    """Other spellings of the line, in E.164, that may be on file: at most one."""
    modern = _modernise(e164)
    if modern != e164:
        return [modern]
    if _MEXICO_NOW.fullmatch(e164):
        return [_MEXICO_NOW.sub(r"\g<1>1\2", e164)]
    if _BRAZIL_NOW.fullmatch(e164):
        return [_BRAZIL_NOW.sub(r"\1\2", e164)]
    if _ARGENTINA_MOBILE.fullmatch(e164):
        return [_ARGENTINA_MOBILE.sub(r"\1\2", e164)]
    mobile = _ARGENTINA.sub(r"\g<1>9\2", e164) if _ARGENTINA.fullmatch(e164) else ""
    return [mobile] if mobile and _find_valid(mobile, "") else []


def get_dialled_digits(e164: str, country: str) -> str:
    """The digits that are dialled in a country (ISO 3166): "0900000000" at home, "00421900000000" abroad."""
    number = phonenumbers.parse(e164)
    if phonenumbers.region_code_for_number(number) == country:
        shown = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    else:
        shown = phonenumbers.format_out_of_country_calling_number(number, country)
    return "".join(filter(str.isdigit, shown))


def is_country(code: str) -> bool:
    """Whether it is a country (ISO 3166, "SK") with phone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


def find_country(time_zone: str) -> str:
    """The country of a zone of the IANA database, "SK"; empty where the zone has none, or is an old name."""
    return _read_zone_countries().get(time_zone, "")


@functools.cache
def _read_zone_countries() -> dict[str, str]:
    """zone.tab names one country for each zone."""
    table = importlib.resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {row[_ZONE_FIELD]: row[_COUNTRY_CODE_FIELD] for row in rows if is_country(row[_COUNTRY_CODE_FIELD])}


def _simplify(char: str) -> str:
    """ASCII for a digit, a plus, a hyphen, a bracket or a space of any script; nothing for an invisible mark."""
    if char.isascii():
        return char
    kind = unicodedata.category(char)
    if kind == "Cf":
        return ""
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    if kind == "Pd" or char == "\N{MINUS SIGN}":
        return "-"
    plain = unicodedata.normalize("NFKC", char)
    return plain if plain in _WIDE else char


def _find_valid(dialled: str, country: str) -> str | None:
    """The number in E.164 if it is valid, or an old spelling of a valid one."""
    try:
        number = phonenumbers.parse(dialled, country or None)
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if phonenumbers.is_valid_number(number):
        return e164
    modern = _modernise(e164)
    return _find_valid(modern, "") if modern != e164 else None


def _modernise(e164: str) -> str:
    """The spelling of today, where the one before it was another."""
    if _MEXICO.fullmatch(e164):
        return _MEXICO.sub(r"\1\2", e164)
    return _BRAZIL.sub(r"\g<1>9\2", e164) if _BRAZIL.fullmatch(e164) else e164
