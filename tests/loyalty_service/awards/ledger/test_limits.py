"""The limits of a shop: what counts, what is refused and how, and that many requests at once stay within them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import msgspec
import pytest
from sqlalchemy import text

from loyalty_service.domain.award import AwardState
from loyalty_service.domain.errors import AwardInDoubtError, LimitExceededError, rfc3339
from loyalty_service.domain.limits import COUNTED_BY, NO_LIMITS, Limits
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.lookalikes import LOOK_ALIKES
from tests.loyalty_service.ledgers import (
    APPLIED,
    LOST,
    NOT_REACHED,
    REFUSED,
    Book,
    catch,
    make_request,
    open_book,
)
from tests.loyalty_service.running import catch_failure, run_service
from tests.loyalty_service.scripted import ScriptedProvider, make_member

# A limit, one award's fields that it is about, and fields of another award that it is not about.
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("per_ticket", {"ticket_id": "4711"}, {"ticket_id": "4712"}),
    ("per_member_day", {"member_id": "jana"}, {"member_id": "boris"}),
    ("per_merchant_day", {"merchant_id": "acme"}, {"merchant_id": "bloom"}),
    ("per_agent_day", {"claimed_agent_email": "Ana@shop.example"}, {"claimed_agent_email": "ben@shop.example"}),
    (
        "per_agent_day",
        {"claimed_agent_name": "Žofia"},
        {"claimed_agent_email": "z@x.example", "claimed_agent_name": "Žofia"},
    ),
    ("per_agent_day", {}, {"claimed_agent_name": "Ben"}),
]


def limit_to(maximum: int, name: str) -> Limits:
    return msgspec.structs.replace(NO_LIMITS, **{name: maximum})


def test_every_limit_of_several_awards_is_counted() -> None:
    """If this fails, the limit is stored and shown, but not enforced: COUNTED_BY lacks its line."""
    assert {*COUNTED_BY, "per_award", "per_deduction"} == set(Limits.__struct_fields__)


@pytest.mark.parametrize(("name", "one", "other"), CASES, ids=str)
async def test_limit_refuses_points_beyond_it_and_says_what_is_left(
    book: Book, name: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    limits = limit_to(500, name)
    await book.give(380, limits=limits, **one)

    refusal = await catch(LimitExceededError, book.open(121, limits=limits, **one))
    of_another = await book.give(121, limits=limits, **other)
    exactly = await book.give(120, limits=limits, **one)

    assert refusal == {"limit": name, "maximum": "500", "used": "380", "left": "120"}
    assert (of_another.state, exactly.state) == (AwardState.APPLIED, AwardState.APPLIED)


@pytest.mark.parametrize(
    ("field", "one", "same"),
    [
        ("claimed_agent_email", "Žofia@shop.example", "ŽOFIA@Shop.example"),
        ("claimed_agent_email", "zoe@bücher.example", "ZOE@xn--bcher-kva.example"),
        ("claimed_agent_name", "Zoë K.", "ZOë k."),
    ],
)
async def test_agent_is_the_same_in_any_ascii_case(book: Book, field: str, one: str, same: str) -> None:
    first: dict[str, Any] = {"limits": limit_to(100, "per_agent_day"), field: one}
    await book.give(100, **first)

    refusal = await catch(LimitExceededError, book.open(1, **(first | {field: same})))

    assert refusal["used"] == "100"


async def test_agents_who_look_alike_have_separate_limits(book: Book) -> None:
    limits = limit_to(100, "per_agent_day")
    for number, pair in enumerate(LOOK_ALIKES):
        for field, end in (("claimed_agent_name", ""), ("claimed_agent_email", "@shop.example")):
            for name in pair:
                agent = f"{name}{number}{end}"
                wanted: dict[str, Any] = {"limits": limits, field: agent, "member_id": f"of {field} {agent}"}
                assert (await book.open(100, **wanted)).is_ours


async def test_award_without_a_ticket_has_no_ticket_s_limit(book: Book) -> None:
    limits = limit_to(100, "per_ticket")
    await book.give(100, limits=limits)

    assert (await book.give(101, limits=limits)).state is AwardState.APPLIED


async def test_refusal_names_the_limit_that_leaves_least(book: Book) -> None:
    limits = Limits(per_award=0, per_ticket=300, per_member_day=200, per_merchant_day=1000, per_agent_day=900)
    await book.give(150, limits=limits, ticket_id="4711")

    refusal = await catch(LimitExceededError, book.open(160, limits=limits, ticket_id="4711"))

    assert refusal == {"limit": "per_member_day", "maximum": "200", "used": "150", "left": "50"}


async def test_awards_in_doubt_count_and_refused_or_reversed_ones_do_not(book: Book) -> None:
    pending, unknown = await book.open(1, member_id="a"), await book.open(10, member_id="b")
    await book.settle(unknown, LOST)
    await book.settle(await book.open(1000, member_id="c"), REFUSED)
    await book.settle(await book.open(1000, member_id="c"), NOT_REACHED)
    not_applied = await book.settle(await book.open(1000, member_id="d"), LOST)
    await book.ledger.settle_by_person("acme", not_applied.number, AwardState.NOT_APPLIED, "Eva", "looked it up")
    await book.take_back(await book.give(1000, member_id="e"))
    half_back = await book.open_reversal(await book.give(100, member_id="f"))

    refusal = await catch(LimitExceededError, book.open(889, limits=limit_to(999, "per_merchant_day"), member_id="g"))

    assert pending.award.state is half_back.award.state is AwardState.PENDING
    assert refusal["used"] == "111"


async def test_rejected_award_that_is_tried_again_meets_the_limits_anew(book: Book) -> None:
    limits = limit_to(150, "per_merchant_day")
    request = make_request(100)
    await book.settle(await book.ledger.open(request, limits, ZoneInfo("UTC")), NOT_REACHED)
    await book.give(100, limits=limits, member_id="boris")

    refusal = await catch(LimitExceededError, book.ledger.open(request, limits, ZoneInfo("UTC")))
    again = await book.ledger.open(request, limit_to(200, "per_merchant_day"), ZoneInfo("UTC"))

    assert refusal["used"] == "100"
    assert (again.award.number, again.award.attempt, again.is_ours) == (1, 2, True)


async def test_replay_and_repeat_are_answered_despite_lower_limits(book: Book) -> None:
    request = make_request(100, ticket_id="4711")
    given = await book.settle(await book.ledger.open(request, NO_LIMITS, ZoneInfo("UTC")), APPLIED)
    limits = limit_to(1, "per_ticket")

    replay = await book.ledger.open(request, limits, ZoneInfo("UTC"))
    repeat = await book.open(100, limits=limits, ticket_id="4711")

    assert (replay.is_ours, repeat.is_ours) == (False, False)
    assert replay.award == repeat.award == given


async def test_refusal_names_a_doubt_before_a_limit(book: Book) -> None:
    doubt = (await book.open(100)).award
    expected = {"award_request_id": doubt.request.request_id, "attempt_time": rfc3339(doubt.attempt_time)}

    told = await catch(AwardInDoubtError, book.open(50, limits=limit_to(10, "per_member_day")))
    assert told == {"award_id": "A-1", **expected}


async def test_days_are_the_shop_s(book: Book) -> None:
    """The two zones are 25 hours apart, so they never have the same day."""
    early, late = ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")
    limits = limit_to(100, "per_merchant_day")
    before = datetime.now(UTC)
    await book.give(100, limits=limits, zone=early)

    elsewhere = await book.give(100, limits=limits, zone=late)
    refusal = await catch(LimitExceededError, book.open(1, limits=limits, zone=early))

    assert refusal["used"] == "100"
    days = {(before + timedelta(seconds=after_s)).astimezone(late).date().isoformat() for after_s in (0, 60)}
    assert await book.read_column(elsewhere.number, "day") in days


async def test_yesterday_does_not_count_today(book: Book) -> None:
    limits = limit_to(100, "per_agent_day")
    await book.give(100, limits=limits)
    yesterday = text("UPDATE awards SET day = '2001-02-03'")
    await book.database.write(lambda connection: connection.execute(yesterday))

    assert (await book.give(100, limits=limits)).number == 2


async def test_limit_of_three_allows_three_of_forty_simultaneous_openings(database_url: str) -> None:
    """To the database the openings come from two processes."""
    limits = limit_to(300, "per_ticket")
    async with open_book(database_url) as one, open_book(database_url) as other:
        openings = await asyncio.gather(
            *(
                book.open(100, limits=limits, member_id=f"{n}-{id(book)}", ticket_id="4711")
                for n in range(20)
                for book in (one, other)
            ),
            return_exceptions=True,
        )

    refusals = [opening for opening in openings if isinstance(opening, LimitExceededError)]
    assert len(refusals) == 37
    assert {refusal.metadata["left"] for refusal in refusals} == {"0"}


async def test_limit_of_three_allows_three_of_forty_clicks_on_two_servers(
    new_sqlite_url: str, provider: ScriptedProvider
) -> None:
    """The clicks come over the wire, which is the same on either engine."""
    members = [f"member-{number}" for number in range(40)]
    provider.members = {member_id: make_member(member_id) for member_id in members}
    async with run_service(new_sqlite_url, provider) as one, run_service(new_sqlite_url, provider) as other:
        await one.add_merchant(max_points_per_merchant_day=300, max_points_per_ticket=0)
        calls = (
            client.award(member_id=member_id, ticket_id="4711")
            for member_id, client in zip(members, [one, other] * 20, strict=True)
        )
        answers = await asyncio.gather(*calls, return_exceptions=True)

    given = [answer for answer in answers if isinstance(answer, pb.AwardPointsResponse)]
    assert {answer.award.state for answer in given} == {pb.AWARD_STATE_APPLIED}
    assert len(given) == len(provider.credits) == 3


async def test_limit_that_is_changed_while_running_counts_from_then_on(
    new_sqlite_url: str, provider: ScriptedProvider
) -> None:
    async with run_service(new_sqlite_url, provider) as client:
        await client.add_merchant(max_points_per_ticket=100)
        await client.award(points=100, ticket_id="4711")
        refused = await catch_failure(client.award(points=50, ticket_id="4711"))
        request = pb.UpdateMerchantRequest(merchant=pb.Merchant(merchant_id="acme", max_points_per_ticket=150))
        request.update_mask.paths.append("max_points_per_ticket")
        await client.merchants.UpdateMerchant(request)

        answer = await client.award(points=50, ticket_id="4711")

    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LIMIT_EXCEEDED")
    assert refused.metadata == {"limit": "per_ticket", "maximum": "100", "used": "100", "left": "0"}
    assert answer.award.state == pb.AWARD_STATE_APPLIED
