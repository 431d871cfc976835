"""Which rows of a find are the member's: those that fit as we compare them; nobody only where all can be compared."""

import pytest

from loyalty_service.domain.member import parse_identity
from loyalty_service.trifft.mapping.fields import FieldReader
from loyalty_service.trifft.mapping.member import parse_candidates
from loyalty_service.trifft.profile import parse_profile
from loyalty_service.trifft.wire import WireError

IDENTITY = parse_identity("email", "jana@example.com")
JANA, ZOE = ({"id": name, "email": f"{name}@example.com"} for name in ("jana", "zoe"))
ODD = {"id": "odd", "email": 7}


def find(*rows: object) -> list[str]:
    found = parse_candidates(list(rows), parse_profile("").member, IDENTITY, "", FieldReader())
    return [candidate.member_id for candidate in found]


def test_only_rows_with_the_very_address_count() -> None:
    assert (find(ZOE), find(ZOE, JANA, JANA), find(ODD, JANA)) == ([], ["jana"], ["jana"])


def test_nobody_is_not_said_where_a_row_cannot_be_compared() -> None:
    for rows in ([ODD], [ZOE, ODD], ["no object", ZOE]):
        with pytest.raises(WireError):
            find(*rows)
