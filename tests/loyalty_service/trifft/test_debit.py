"""Points are taken back like a credit with the opposite sign."""

from decimal import Decimal

import pytest

from loyalty_service.domain.errors import BookingUnknownError, ProviderRefusedError, ProviderUnavailableError
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking
from loyalty_service.trifft.client import TrifftProvider
from sandbox.trifft import BLOOM_PROFILE, Fault, Member, Project, Settings
from tests.loyalty_service.trifft.servers import MakeMerchant

DEBIT = Booking(member_id="jana", points=100, note="Given twice", reference="A-10483")


async def test_debit_takes_the_points_with_its_note_and_reference(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    receipt = await provider.debit(merchant, DEBIT, timeout_s=30)
    [movement] = jana.movements
    assert movement.change == -100
    assert (movement.note, movement.reference) == ("Given twice", "A-10483")
    assert receipt.provider_reference == movement.id
    assert receipt.balance is not None
    assert str(receipt.balance.balance) == "1140"


async def test_scale_of_credits_also_applies_to_debits(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project, jana: Member
) -> None:
    """100 points are sent as 10000 in both directions."""
    acme.state.settings = Settings(point_scale=100)
    await provider.debit(make_merchant(profile=BLOOM_PROFILE), DEBIT, timeout_s=30)
    assert jana.points == 1140


async def test_debit_beyond_the_balance_is_permanently_refused(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    jana.points = Decimal(99)
    with pytest.raises(ProviderRefusedError):
        await provider.debit(merchant, DEBIT, timeout_s=30)
    assert jana.points == 99


async def test_debit_whose_answer_is_lost_is_in_doubt_and_sent_once(
    provider: TrifftProvider, merchant: Merchant, acme: Project
) -> None:
    acme.faults.set(Fault(kind="lost_answer", operation="debit"))
    with pytest.raises(BookingUnknownError):
        await provider.debit(merchant, DEBIT, timeout_s=30)
    assert acme.count_requests("debit") == 1


async def test_debit_that_was_not_sent_is_not_in_doubt(provider: TrifftProvider, make_merchant: MakeMerchant) -> None:
    with pytest.raises(ProviderUnavailableError):
        await provider.debit(make_merchant("http://trifft.invalid"), DEBIT, timeout_s=30)
