"""A shop's limits and reasons: stored as given, absent without a limit, and each changed alone."""

from collections.abc import Awaitable
from typing import Any

import grpc

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, StartService, catch_failure, run_service
from tests.loyalty_service.scripted import ScriptedProvider
from tests.loyalty_service.snapshots.scripted import FakeClock

DEFAULTS = {
    "max_points_per_award": 500,
    "max_points_per_ticket": 500,
    "max_points_per_member_day": 0,
    "max_points_per_merchant_day": 0,
    "max_points_per_agent_day": 0,
}
OTHERS = dict(zip(DEFAULTS, range(1, 6), strict=True))


def update(client: Client, *paths: str, **fields: Any) -> Awaitable[pb.UpdateMerchantResponse]:  # noqa: ANN401  any field
    request = pb.UpdateMerchantRequest(merchant=pb.Merchant(merchant_id="acme", **fields))
    request.update_mask.paths.extend(paths)
    return client.merchants.UpdateMerchant(request)


async def get(client: Client, merchant_id: str) -> pb.Merchant:
    return (await client.merchants.GetMerchant(pb.GetMerchantRequest(merchant_id=merchant_id))).merchant


def read_limits(merchant: pb.Merchant) -> dict[str, int]:
    """Read the limits. An answer has every limit, also one of 0; only a request may leave one out."""
    assert {field.name for field, _ in merchant.ListFields()} >= DEFAULTS.keys()
    return {name: getattr(merchant, name) for name in DEFAULTS}


async def test_limits_and_reasons_are_stored_as_given(start_service: StartService) -> None:
    """A process without them in memory gets the same."""
    async with start_service() as client, start_service() as other:
        created = await client.add_merchant("bloom", **OTHERS, award_reasons=["Goodwill", "Späte Lieferung", "补偿"])

        found = await get(other, "bloom")

        assert found == created
        assert read_limits(found) == OTHERS
        assert list(found.award_reasons) == ["Goodwill", "Späte Lieferung", "补偿"]


async def test_limits_that_are_not_set_are_the_defaults(client: Client) -> None:
    merchant = await get(client, "acme")

    assert read_limits(merchant) == DEFAULTS
    assert list(merchant.award_reasons) == []


async def test_limits_of_zero_and_of_the_maximum_are_stored(client: Client) -> None:
    nought = await client.add_merchant("nought", **dict.fromkeys(DEFAULTS, 0))
    most = await client.add_merchant("most", **dict.fromkeys(DEFAULTS, 1_000_000_000))

    assert set(read_limits(nought).values()) == {0}
    assert set(read_limits(most).values()) == {1_000_000_000}


async def test_shop_without_limits_gives_up_to_a_million_in_one_award(client: Client) -> None:
    await client.add_merchant("nought", **dict.fromkeys(DEFAULTS, 0))

    given = [await client.award(merchant_id="nought", points=1_000_000, ticket_id=ticket) for ticket in ("1", "2")]
    failure = await catch_failure(client.award(merchant_id="nought", points=1_000_001))

    assert [answer.award.state for answer in given] == [pb.AWARD_STATE_APPLIED] * 2
    assert failure.metadata == {"limit": "per_award", "maximum": "1000000", "used": "0", "left": "1000000"}


async def test_most_of_one_deduction_is_stored_changed_alone_and_zero_by_default(client: Client) -> None:
    unset = (await get(client, "acme")).max_points_per_deduction
    created = await client.add_merchant("bloom", max_points_per_deduction=1_000_000)
    changed = (await update(client, "max_points_per_deduction", max_points_per_deduction=70, locale="sk")).merchant
    again = (await update(client, "max_points_per_deduction")).merchant

    assert (unset, created.max_points_per_deduction) == (0, 1_000_000)
    assert (changed.max_points_per_deduction, changed.locale, again.max_points_per_deduction) == (70, "en", 0)
    assert read_limits(changed) == DEFAULTS


async def test_most_of_one_deduction_out_of_range_is_refused_by_name(client: Client) -> None:
    name = "max_points_per_deduction"

    failures = [await catch_failure(update(client, name, **{name: points})) for points in (-1, 1_000_001, 2**63 - 1)]

    assert {(failure.reason, failure.field) for failure in failures} == {("BAD_VALUE", f"merchant.{name}")}
    assert (await get(client, "acme")).max_points_per_deduction == 0


async def test_each_limit_is_changed_alone(client: Client) -> None:
    expected = dict(DEFAULTS)
    for name, points in OTHERS.items():
        changed = (await update(client, name, **OTHERS)).merchant
        expected[name] = points

        assert read_limits(changed) == expected


async def test_limit_in_the_mask_without_a_value_gets_its_default(client: Client) -> None:
    await update(client, *OTHERS, **OTHERS)

    changed = (await update(client, *OTHERS)).merchant

    assert read_limits(changed) == DEFAULTS


async def test_reasons_are_changed_and_removed_alone(client: Client) -> None:
    with_reasons = (await update(client, "award_reasons", award_reasons=["Goodwill"], locale="sk")).merchant
    without = (await update(client, "award_reasons")).merchant

    assert (list(with_reasons.award_reasons), with_reasons.locale) == (["Goodwill"], "en")
    assert list(without.award_reasons) == []


async def test_limit_out_of_range_is_refused_by_name(client: Client) -> None:
    bad = [(name, points) for name in DEFAULTS for points in (-1, 1_000_000_001, -(2**63), 2**63 - 1)]

    failures = [await catch_failure(update(client, name, **{name: points})) for name, points in bad]

    assert {(failure.code, failure.reason) for failure in failures} == {(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE")}
    assert [failure.field for failure in failures] == [f"merchant.{name}" for name, _ in bad]
    assert read_limits(await get(client, "acme")) == DEFAULTS


async def test_reasons_are_stored_clean(client: Client) -> None:
    reasons = ["  Late \n delivery ", "Cafe\u0301", "👩\u200d💻 mistake", "می\u200cکنم", "\U0001fae9"]

    changed = (await update(client, "award_reasons", award_reasons=reasons)).merchant

    assert list(changed.award_reasons) == ["Late delivery", "Café", *reasons[2:]]


async def test_most_and_longest_allowed_reasons_are_stored(client: Client) -> None:
    reasons = [f"{number:02}".ljust(60, "x") for number in range(20)]

    changed = (await update(client, "award_reasons", award_reasons=reasons)).merchant

    assert list(changed.award_reasons) == reasons


async def test_indistinguishable_or_unreadable_reasons_are_refused(client: Client) -> None:
    bad = [
        [f"{number:02}" for number in range(21)],
        ["x" * 61],
        [""],
        ["Goodwill", " \n"],
        ["bell\x07"],
        ["\u202eevil"],
        ["Goodwill", "Goodwill"],
        ["Goodwill", "GOODWILL"],
        ["Straße", "STRAßE 7"],
        ["Late", "late delivery"],
        ["Late delivery", "Late"],
    ]

    failures = [await catch_failure(update(client, "award_reasons", award_reasons=reasons)) for reasons in bad]

    assert {(failure.code, failure.reason, failure.field) for failure in failures} == {
        (grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", "merchant.award_reasons")
    }
    assert list((await get(client, "acme")).award_reasons) == []


async def test_limits_changed_by_one_process_apply_in_another_within_five_seconds(
    database_url: str, provider: ScriptedProvider
) -> None:
    clock = FakeClock()
    async with run_service(database_url, provider) as client, run_service(database_url, provider, clock) as other:
        await client.add_merchant()
        assert (await other.award(points=20)).award.state == pb.AWARD_STATE_APPLIED
        await update(client, "max_points_per_award", max_points_per_award=10)

        clock.advance(4.9)
        before = await other.award(points=20)
        clock.advance(0.2)
        after = await catch_failure(other.award(points=20))

    assert before.award.state == pb.AWARD_STATE_APPLIED
    assert (after.reason, after.metadata["limit"]) == ("LIMIT_EXCEEDED", "per_award")
