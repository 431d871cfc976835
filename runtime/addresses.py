"""When two e-mail addresses, names or support IDs are the same person's.

The customer chooses the address, so a rule that makes different people one would show and pay the wrong member. Only
ASCII case folds, and a domain's two spellings are one. Nothing is normalised: no `casefold`, no NFC.
"""

import string

import idna

_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold_ascii_case(text: str) -> str:
    """`text` with A to Z in lower case. All other letters stay: "ß" is not "ss", and "İ" is not "i"."""
    return text.translate(_TO_LOWER)


def make_email_key(email: str) -> str:
    """Equal for two spellings of one address, and for no others.

    The local part without ASCII case; the domain in lower case as `idna.encode` spells it, without its uts46 mapping.
    A domain that IDNA refuses stands as it is written.
    """
    local, at, domain = email.rpartition("@")
    return fold_ascii_case(local) + at + (_encode_domain(domain) or domain)


def list_email_spellings(email: str) -> list[str]:
    """How else the same address may be on file, most likely first: in lower case, in the domain's other spelling."""
    spellings = [fold_ascii_case(email)]
    local, at, domain = spellings[0].rpartition("@")
    encoded = _encode_domain(domain)
    if at and encoded is not None:
        other = _decode_domain(encoded) if encoded == domain else encoded
        spellings.append(local + at + other)
    key = make_email_key(email)
    return [text for text in dict.fromkeys(spellings) if text != email and make_email_key(text) == key]


def _encode_domain(domain: str) -> str | None:
    """None where IDNA refuses it: a label that is empty or too long, or a character that no domain has."""
    try:
        return fold_ascii_case(idna.encode(domain).decode("ascii"))
    except (idna.IDNAError, UnicodeError):
        return None


def _decode_domain(domain: str) -> str:
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain
