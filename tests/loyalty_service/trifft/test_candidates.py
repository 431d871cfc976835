"""The rows of a find that are the member's own by our rules. There is no member only if all rows can be compared."""

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


def test_only_rows_with_the_same_address_count() -> None:
    assert (find(ZOE), find(ZOE, JANA, JANA), find(ODD, JANA)) == ([], ["jana"], ["jana"])


def test_incomparable_row_prevents_an_answer_of_no_member() -> None:
    for rows in ([ODD], [ZOE, ODD], ["no object", ZOE]):
        with pytest.raises(WireError):
            find(*rows)
