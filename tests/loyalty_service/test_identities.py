"""How a member is named: by a phone number with its country, or by an id as it is written."""

import pytest

from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.member import make_identity_key, parse_identity


@pytest.mark.parametrize("text", ["+421 900 000-000", "00421 (900) 000.000", "+421900000000"])
def test_international_number_is_kept_in_e164(text: str) -> None:
    assert parse_identity("phone", text).value == "+421900000000"


@pytest.mark.parametrize(
    "text", ["0142 190 0000", "0900 000 000", "421900000000", "+0421900000000", "+42 190 000 000x"]
)
def test_number_without_its_country_is_refused(text: str) -> None:
    """A guessed country could make it another person's number."""
    with pytest.raises(BadValueError):
        parse_identity("phone", text)


def test_case_matters_only_in_member_ids() -> None:
    """TRIFFT makes the ids: two that differ in case may be different members."""
    assert make_identity_key("support_id", "jn-4821") == make_identity_key("support_id", "JN-4821")
    assert make_identity_key("member_id", "a1b") != make_identity_key("member_id", "A1B")
