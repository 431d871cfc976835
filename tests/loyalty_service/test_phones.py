"""A phone number names a member only with its country."""

import pytest

from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.member import parse_identity


@pytest.mark.parametrize("text", ["+421 900 000-000", "00421 (900) 000.000", "+421900000000"])
def test_international_number_is_kept_in_e164(text: str) -> None:
    assert parse_identity("phone", text).value == "+421900000000"


@pytest.mark.parametrize(
    "text", ["0142 190 0000", "0900 000 000", "421900000000", "+0421900000000", "+42 190 000 000x"]
)
def test_number_without_its_country_is_refused(text: str) -> None:
    """With a country made up for it, it would be somebody else's."""
    with pytest.raises(BadValueError):
        parse_identity("phone", text)
