"""A permanent refusal by TRIFFT stays the answer to its request, whatever changes later."""

from collections.abc import AsyncIterator

import pytest_asyncio

from loyalty_service.domain.award import AwardState
from loyalty_service.domain.errors import ProviderRefusedError
from loyalty_service.domain.member import MemberStatus
from loyalty_service.domain.ports import Booking
from tests.loyalty_service.kept import KeptDatabase
from tests.loyalty_service.ledgers import Desk, run_desk
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member


@pytest_asyncio.fixture(loop_scope="session")
async def desk(open_sqlite: KeptDatabase, provider: ScriptedProvider) -> AsyncIterator[Desk]:
    async with run_desk(open_sqlite.database, provider) as desk:
        yield desk


async def test_refusal_stays_the_answer_although_the_member_is_blocked_now(
    desk: Desk, provider: ScriptedProvider
) -> None:
    async def refuse(_: Booking) -> None:
        raise ProviderRefusedError("402")

    provider.on_credit = refuse
    first = await desk.award(request_id="panel-0001")
    provider.members[JANA] = make_member(status=MemberStatus.BLOCKED)

    again = await desk.award(request_id="panel-0001")

    assert (again.award, again.replayed) == (first.award, True)
    assert (first.award.state, len(provider.credits)) == (AwardState.REJECTED, 1)
