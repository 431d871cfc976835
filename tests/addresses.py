"""Pairs of e-mail addresses, alike or not, and the rule by which two are the same."""

import unicodedata
from collections.abc import Callable

import idna
from hypothesis import strategies as st


def is_same(one: str, other: str) -> bool:
    """Apply the rule as written: local parts are equal but for ASCII case, domains are equal as IDNA spells them."""
    (one_local, _, one_domain), (other_local, _, other_domain) = one.rpartition("@"), other.rpartition("@")
    return _lower(one_local) == _lower(other_local) and _encode(one_domain) == _encode(other_domain)


def _lower(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)


def _encode(domain: str) -> str:
    try:
        return idna.encode(domain, strict=True).decode().lower()
    except idna.IDNAError:
        return domain


def _change_domain(change: Callable[[str], str]) -> Callable[[str], str]:
    def apply(email: str) -> str:
        local, _, domain = email.rpartition("@")
        return f"{local}@{change(domain)}"

    return apply


_CHANGES: list[Callable[[str], str]] = [
    str,
    *(str.upper, str.lower, str.casefold, str.title, str.swapcase),
    *(lambda text, form=form: unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")),
    lambda text: text.replace("ss", "ß"),
    lambda text: text.replace("a", "\u0430"),  # Cyrillic
    lambda text: text.replace("k", "\u212a"),  # the Kelvin sign
    lambda text: text.replace("@", " @"),
    lambda text: f" {text}",
    lambda text: f"{text} ",
    lambda text: text.replace("o", "ö"),
    _change_domain(_encode),
    _change_domain(lambda domain: _encode(domain).upper()),
    _change_domain(lambda domain: domain.replace(".", "\u3002")),
    _change_domain(lambda domain: domain.replace(".", "\uff0e")),
    _change_domain(lambda domain: domain.replace(".", "\uff61")),
]
_locals = st.text(alphabet="aAkKioßsSöÖée\u0301\u0130\u0131\uff41\u212aς\u03c3Σ.+ ", min_size=1, max_size=6)
_domains = st.sampled_from(["example.com", "bücher.example", "straße.example", "kino.example", "a_b.example"])
_emails = st.builds("{}@{}".format, _locals, _domains).filter(lambda text: text.strip() != "" and text.isprintable())
PAIRS = _emails.flatmap(
    lambda email: st.tuples(st.just(email), st.sampled_from(_CHANGES).map(lambda change: change(email)) | _emails)
)
