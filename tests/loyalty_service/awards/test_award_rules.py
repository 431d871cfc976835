"""A request must keep to the rules: its values, the limits, and which members may get points."""

import unicodedata
from typing import Any

import grpc
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from loyalty_service.awards.parse import GivenAward, parse_award
from loyalty_service.domain.errors import BadValueError, ProviderUnavailableError
from loyalty_service.domain.member import Identity, MemberStatus, NoBalance
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, catch_failure
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member, make_merchant

BAD_VALUES: list[tuple[str, Any]] = [
    ("points", 0),
    ("points", -5),
    ("request_id", ""),
    ("request_id", "short"),
    ("request_id", "spaces are not allowed"),
    ("request_id", "x" * 65),
    ("member_id", ""),
    ("member_id", "nul\x00inside"),
    ("note", "x" * 501),
    ("ticket_id", "4" * 65),
    ("ticket_id", "4711\x00"),
    ("claimed_agent_email", "x" * 321),
    ("claimed_agent_name", "x" * 321),
]


async def test_bad_value_is_refused_by_name(client: Client, provider: ScriptedProvider) -> None:
    failures = [await catch_failure(client.award(**{field: value})) for field, value in BAD_VALUES]

    assert {(failure.code, failure.reason) for failure in failures} == {(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE")}
    assert [failure.field for failure in failures] == [field for field, _ in BAD_VALUES]
    assert provider.credits == []


async def test_note_is_kept_as_one_clean_line(client: Client, provider: ScriptedProvider) -> None:
    note = "  a\u0301 line\r\nand\tan\x00other \u202eevil\u2066\u200b <b>👩\u200d👧</b> "

    answer = await client.award(note=note)

    assert answer.award.note == "á line and another evil <b>👩\u200d👧</b>"
    assert provider.credits[0].note == answer.award.note


async def test_points_above_the_limit_are_refused_with_it(client: Client, provider: ScriptedProvider) -> None:
    failure = await catch_failure(client.award(points=501))
    at_the_limit = await client.award(points=500)

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LIMIT_EXCEEDED")
    assert failure.metadata == {"limit": "per_award", "maximum": "500", "used": "0", "left": "500"}
    assert at_the_limit.award.state == pb.AWARD_STATE_APPLIED
    assert len(provider.credits) == 1


@pytest.mark.parametrize("is_held", [True, False])
async def test_blocked_member_gets_no_points(client: Client, provider: ScriptedProvider, is_held: bool) -> None:  # noqa: FBT001  a case
    provider.members[JANA] = make_member(status=MemberStatus.BLOCKED)
    if is_held:
        await client.loyalty.GetSnapshot(
            pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(member_id=JANA))
        )

    failure = await catch_failure(client.award())

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "MEMBER_BLOCKED")
    assert provider.credits == []


async def test_member_without_a_wallet_gets_no_points(client: Client, provider: ScriptedProvider) -> None:
    provider.members[JANA] = make_member(wallet=NoBalance.DISABLED)

    failure = await catch_failure(client.award())

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WALLET_DISABLED")
    assert provider.credits == []


async def test_unknown_member_gets_no_points(client: Client, provider: ScriptedProvider) -> None:
    failure = await catch_failure(client.award(member_id="nobody"))

    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "MEMBER_NOT_FOUND")
    assert "fetch_time" in failure.metadata
    assert provider.credits == []


async def test_member_who_cannot_be_looked_up_gets_no_points(client: Client, provider: ScriptedProvider) -> None:
    async def fail(_: Identity) -> None:
        raise ProviderUnavailableError("TRIFFT did not answer")

    provider.on_fetch = fail

    failure = await catch_failure(client.award())

    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
    assert provider.credits == []


async def test_award_for_an_unknown_merchant_is_refused(client: Client) -> None:
    failure = await catch_failure(client.award(merchant_id="nobody"))

    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "MERCHANT_NOT_FOUND")


@pytest_asyncio.fixture(loop_scope="session")
async def listed(client: Client) -> Client:
    await client.add_merchant("bloom")
    for number in range(1, 4):
        await client.award(request_id=f"request-{number}", points=number)
    return client


async def test_awards_are_listed_newest_first_page_by_page(listed: Client) -> None:
    first = await listed.loyalty.ListAwards(pb.ListAwardsRequest(merchant_id="acme", page_size=2))
    last = await listed.loyalty.ListAwards(
        pb.ListAwardsRequest(merchant_id="acme", page_size=2, page_token=first.next_page_token)
    )

    assert [award.award_id for award in first.awards] == ["A-3", "A-2"]
    assert [award.award_id for award in last.awards] == ["A-1"]
    assert last.next_page_token == ""


async def test_page_token_of_another_list_is_refused(listed: Client) -> None:
    page = await listed.loyalty.ListAwards(pb.ListAwardsRequest(merchant_id="acme", page_size=2))
    tokens = [page.next_page_token, "!", "YWNtZQ==", "YXdhcmRzL2Jsb29tIDAK", "é"]
    requests = [pb.ListAwardsRequest(merchant_id="bloom", page_token=token) for token in tokens]

    failures = [await catch_failure(listed.loyalty.ListAwards(request)) for request in requests]

    assert [(failure.reason, failure.field) for failure in failures] == [("BAD_VALUE", "page_token")] * len(tokens)


async def test_award_is_found_by_its_number_and_by_its_request_id(listed: Client) -> None:
    by_number = await listed.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", award_id="A-2"))
    by_request = await listed.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", request_id="request-2"))

    assert by_number.award == by_request.award
    assert by_number.award.points == 2


async def test_award_that_does_not_exist_is_not_found(listed: Client) -> None:
    keys: list[dict[str, Any]] = [{"award_id": text} for text in ("A-9", "2", "A-2\x00", f"A-{10**30}")]
    keys += [{"request_id": text} for text in ("\x00", "request-9")]
    requests = [pb.GetAwardRequest(merchant_id="acme", **key) for key in keys]

    failures = [await catch_failure(listed.loyalty.GetAward(request)) for request in requests]

    assert {(failure.code, failure.reason) for failure in failures} == {(grpc.StatusCode.NOT_FOUND, "AWARD_NOT_FOUND")}


@given(note=st.text(max_size=600), name=st.text(max_size=30), ticket_id=st.text(max_size=70))
def test_any_typed_text_is_refused_or_stored_printable(note: str, name: str, ticket_id: str) -> None:
    wanted = GivenAward(
        request_id="request-1", member_id=JANA, points=1, note=note, ticket_id=ticket_id, claimed_agent_name=name
    )
    try:
        request = parse_award(make_merchant(), wanted)
    except BadValueError as error:
        assert error.field in {"note", "ticket_id"}  # noqa: PT017  either outcome is right
        return
    assert all(text == unicodedata.normalize("NFC", text) for text in (request.note, request.claimed_agent_name))
    for text in (request.note, request.claimed_agent_name, request.ticket_id):
        assert len(text) <= 500
        assert text == text.strip()
        assert not {unicodedata.category(character) for character in text} & {"Cc", "Cs", "Zl", "Zp"}
        assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
