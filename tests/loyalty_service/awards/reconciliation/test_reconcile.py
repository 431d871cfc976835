"""Awards in doubt are settled by the provider's movements, or wait for a person."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from loyalty_service.awards.ledger.settle import Settlement
from loyalty_service.awards.reconciliation import loop
from loyalty_service.domain.award import AwardState
from loyalty_service.domain.errors import (
    MemberNotFoundError,
    ProviderThrottledError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from tests.loyalty_service.kept import KeptDatabase
from tests.loyalty_service.reconciling import ListingProvider, Worker, run_worker
from tests.loyalty_service.scripted import JANA, NOON

UNKNOWN, APPLIED, NOT_APPLIED = AwardState.UNKNOWN, AwardState.APPLIED, AwardState.NOT_APPLIED


@pytest.fixture
def provider() -> ListingProvider:
    return ListingProvider()


@pytest_asyncio.fixture(loop_scope="session")
async def worker(open_sqlite: KeptDatabase, provider: ListingProvider) -> AsyncIterator[Worker]:
    async with run_worker(open_sqlite.database, provider) as worker:
        yield worker


async def test_award_that_was_booked_is_applied_by_its_reference(worker: Worker, provider: ListingProvider) -> None:
    lost = await worker.lose()
    provider.book(50)
    own = provider.book(100, reference=lost.reference, note="cut")

    await worker.look_after(seconds=6)

    found = await worker.read()
    assert found.state is APPLIED
    assert found.receipt is not None
    assert found.receipt.provider_reference == own.movement_id
    assert (await worker.list_reasons())[-1] == ("applied", "TRIFFT's movement has its reference")
    await worker.look_after(hours=24)
    assert provider.lists == 1


async def test_reversal_is_settled_by_the_points_that_were_taken(worker: Worker, provider: ListingProvider) -> None:
    await worker.apply(provider.book(100, note="Sorry"))
    reversal = await worker.lose(reverses=1)
    provider.book(-100, note="Sorry")

    await worker.look_after(seconds=6)

    assert await worker.read_state(reversal.number) is APPLIED


async def test_deduction_is_not_confused_with_an_award_of_the_same_points(
    worker: Worker, provider: ListingProvider
) -> None:
    deduction = await worker.lose(is_debit=True)
    provider.book(100, note="Sorry")
    await worker.look_after(seconds=6)
    assert await worker.read_state(deduction.number) is UNKNOWN

    own = provider.book(-100, note="Sorry")
    await worker.look_after(seconds=20)

    found = await worker.read(deduction.number)
    assert (found.state, found.request.is_debit) == (APPLIED, True)
    assert found.receipt is not None
    assert found.receipt.provider_reference == own.movement_id


async def test_undo_of_a_deduction_is_settled_by_the_points_that_were_put_back(
    worker: Worker, provider: ListingProvider
) -> None:
    await worker.apply(provider.book(-100, note="Sorry"), is_debit=True)
    undo = await worker.lose(reverses=1)
    provider.book(100, note="Sorry")

    await worker.look_after(seconds=6)

    assert await worker.read_state(undo.number) is APPLIED


async def test_deduction_that_was_not_booked_is_found_not_applied(worker: Worker, provider: ListingProvider) -> None:
    """An award of the same points, made meanwhile, does not count for it."""
    await worker.lose(is_debit=True)
    provider.book(100, note="Sorry")

    await worker.look_after(minutes=20)
    await worker.look_after(minutes=6)

    assert await worker.read_state() is NOT_APPLIED


async def test_award_is_looked_for_since_five_minutes_before_its_attempt(
    worker: Worker, provider: ListingProvider
) -> None:
    await worker.lose()
    provider.book(100, note="Sorry", create_time=datetime.now(UTC) - timedelta(minutes=4))
    await worker.look_after(seconds=6)
    assert await worker.read_state() is APPLIED


async def test_two_movements_that_fit_wait_for_a_person(worker: Worker, provider: ListingProvider) -> None:
    await worker.lose()
    provider.book(100, note="Sorry")
    provider.book(100, note="Sorry")

    await worker.look_after(minutes=10)
    assert not (await worker.read()).needs_person
    await worker.look_after(minutes=10)

    found = await worker.read()
    assert (found.state, found.needs_person) == (UNKNOWN, True)
    assert worker.read_metrics()["loyalty_awards_unknown"] == 1


async def test_movement_that_settled_another_award_settles_no_second(worker: Worker, provider: ListingProvider) -> None:
    await worker.apply(provider.book(100, note="Sorry"))
    await worker.lose()
    await worker.look_after(seconds=6)
    assert await worker.read_state(2) is UNKNOWN


async def test_award_with_a_known_movement_does_not_block_another_one(
    worker: Worker, provider: ListingProvider
) -> None:
    await worker.apply(provider.book(100, note="Sorry"))
    lost = await worker.lose()
    own = provider.book(100, note="Sorry")
    await worker.look_after(seconds=6)
    found = await worker.read(lost.number)
    assert found.state is APPLIED
    assert found.receipt is not None
    assert found.receipt.provider_reference == own.movement_id


@pytest.mark.parametrize("is_complete", [False, None])
async def test_award_that_the_lists_cannot_rule_out_waits_for_a_person_and_is_still_looked_for(
    worker: Worker, provider: ListingProvider, *, is_complete: bool | None
) -> None:
    lost = await worker.lose()
    provider.is_complete = is_complete
    for _ in range(5):
        await worker.look_after(minutes=10)
    assert (await worker.read_state(), (await worker.read()).needs_person) == (UNKNOWN, True)
    assert worker.read_metrics()["loyalty_awards_waiting_for_person"] == 1

    provider.is_complete = False
    provider.book(100, reference=lost.reference)
    await worker.look_after(minutes=61)

    found = await worker.read()
    assert (found.state, found.needs_person) == (APPLIED, False)


async def test_award_that_two_complete_lists_lack_is_not_applied(worker: Worker, provider: ListingProvider) -> None:
    """The first list is 15 min after the last moment at which it may have been sent, the second 5 min later."""
    await worker.lose()
    await worker.look_after(minutes=14)
    await worker.look_after(minutes=2)
    assert await worker.read_state() is UNKNOWN
    await worker.look_after(minutes=4)
    assert (await worker.read_state(), provider.lists) == (UNKNOWN, 2)

    await worker.look_after(minutes=2)

    assert (await worker.read_state(), provider.lists) == (NOT_APPLIED, 3)
    assert not (await worker.read()).needs_person
    assert worker.read_metrics()['loyalty_awards_total{kind="award",outcome="not_applied"}'] == 1


async def test_lists_read_too_early_rule_nothing_out(worker: Worker, provider: ListingProvider) -> None:
    await worker.lose()
    for _ in range(3):
        await worker.look_after(minutes=5)
    assert (await worker.read_state(), provider.lists) == (UNKNOWN, 3)


async def test_refused_award_does_not_block_the_movement_of_another(worker: Worker, provider: ListingProvider) -> None:
    refused = Settlement(state=AwardState.REJECTED, rejection_reason="PROVIDER_REFUSED")
    await worker.ledger.settle((await worker.open()).award, refused)
    lost = await worker.lose()
    provider.book(100, note="Sorry")
    await worker.look_after(seconds=6)
    assert await worker.read_state(lost.number) is APPLIED


async def test_award_that_turns_up_after_all_is_applied_with_an_alert(
    worker: Worker, provider: ListingProvider
) -> None:
    lost = await worker.lose()
    for _ in range(2):
        await worker.look_after(minutes=16)
    assert await worker.read_state() is NOT_APPLIED
    provider.book(100, reference=lost.reference)

    with capture_logs() as logs:
        await worker.look_after(minutes=11)

    assert await worker.read_state() is APPLIED
    assert [line["log_level"] for line in logs if line["event"] == "award_seen_late"] == ["error"]
    assert worker.read_metrics()["loyalty_awards_seen_late_total"] == 1


async def test_award_that_was_not_applied_is_looked_for_for_a_day(worker: Worker, provider: ListingProvider) -> None:
    await worker.lose()
    for _ in range(2):
        await worker.look_after(minutes=16)
    assert (await worker.read_state(), provider.lists) == (NOT_APPLIED, 2)

    for hours, lists in ((0.2, 3), (0.3, 3), (0.6, 4), (4, 4), (1, 5), (17, 5), (1, 6), (24, 6)):
        await worker.look_after(hours=hours)
        assert provider.lists == lists


async def test_award_that_a_person_found_not_applied_is_looked_for_too(
    worker: Worker, provider: ListingProvider
) -> None:
    lost = await worker.lose()
    await worker.ledger.settle_by_person("acme", 1, NOT_APPLIED, "Martina", "seen in TRIFFT")
    provider.book(100, reference=lost.reference)
    await worker.look_after(minutes=11)
    assert await worker.read_state() is APPLIED


async def test_provider_that_fails_settles_nothing_and_is_asked_again(
    worker: Worker, provider: ListingProvider
) -> None:
    async def fail() -> None:
        raise ProviderUnavailableError("down")

    lost = await worker.lose()
    provider.book(100, reference=lost.reference)
    provider.on_list = fail
    for _ in range(3):
        await worker.look_after(minutes=10)
    assert (await worker.read_state(), (await worker.read()).needs_person) == (UNKNOWN, False)

    provider.on_list = ListingProvider().on_list
    await worker.look_after(minutes=6)

    assert await worker.read_state() is APPLIED


@pytest.mark.parametrize(
    "error",
    [
        ProviderUnavailableError("503"),
        ProviderTimeoutError("late"),
        ProviderThrottledError("too many", 60.0),
        ZeroDivisionError("unexpected"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_award_is_left_to_a_person_after_an_hour_without_a_list(
    worker: Worker, provider: ListingProvider, error: Exception
) -> None:
    async def fail() -> None:
        raise error

    lost = await worker.lose()
    provider.on_list = fail
    with capture_logs():
        await worker.look_after(minutes=59)
        early = (await worker.read()).needs_person
        await worker.look_after(minutes=6)
    late = (await worker.read()).needs_person
    provider.on_list = ListingProvider().on_list
    provider.book(100, reference=lost.reference)
    await worker.look_after(minutes=61)

    assert (early, late) == (False, True)
    assert await worker.read_state() is APPLIED


async def test_look_ends_although_its_database_hangs(
    worker: Worker, provider: ListingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise no worker would look after that merchant again."""
    monkeypatch.setattr(loop, "CHECK_TIMEOUT_S", 0.05)
    lost = await worker.lose()
    provider.book(100, reference=lost.reference)
    with monkeypatch.context() as patched, capture_logs():
        patched.setattr(worker.claims, "read_neighbours", lambda _: asyncio.Event().wait())
        async with asyncio.timeout(60):
            await worker.look_after(seconds=6)
    monkeypatch.undo()
    await worker.look_after(seconds=16)

    assert await worker.read_state() is APPLIED


