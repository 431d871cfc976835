"""Decides when two e-mail addresses, names or support IDs are the same.

The customer chooses the address: a rule that merges two people's addresses would show and pay the wrong member. Only
ASCII case is folded, and a domain's two spellings are the same. Nothing is normalised: no `casefold`, no NFC.
"""

import functools
import string

import idna

# Cached: many customers share a few domains, and IDNA is slow.
_DOMAINS = 1_000
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold_ascii_case(text: str) -> str:
    """`text` with A to Z in lower case. All other letters stay: "ß" does not become "ss", nor "İ" "i"."""
    return text.translate(_TO_LOWER)


def make_email_key(email: str) -> str:
    """A key that is equal for two spellings of one address, and only for those.

    The local part in ASCII lower case; the domain in lower case as `idna.encode` spells it, without its uts46 mapping
    and with "." as the only dot. A domain that IDNA refuses stays as it is written. A text without "@" has no domain.
    """
    local, at, domain = _split(email)
    return fold_ascii_case(local) + at + (_encode_domain(domain) or domain)


def list_email_spellings(email: str) -> list[str]:
    """Other spellings of the address that may be on file: in lower case, and in the domain's other spelling."""
    local, at, domain = _split(email)
    encoded = _encode_domain(domain)
    # A domain that IDNA refuses stays as it is: lower case would make it another domain.
    domains = [domain] if encoded is None else [fold_ascii_case(domain), encoded, _decode_domain(encoded)]
    spellings = dict.fromkeys(fold_ascii_case(local) + at + spelling for spelling in domains)
    return [spelling for spelling in spellings if spelling != email]


def _split(email: str) -> tuple[str, str, str]:
    """Split into local part, "@" and domain at the last "@"."""
    before, at, after = email.rpartition("@")
    return (before, at, after) if at else (after, "", "")


@functools.lru_cache(maxsize=_DOMAINS)
def _encode_domain(domain: str) -> str | None:
    """None if IDNA refuses it: an empty or too long label, or a character that no domain has.

    `strict`: otherwise three characters that look like a dot would count as one.
    """
    try:
        return fold_ascii_case(idna.encode(domain, strict=True).decode("ascii"))
    except (idna.IDNAError, UnicodeError):
        return None


def _decode_domain(domain: str) -> str:
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain
