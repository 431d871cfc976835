"""`merchant verify` before the real loyalty service and the stand-in of TRIFFT: a wrong point scale is caught."""

import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient
from loyalty_service.trifft.mapping.details import LINES
from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.trifft import Member, Project
from sandbox.trifft.faults import Fault
from tests.gateway.cli.operating import Operator, Result
from tests.gateway.cli.prepared import PROFILE
from tests.gateway.helpdesk import Helpdesk

# Peter of the stand-in, and what TRIFFT Admin shows of him.
PETER = ("--email", "peter@example.com")
SHOWN = ("--points", "220")


class Shop:
    """acme, added on the loopback and so verified. `change` gives it another profile, and the proof is over."""

    def __init__(self, operator: Operator, helpdesk: Helpdesk) -> None:
        self.operator = operator
        self.url = helpdesk.url
        self.project: Project = helpdesk.projects["acme"]
        self.project.settings.rate_limit = False
        self.peter: Member = next(one for one in self.project.members.values() if one.email == PETER[1])

    async def run(self, *arguments: str) -> Result:
        return await self.operator.run("merchant", *arguments)

    async def change(self, lines: str = '[member]\npoints = "points || points"\n') -> Result:
        profile = self.operator.write("profile.toml", PROFILE + lines)
        return await self.run("update", "acme", "--profile", profile, "--no-probe")

    async def verify(self, *arguments: str) -> Result:
        return await self.run("verify", "acme", *PETER, *arguments)

    async def give(self, points: int = 5) -> pb.AwardState.ValueType:
        """As the gateway does after a press. Raises LoyaltyCallError."""
        request = pb.AwardPointsRequest(
            merchant_id="acme", request_id=f"request-{points}", member_id=self.peter.id, points=points
        )
        async with LoyaltyClient(self.operator.settings["GATEWAY_LOYALTY_TARGET"], "inner-key") as loyalty:
            return (await loyalty.award_points(request, timeout_s=20)).award.state

    async def find_check(self) -> dict[str, Any]:
        checks = (await self.operator.run("check", "acme", "--json")).data["checks"]
        return next(one for one in checks if one["name"] == "verified")

    async def is_verified(self) -> bool:
        [merchant] = (await self.run("list", "--json")).data
        return bool(merchant["verified"])


@pytest.fixture
def shop(added: Operator, helpdesk: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr("loyalty_service.awards.verification.PAUSE_S", 0.0)
    return Shop(added, helpdesk)


async def test_shop_on_the_loopback_gives_points_until_its_profile_changes(shop: Shop) -> None:
    proven = await shop.find_check()
    assert (proven["state"], proven["detail"]) == ("ok", "not needed: TRIFFT is on this machine")
    assert await shop.give() == pb.AWARD_STATE_APPLIED

    details = "".join(f"{line.removeprefix('member.')} = 'other'\n" for line in LINES)
    harmless = await shop.change(f"[member]\nactive_states = ['active', 'gold']\n{details}")
    assert ("not verified" in harmless.out, await shop.is_verified()) == (False, True)

    changed = await shop.change()
    sent = shop.project.count_requests("credit")
    with pytest.raises(LoyaltyCallError) as refused:
        await shop.give(7)
    check, listed = await shop.find_check(), await shop.run("list")

    command = "trifft-gorgias merchant verify acme --email E --points N --give 1"
    assert f"acme is not verified: it gives no points until this agrees: {command}" in changed.out
    assert refused.value.reason == "MERCHANT_UNVERIFIED"
    assert shop.project.count_requests("credit") == sent, "nothing was sent"
    assert (check["state"], check["advice"]) == ("failed", command)
    assert "no: it has changed" in listed.out
    assert await shop.give() == pb.AWARD_STATE_APPLIED, "what is on record is told all the same"

    await shop.change("")
    assert await shop.is_verified(), "set back, the proof holds again"


async def test_right_scale_is_proven_by_a_point_that_is_given_and_taken_back(shop: Shop) -> None:
    await shop.change()
    shop.peter.overrides = {"nickname": "Pete", "vip": {"since": 1}}

    read = await shop.verify(*SHOWN)
    assert (read.code, await shop.is_verified()) == (0, False)
    for words in (
        "Peter Two",
        "member.points = points || points",
        "member.full_name = [params.first_name, params.last_name]",
        "Read by no line: locale, nickname, vip.since\n",
        "The balance is read as TRIFFT Admin shows it: 220.",
        "acme is not verified",
    ):
        assert words in read.out
    assert "Pete " not in read.out

    proven = await shop.verify(*SHOWN, "--give", "1", "--json")
    assert (proven.code, proven.data["verified"], proven.data["read_agrees"]) == (0, True, True)
    proof = proven.data["proof"]
    assert (proof["outcome"], proof["award_id"], proof["reversal_id"]) == ("verified", "A-1", "A-2")
    assert (proof["balance_before"], proof["balance_given"], proof["balance_after"]) == ("220", "221", "220")
    assert shop.peter.points == 220
    check = await shop.find_check()
    assert (check["state"], "by " in check["detail"]) == ("ok", True)
    assert await shop.give() == pb.AWARD_STATE_APPLIED


async def test_wrong_scale_of_a_balance_is_named_and_nothing_is_given(shop: Shop) -> None:
    await shop.change()
    shop.project.settings.balance_scale = 100

    refused = await shop.verify(*SHOWN, "--give", "1")
    assert refused.code == 1
    assert (
        "TRIFFT Admin shows 220 points, and 22000 is read, 100 times as much: is the point scale 100? "
        "Then write [member] points_scale = 100 into the profile" in refused.out
    )
    assert shop.project.count_requests("credit") == 0

    await shop.change("[member]\npoints_scale = 100\n")
    assert (await shop.verify(*SHOWN, "--give", "1")).code == 0

    other = await shop.verify("--points", "221.5", "--json")
    assert (other.code, other.data["read_factor"]) == (1, None)
    assert "is it the same member" in other.data["message"]


async def test_scale_that_is_too_large_is_named_as_it_is_written(shop: Shop) -> None:
    await shop.change("[credit]\npoint_scale = 100\nanswered_balance_scale = 100\n")
    caught = await shop.verify(*SHOWN, "--give", "1")
    assert caught.code == 1
    assert "is the point scale 1? Then write [credit] point_scale = 1 into the profile" in caught.out


async def test_scale_that_is_wrong_on_credit_only_is_caught_by_giving(shop: Shop) -> None:
    await shop.change()
    shop.project.settings.point_scale = 100

    caught = await shop.verify(*SHOWN, "--give", "1")
    assert caught.code == 1
    assert "the balance went from 220 to 220.01, 1/100 of it: is the point scale 100?" in caught.out
    assert "Award A-1 was taken back by A-2." in caught.out
    assert (shop.peter.points, await shop.is_verified()) == (Decimal(220), False)

    await shop.change("[credit]\npoint_scale = 100\n")
    answer = await shop.verify(*SHOWN, "--give", "1")
    assert answer.code == 1
    assert "is the point scale 100? Then write [credit] answered_balance_scale = 100 into the profile" in answer.out

    await shop.change("[credit]\npoint_scale = 100\nanswered_balance_scale = 100\n[debit]\npoint_scale = 1\n")
    debit = await shop.verify(*SHOWN, "--give", "1")
    assert (debit.code, shop.peter.points) == (1, Decimal("220.99"))
    assert "leave a balance of 220.99, which was 220 before" in debit.out
    shop.peter.points = Decimal(220)

    await shop.change("[credit]\npoint_scale = 100\nanswered_balance_scale = 100\n")
    assert (await shop.verify(*SHOWN, "--give", "1")).code == 0
    assert shop.peter.points == 220


@pytest.mark.parametrize(
    ("fault", "outcome", "words"),
    [
        (Fault(kind="status", status=402, operation="credit"), "not_given", "Nothing was given"),
        (Fault(kind="lost_answer", operation="credit"), "given_unknown", "it was not taken back"),
        (Fault(kind="status", status=402, operation="debit"), "not_taken_back", "TAKING BACK FAILED (A-2 is rejected)"),
    ],
    ids=["refused", "lost", "kept"],
)
async def test_what_could_not_be_proven_is_said_with_its_number(
    shop: Shop, fault: Fault, outcome: str, words: str
) -> None:
    await shop.change()
    shop.project.faults.set(fault)

    failed = await shop.verify(*SHOWN, "--give", "1", "--json")

    assert (failed.code, failed.data["verified"]) == (1, False)
    assert (failed.data["proof"]["outcome"], failed.data["proof"]["award_id"]) == (outcome, "A-1")
    assert words in failed.data["message"]
    assert not await shop.is_verified()


async def test_award_that_trifft_books_later_proves_nothing_and_is_taken_back(shop: Shop) -> None:
    await shop.change()
    shop.peter.delayed_credits = True

    failed = await shop.verify(*SHOWN, "--give", "1", "--json")

    assert (failed.code, failed.data["proof"]["outcome"]) == (1, "given_later")
    assert "Award A-1 was taken back by A-2." in failed.data["message"]


async def test_other_address_outdates_the_proof_and_the_old_one_brings_it_back(shop: Shop) -> None:
    moved = await shop.run("update", "acme", "--trifft-url", shop.url.replace("127.0.0.1", "localhost"), "--no-probe")
    assert ("is not verified" in moved.out, await shop.is_verified()) == (True, False)
    await shop.run("update", "acme", "--trifft-url", shop.url, "--no-probe")
    assert await shop.is_verified()


async def test_new_token_keeps_the_proof_only_if_it_reads_the_same_member(shop: Shop) -> None:
    async def put(token: str, *options: str) -> bool:
        path = shop.operator.write("token", token)
        assert (await shop.run("update", "acme", "--trifft-token-file", path, *options)).code == 0
        return await shop.is_verified()

    await shop.change()
    assert not await put("acme-write", "--no-probe"), "what was never proven is not proven by a token"
    await shop.verify(*SHOWN, "--give", "1")
    shop.project.state.tokens["acme-second"] = "write"

    assert await put("acme-second")
    assert await put("acme-second", "--no-probe"), "the same one again"
    assert not await put("acme-write", "--no-probe"), "nobody was asked"
    await shop.verify(*SHOWN, "--give", "1")
    assert not await put("bloom-write"), "another project"


async def test_forgotten_member_leaves_the_proof_but_not_for_a_new_token(shop: Shop) -> None:
    await shop.change()
    await shop.verify(*SHOWN, "--give", "1")
    shop.project.state.tokens["acme-second"] = "write"

    await shop.operator.run("member", "forget", "acme", "--member", shop.peter.id, "--yes")
    assert await shop.is_verified()
    path = shop.operator.write("token", "acme-second")
    assert "not verified" in (await shop.run("update", "acme", "--trifft-token-file", path)).out


@pytest.fixture
def answer_questions(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    return lambda typed: monkeypatch.setattr("sys.stdin", Terminal(typed))


async def test_person_at_a_terminal_is_asked_for_name_and_balance(
    shop: Shop, answer_questions: Callable[[str], None]
) -> None:
    async def answer(typed: str) -> Result:
        answer_questions(typed)
        return await shop.verify("--give", "1")

    await shop.change()
    other_name, other_balance, right = await answer("n\n"), await answer("y\n2200\n"), await answer("y\n220\n")

    assert "Does TRIFFT Admin call this member Peter Two?" in right.out
    assert (other_name.code, "name the right member" in other_name.err) == (1, True)
    assert (other_balance.code, "1/10 of it" in other_balance.out) == (1, True)
    assert (right.code, await shop.is_verified()) == (0, True)


WRONG_USAGE: list[tuple[list[str], str]] = [
    ([*PETER], "give --points N"),
    ([*PETER, *SHOWN, "--give", "101"], "--give must be whole points from 1 to 100"),
    ([*PETER, "--points", "many"], "--points must be a number"),
    ([*SHOWN], "name the member by one of"),
]


async def test_wrong_usage_is_a_line(shop: Shop, subtests: pytest.Subtests) -> None:
    for arguments, words in WRONG_USAGE:
        with subtests.test(arguments=arguments):
            result = await shop.run("verify", "acme", *arguments)
            assert (result.code, words in result.err, result.out) == (2, True, "")


async def test_member_who_gets_no_points_proves_nothing(shop: Shop) -> None:
    await shop.change()
    blocked = await shop.run("verify", "acme", "--email", "blocked@example.com", "--points", "300", "--give", "1")
    nobody = await shop.run("verify", "acme", "--email", "nobody@example.com", *SHOWN)
    assert (blocked.code, "MEMBER_BLOCKED): name another member" in blocked.err) == (1, True)
    assert (nobody.code, "no loyalty member with this e-mail address" in nobody.err) == (1, True)