@pytest.mark.parametrize("change", [-100, 5])
async def test_reference_on_other_points_leaves_it_to_a_person_at_once(
    worker: Worker, provider: ListingProvider, change: int
) -> None:
    lost = await worker.lose()
    provider.book(change, reference=lost.reference)

    with capture_logs() as logs:
        await worker.look_after(seconds=6)

    assert (await worker.read_state(), (await worker.read()).needs_person) == (UNKNOWN, True)
    assert [line["problem"] for line in logs if line["log_level"] == "error"] == [
        "the movement with its reference has other points"
    ]


async def test_award_whose_confirmation_named_other_points_is_not_ruled_out_by_lists(
    worker: Worker, provider: ListingProvider
) -> None:
    """It waits for a person from the start. The provider's movement may still settle it."""
    contradicted = Settlement(state=UNKNOWN, rejection_reason="PROVIDER_CONTRACT", needs_person=True)
    award = await worker.ledger.settle((await worker.open()).award, contradicted)
    for _ in range(3):
        await worker.look_after(minutes=61)
    doubtful = await worker.read()
    provider.book(100, reference=award.reference)
    await worker.look_after(minutes=61)

    assert (award.needs_person, doubtful.needs_person, doubtful.state) == (True, True, UNKNOWN)
    settled = await worker.read()
    assert (settled.state, settled.needs_person, settled.rejection_reason) == (APPLIED, False, None)


