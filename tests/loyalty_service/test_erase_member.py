"""Forgetting a person over the wire: what is held, what is on record, and what stays."""

import pytest

from loyalty_service.awards.ledger.erase import Erasures
from loyalty_service.domain.erasure import Erasure
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, StartService, catch_failure
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member

IDENTITY = pb.MemberIdentity(member_id=JANA)


async def erase(client: Client, member_id: str = JANA, *identities: pb.MemberIdentity) -> pb.EraseMemberResponse:
    request = pb.EraseMemberRequest(
        merchant_id="acme", member_id=member_id, identities=identities, erased_by="jo@ops-1"
    )
    return await client.loyalty.EraseMember(request)


async def test_forgotten_member_is_known_only_to_the_provider(
    start_service: StartService, capfd: pytest.CaptureFixture[str]
) -> None:
    async with start_service(reversal_window_s=0.0) as client:
        await client.add_merchant()
        award = (await client.award(request_id="request-1", note="for Jana", ticket_id="4711")).award
        await client.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="acme", identity=IDENTITY))

        answer = await erase(client)

        assert (answer.dropped_count, answer.erased_award_count, list(answer.kept_awards)) == (1, 1, [])
        held = await client.loyalty.GetHeldSnapshot(pb.GetHeldSnapshotRequest(merchant_id="acme", identity=IDENTITY))
        assert held == pb.GetHeldSnapshotResponse()
        found = await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", award_id="A-1"))
        assert (found.award.member_id, found.award.member_support_id, found.award.note) == (answer.pseudonym, "", "")
        assert (found.award.points, found.award.ticket_id, found.award.state) == (100, "4711", award.state)
        assert JANA not in str(found)
        assert "JN-4821" not in str(found)
        again = await client.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="acme", identity=IDENTITY))
        assert again.snapshot.given_by_support == pb.SupportAwards()
        reused = await catch_failure(client.award(request_id="request-1", note="for Jana", ticket_id="4711"))
        assert (reused.reason, reused.metadata["award_id"]) == ("REQUEST_ID_REUSED", "A-1")
        repeated = await erase(client)
        assert (repeated.erased_award_count, repeated.pseudonym) == (0, "")
    assert JANA not in capfd.readouterr().err


async def test_read_that_begins_before_the_ledger_forgets_is_not_held(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=IDENTITY)
    async with start_service(reversal_window_s=0.0) as client:
        await client.add_merchant()
        await client.award()
        write = Erasures.erase

        async def write_after_a_reading(erasures: Erasures, *arguments: str) -> Erasure:
            read = await client.loyalty.GetSnapshot(request)
            assert len(read.snapshot.given_by_support.awards) == 1
            return await write(erasures, *arguments)

        monkeypatch.setattr(Erasures, "erase", write_after_a_reading)
        await erase(client)
        assert (await client.loyalty.GetSnapshot(request)).snapshot.given_by_support == pb.SupportAwards()


async def test_support_id_of_the_held_snapshot_need_not_be_given(client: Client, provider: ScriptedProvider) -> None:
    provider.members["JN-4821"] = provider.members[JANA]
    by_support_id = pb.MemberIdentity(support_id="JN-4821")
    await client.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="acme", identity=by_support_id))
    assert (await erase(client)).dropped_count == 2
    held = await client.loyalty.GetHeldSnapshot(pb.GetHeldSnapshotRequest(merchant_id="acme", identity=by_support_id))
    assert held == pb.GetHeldSnapshotResponse()


async def test_another_member_shown_with_the_same_support_id_stays_held(
    client: Client, provider: ScriptedProvider
) -> None:
    """Support IDs are cleaned before they are shown, so two may look the same."""
    provider.members["JN-4821"] = make_member(member_id="zoe")
    by_support_id = pb.MemberIdentity(support_id="JN-4821")
    for identity in (by_support_id, IDENTITY):
        await client.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="acme", identity=identity))
    assert (await erase(client)).dropped_count == 1
    held = await client.loyalty.GetHeldSnapshot(pb.GetHeldSnapshotRequest(merchant_id="acme", identity=by_support_id))
    assert held.snapshot.member.member_id == "zoe"


async def test_award_that_can_be_taken_back_is_kept_with_its_end_in_the_answer(client: Client) -> None:
    await client.award()
    answer = await erase(client)
    award = (await client.loyalty.GetAward(pb.GetAwardRequest(merchant_id="acme", award_id="A-1"))).award
    [kept] = answer.kept_awards
    assert (kept.award_id, kept.reason) == ("A-1", pb.KEPT_REASON_REVERSIBLE)
    assert kept.until_time == award.reverse_expire_time
    request = pb.ReverseAwardRequest(merchant_id="acme", request_id="request-2", award_id="A-1")
    assert (await client.loyalty.ReverseAward(request)).award.state == pb.AWARD_STATE_APPLIED


async def test_awards_of_a_removed_shop_are_forgotten_too(start_service: StartService) -> None:
    async with start_service(reversal_window_s=0.0) as client:
        await client.add_merchant()
        await client.award()
        await client.merchants.DeleteMerchant(pb.DeleteMerchantRequest(merchant_id="acme"))
        assert (await erase(client)).erased_award_count == 1
        failure = await catch_failure(client.loyalty.EraseMember(pb.EraseMemberRequest(merchant_id="nobody")))
        assert failure.reason == "MERCHANT_NOT_FOUND"


async def test_request_without_a_person_or_an_author_is_refused(client: Client, provider: ScriptedProvider) -> None:
    nameless = pb.EraseMemberRequest(merchant_id="acme", erased_by="jo")
    anonymous = pb.EraseMemberRequest(merchant_id="acme", member_id=JANA)
    pseudonym = pb.EraseMemberRequest(merchant_id="acme", member_id="erased-1", erased_by="jo")
    many = pb.EraseMemberRequest(merchant_id="acme", member_id=JANA, identities=[IDENTITY] * 21, erased_by="jo")
    failures = [
        await catch_failure(client.loyalty.EraseMember(request)) for request in (nameless, anonymous, pseudonym, many)
    ]
    assert [failure.reason for failure in failures] == ["BAD_VALUE"] * 4
    assert [failure.field for failure in failures] == ["member_id", "erased_by", "member_id", "identities"]
    assert provider.fetches == []
