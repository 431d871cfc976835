"""Each line of `check` about TRIFFT: a fault of the stand-in turns it alone, and a repair turns it back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.trifft import Member, Project
from sandbox.trifft.faults import Fault
from tests.gateway.cli.operating import Operator
from tests.gateway.cli.prepared import PROFILE
from tests.gateway.helpdesk import Helpdesk

# The lines of `check` that TRIFFT's stand-in can turn.
LINES = ("TRIFFT", "token", "rate", "breaker", "fields", "statuses", "contract")
# Enough members to tell a wrong line from odd members.
MEMBERS = 20


class Shop:
    """The shop acme, whose members have only what every member has: no tier, no favourite location, no coupons."""

    def __init__(self, operator: Operator, helpdesk: Helpdesk) -> None:
        self.operator = operator
        self.project: Project = helpdesk.projects["acme"]
        self.members = [
            Member(
                email=f"member{number}@example.com", support_id=f"S-{number}", first_name="Ema", last_name=f"{number}."
            )
            for number in range(MEMBERS)
        ]
        self.project.members.update({member.id: member for member in self.members})

    async def run(self, *arguments: str) -> None:
        result = await self.operator.run("merchant", *arguments)
        assert (result.code, result.err) == (0, "")

    async def write_profile(self, lines: str) -> None:
        await self.run("update", "acme", "--profile", self.operator.write("profile.toml", PROFILE + lines))

    async def write_token(self, token: str) -> None:
        await self.run("update", "acme", "--trifft-token-file", self.operator.write("token", f"{token}\n"))

    async def read(self, count: int = MEMBERS) -> None:
        """Read as ticket events do; unreadable answers are ignored."""
        async with LoyaltyClient(self.operator.settings["GATEWAY_LOYALTY_TARGET"], "inner-key") as loyalty:
            reads = [
                loyalty.find_member(
                    "acme", pb.MemberIdentity(email=str(member.email)), max_staleness_s=0.0, timeout_s=20
                )
                for member in self.members[:count]
            ]
            for result in await asyncio.gather(*reads, return_exceptions=True):
                assert isinstance(result, pb.Snapshot | LoyaltyCallError)

    async def give(self) -> pb.AwardState.ValueType:
        request = pb.AwardPointsRequest(
            merchant_id="acme", request_id="request-1", member_id=self.members[0].id, points=5
        )
        async with LoyaltyClient(self.operator.settings["GATEWAY_LOYALTY_TARGET"], "inner-key") as loyalty:
            return (await loyalty.award_points(request, timeout_s=20)).award.state

    async def check(self) -> dict[str, dict[str, Any]]:
        """Return the lines about TRIFFT that are not ok."""
        checks = (await self.operator.run("check", "acme", "--json")).data["checks"]
        found = {one["name"]: one for one in checks if one["name"] in LINES}
        assert list(found) == list(LINES)
        return {name: one for name, one in found.items() if one["state"] != "ok"}


@pytest.fixture
def shop(added: Operator, helpdesk: Helpdesk) -> Shop:
    shop = Shop(added, helpdesk)
    shop.project.settings.rate_limit = False
    return shop


async def fail_reads(shop: Shop) -> None:
    assert await shop.check() == {}, "the token was accepted once"
    shop.project.faults.set(Fault(kind="status", status=503))
    await shop.read(6)


async def fail_finds(shop: Shop) -> None:
    shop.project.faults.set(Fault(kind="status", status=503, operation="find"))
    await shop.read(6)


async def garble_probe(shop: Shop) -> None:
    shop.project.faults.set(Fault(kind="html", operation="probe"))


async def end_token(shop: Shop) -> None:
    shop.project.state.tokens["acme-write"] = "expired"


async def take_roles(shop: Shop) -> None:
    shop.project.state.tokens["acme-write"] = "read"


async def refuse_award(shop: Shop) -> None:
    shop.project.faults.set(Fault(kind="status", status=403, operation="credit"))
    assert await shop.give() == pb.AWARD_STATE_REJECTED


async def throttle(shop: Shop) -> None:
    assert await shop.check() == {}, "the token was accepted once"
    shop.project.faults.set(Fault(kind="status", status=429, operation="find"))
    await shop.read(1)


async def rename_names(shop: Shop) -> None:
    shop.project.settings.first_name_slug, shop.project.settings.last_name_slug = "meno", "priezvisko"
    await shop.read()


async def lose_points(shop: Shop) -> None:
    for member in shop.members:
        member.left_out = ["points"]
    await shop.read()


async def lose_addresses(shop: Shop) -> None:
    await shop.write_profile('[member]\nemail = "e_mail"\n')
    await shop.read()


async def spell_dates_oddly(shop: Shop) -> None:
    for member in shop.members[::2]:
        member.overrides = {"created_at": "yesterday"}
    await shop.read()


async def open_wallets(shop: Shop) -> None:
    for member in shop.members:
        member.overrides = {"wallets": [{"id": "main", "points": 5}, {"id": "other", "points": 7}]}
    await shop.read()


async def invent_status(shop: Shop) -> None:
    shop.members[0].overrides = {"status": "on_hold"}
    await shop.read(1)


async def move_coupons(shop: Shop) -> None:
    await shop.write_profile('[list_coupons]\npath = "/v1/member/{member_id}/coupons"\n')
    await shop.read(3)


async def wrap_movements(shop: Shop) -> None:
    await shop.write_profile('[find_member]\nitems = "members"\n')
    await shop.read(1)


async def book_otherwise(shop: Shop) -> None:
    shop.members[0].receipt_overrides = {"points": 500}
    assert await shop.give() == pb.AWARD_STATE_UNKNOWN


async def clear(shop: Shop) -> None:
    """The check closes the circuit breaker, so the reads are sent."""
    shop.project.faults.clear()
    await shop.check()
    await shop.read(6)


async def replace_token(shop: Shop) -> None:
    shop.project.faults.clear()
    shop.project.state.tokens["acme-new"] = "write"
    await shop.write_token("acme-new")


def write(lines: str, *, count: int = MEMBERS) -> "Act":
    async def mend(shop: Shop) -> None:
        await shop.write_profile(lines)
        await shop.read(count)

    return mend


Act: TypeAlias = Callable[[Shop], Awaitable[None]]
# By fault: the lines that it turns with their states, words of the first line, and the repair.
CASES: dict[Act, tuple[dict[str, str], str, Act]] = {
    fail_reads: ({"TRIFFT": "failed", "breaker": "warning"}, "PROVIDER_UNAVAILABLE: TRIFFT answered 503", clear),
    fail_finds: ({"TRIFFT": "warning"}, "failed in a row, and was not asked since: find_member ", clear),
    garble_probe: ({"TRIFFT": "failed"}, '[probe] path = "/v1/points-calculator" found a body', clear),
    end_token: ({"token": "failed"}, "TRIFFT refuses it since ", replace_token),
    take_roles: ({"token": "failed"}, "it lacks ROLE_WRITE_SEGMENT for probe (refused ", replace_token),
    refuse_award: ({"token": "failed"}, "it lacks ROLE_READ_MEMBER for credit (refused ", replace_token),
    throttle: ({"rate": "failed", "TRIFFT": "unknown"}, "TRIFFT answered 429 1x lately, last ", replace_token),
    rename_names: (
        {"fields": "failed"},
        "member.full_name ([params.first_name, params.last_name]) found nothing for 20 of 20 members",
        write('[member]\nfull_name = "[params.meno, params.priezvisko]"\n'),
    ),
    lose_points: (
        {"fields": "failed"},
        "member.points (points) found nothing for 20 of 20 members",
        write('[member]\npoints = "`null`"\n'),
    ),
    lose_addresses: ({"fields": "failed"}, "member.email (e_mail) found nothing for 20 of 20 members", write("")),
    spell_dates_oddly: (
        {"fields": "warning"},
        "member.join_time (created_at) could not be read for 10 of 20 members, last ",
        write('[member]\njoin_time = "`null`"\n'),
    ),
    open_wallets: (
        {"fields": "failed"},
        "wallet.chosen () found nothing for 20 of 20 members",
        write('[wallet]\nchosen = "main"\n'),
    ),
    invent_status: (
        {"statuses": "warning"},
        "get no points: 'on_hold' 1x",
        write('[member]\nblocked_states = ["on_hold"]\n', count=1),
    ),
    move_coupons: (
        {"contract": "failed"},
        '[list_coupons] path = "/v1/member/{member_id}/coupons" found HTTP 404, last ',
        write("", count=3),
    ),
    wrap_movements: (
        {"contract": "failed"},
        '[find_member] items = "members" found no list, last ',
        write("", count=1),
    ),
    book_otherwise: ({"contract": "failed"}, '([credit] answered_points = "points"), last ', write("", count=1)),
}


@pytest.mark.parametrize("spoil", CASES, ids=lambda spoil: spoil.__name__)
async def test_fault_turns_only_its_own_lines_and_a_repair_turns_them_back(shop: Shop, spoil: Act) -> None:
    states, detail, mend = CASES[spoil]
    await spoil(shop)

    turned = await shop.check()
    assert {name: one["state"] for name, one in turned.items()} == states
    first = next(iter(states))
    assert detail in turned[first]["detail"]
    assert all(one["advice"] for one in turned.values() if one["state"] != "unknown")

    await mend(shop)
    assert await shop.check() == {}
