"""How TRIFFT spells a phone number in its search: the profile says which spelling."""

from typing import Literal

from runtime.phones import get_dialled_digits

PhoneSpelling = Literal["e164", "digits", "00", "national"]


def spell_phone(e164: str, spelling: PhoneSpelling, country: str) -> str:
    """`country` (ISO 3166): the shop's. Without one, "national" is E.164 without its plus."""
    digits = e164.removeprefix("+")
    if spelling == "national":
        return get_dialled_digits(e164, country) if country else digits
    return {"e164": e164, "digits": digits, "00": f"00{digits}"}[spelling]
