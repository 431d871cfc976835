"""A domain that IDNA refuses is compared as it is written."""

import pytest

from runtime.addresses import list_email_spellings, make_email_key


@pytest.mark.parametrize("domain", ["Snow_man.example", "-Shop.example", "Shop..example"])
def test_refused_domain_has_one_spelling(domain: str) -> None:
    email = f"jana@{domain}"
    assert make_email_key(email) == make_email_key(f"JANA@{domain}") != make_email_key(email.lower())
    assert list_email_spellings(email) == []
