"""Awards over the wire: at most one credit per request, and the truth about each."""

import asyncio

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, make_request_id
from tests.loyalty_service.scripted import JANA, ScriptedProvider


async def test_award_adds_points_and_the_next_reading_has_them(client: Client, provider: ScriptedProvider) -> None:
    identity = pb.MemberIdentity(member_id=JANA)
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=identity)
    before = await client.loyalty.GetSnapshot(request)

    answer = await client.award(points=100, note="sorry")

    after = await client.loyalty.GetSnapshot(request)
    assert (answer.award.state, answer.award.award_id, answer.replayed) == (pb.AWARD_STATE_APPLIED, "A-1", False)
    assert answer.member_name == "Jana Nováková"
    assert before.snapshot.member.wallet.points_balance == 1240
    assert after.snapshot.member.wallet.points_balance == 1340
    assert after.snapshot.member.wallet.points_balance_exact == "1340.5"
    assert [(credit.points, credit.note) for credit in provider.credits] == [(100, "sorry")]


async def test_fifty_at_once_with_one_request_id_are_one_credit(client: Client, provider: ScriptedProvider) -> None:
    request_id = make_request_id()

    answers = await asyncio.gather(*(client.award(request_id=request_id) for _ in range(50)))

    assert {answer.award.award_id for answer in answers} == {"A-1"}
    assert {answer.award.state for answer in answers} == {pb.AWARD_STATE_APPLIED}
    assert [answer.replayed for answer in answers].count(False) == 1
    assert len(provider.credits) == 1
