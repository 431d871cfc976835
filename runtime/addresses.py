"""When two e-mail addresses, names or support IDs are the same person's.

The customer chooses the address, so a rule that makes different people one would show and pay the wrong member. Only
ASCII case folds, and a domain's two spellings are one. Nothing is normalised: no `casefold`, no NFC.
"""

import functools
import string

import idna

# Many customers share a few domains, and IDNA takes its time.
_DOMAINS = 1_000
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold_ascii_case(text: str) -> str:
    """`text` with A to Z in lower case. All other letters stay: "ß" is not "ss", and "İ" is not "i"."""
    return text.translate(_TO_LOWER)


def make_email_key(email: str) -> str:
    """Equal for two spellings of one address, and for no others.

    The local part without ASCII case; the domain in lower case as `idna.encode` spells it, without its uts46 mapping,
    and with no other dot than ".". A domain that IDNA refuses stands as it is written. What has no "@" has no domain.
    """
    local, at, domain = _split(email)
    return fold_ascii_case(local) + at + (_encode_domain(domain) or domain)


def list_email_spellings(email: str) -> list[str]:
    """How else the same address may be on file, most likely first: in lower case, in the domain's other spelling."""
    local, at, domain = _split(email)
    encoded = _encode_domain(domain)
    # A domain that IDNA refuses stays as it is: in lower case it would be another one.
    domains = [domain] if encoded is None else [fold_ascii_case(domain), encoded, _decode_domain(encoded)]
    spellings = dict.fromkeys(fold_ascii_case(local) + at + spelling for spelling in domains)
    return [spelling for spelling in spellings if spelling != email]


def _split(email: str) -> tuple[str, str, str]:
    """Local part, "@", domain; the last "@" counts."""
    before, at, after = email.rpartition("@")
    return (before, at, after) if at else (after, "", "")


@functools.lru_cache(maxsize=_DOMAINS)
def _encode_domain(domain: str) -> str | None:
    """None where IDNA refuses it: a label that is empty or too long, or a character that no domain has.

    `strict`: else three look-alikes of the dot would be taken for it.
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