async def test_awards_in_doubt_of_a_shop_with_another_project_are_left_to_a_person(
    worker: Worker, provider: ListingProvider
) -> None:
    """The other project's list shows nothing about them."""
    generation = (await worker.merchants.get("acme")).generation
    lost = await worker.lose(merchant_generation=generation)
    await worker.merchants.change("acme", {"provider_token": "of-another-project", "generation": "2"})
    provider.book(100, reference=lost.reference)

    await worker.look_after(seconds=6)

    assert (await worker.read_state(), (await worker.read()).needs_person) == (UNKNOWN, True)
    assert provider.lists == 0


async def test_award_of_a_member_unknown_to_the_provider_is_left_to_a_person(
    worker: Worker, provider: ListingProvider
) -> None:
    async def fail() -> None:
        raise MemberNotFoundError(NOON)

    await worker.lose()
    provider.on_list = fail
    await worker.look_after(minutes=20)
    assert (await worker.read()).needs_person


async def test_award_of_a_merchant_that_is_gone_waits_for_a_person(worker: Worker, provider: ListingProvider) -> None:
    await worker.lose()
    await worker.merchants.remove("acme")
    await worker.look_after(seconds=6)
    assert (await worker.read()).needs_person
    assert provider.lists == 0


async def test_hanging_provider_of_one_merchant_delays_no_other(worker: Worker, provider: ListingProvider) -> None:
    release = asyncio.Event()
    await worker.lose()
    await worker.let_pass(seconds=6)
    provider.on_list = release.wait
    first = asyncio.create_task(worker.look())
    while not provider.lists:  # noqa: ASYNC110  the list sets no event
        await asyncio.sleep(0)
    provider.on_list = ListingProvider().on_list
    await worker.lose(merchant_id="bloom")
    await worker.execute("UPDATE awards SET next_check_time_ms = 0")

    await worker.loop._begin()
    await asyncio.sleep(0)

    assert not first.done()
    release.set()
    await first


async def test_member_names_stay_out_of_logs(worker: Worker, provider: ListingProvider) -> None:
    await worker.lose()
    provider.is_complete = None
    with capture_logs() as logs:
        await worker.look_after(minutes=20)
    assert [line["event"] for line in logs] == ["award_needs_person"]
    assert JANA not in str(logs)
