"""The person whom an operator's command names, never a look-alike."""

import pytest

from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.trifft import Fault
from tests.gateway.cli.operating import Operator
from tests.gateway.helpdesk import Helpdesk

STRASSE, STRASZE = "strasse@example.com", "straße@example.com"


class Shop:
    """The shop acme, added by the operator, with the members of the stand-in."""

    def __init__(self, operator: Operator, helpdesk: Helpdesk) -> None:
        self.run = operator.run
        self._settings = operator.settings
        self._members = helpdesk.projects["acme"].members

    async def find(self, *who: str) -> str:
        """Return the id that `member show` prints; empty if there is no such member."""
        shown = await self.run("member", "show", "acme", *who, "--json")
        assert shown.code == 0 or "no loyalty member" in shown.err
        return str(shown.data["member_id"]) if shown.code == 0 else ""

    async def is_held(self, email: str) -> bool:
        return bool((await self.run("snapshot", "show", "acme", "--email", email, "--json")).data["is_held"])

    async def list_awards(self, *options: str) -> list[str]:
        return [award["award_id"] for award in (await self.run("award", "list", "acme", *options, "--json")).data]

    async def give(self, member_id: str, agent: str) -> str:
        target, key = self._settings["GATEWAY_LOYALTY_TARGET"], self._settings["GATEWAY_LOYALTY_KEY"]
        async with LoyaltyClient(target, key) as loyalty:
            request = pb.AwardPointsRequest(
                merchant_id="acme",
                request_id=f"request-{agent.encode().hex()}",
                member_id=member_id,
                points=1,
                claimed_agent_name=agent,
            )
            return (await loyalty.award_points(request, timeout_s=20)).award.award_id

    def rename(self, *emails: str) -> list[str]:
        """Give these addresses to members; return the members' ids."""
        members = [member for member in self._members.values() if member.status == "active"][: len(emails)]
        for member, email in zip(members, emails, strict=True):
            member.email = email
        return [member.id for member in members]


@pytest.fixture
def shop(added: Operator, helpdesk: Helpdesk) -> Shop:
    return Shop(added, helpdesk)


async def test_look_alike_is_no_member(shop: Shop) -> None:
    [member_id] = shop.rename(STRASZE)
    assert await shop.find("--email", STRASZE) == member_id
    assert await shop.find("--email", STRASSE) == ""


async def test_what_is_pasted_with_spaces_is_found(shop: Shop) -> None:
    [member_id] = shop.rename("eve@example.com")
    assert await shop.find("--email", " eve@example.com ") == member_id


async def test_member_who_is_forgotten_leaves_the_look_alike_held(shop: Shop) -> None:
    shop.rename(STRASZE, STRASSE)
    for email in (STRASZE, STRASSE):
        assert await shop.find("--email", email)
    forgotten = await shop.run("member", "forget", "acme", "--email", STRASSE, "--yes")
    assert (forgotten.code, "2 entries" in forgotten.out) == (0, True)
    assert [await shop.is_held(email) for email in (STRASZE, STRASSE)] == [True, False]


async def test_address_that_changed_hands_forgets_nobody(shop: Shop, helpdesk: Helpdesk) -> None:
    """Held data of an address may be a day old, and a forgotten person cannot be restored."""
    ids = shop.rename("max@example.com", "moritz@example.com")
    assert await shop.find("--email", "max@example.com") == ids[0]
    shop.rename("max@new.example", "max@example.com")
    helpdesk.projects["acme"].faults.set(Fault(kind="status", status=503))
    for words in ("TRIFFT does not say", "several members"):
        forgotten = await shop.run("member", "forget", "acme", "--email", "max@example.com", "--yes")
        assert (forgotten.code, forgotten.out, words in forgotten.err) == (1, "", True)
        helpdesk.projects["acme"].faults.clear(None)
    assert (await shop.run("member", "forget", "acme", "--member", ids[1], "--yes")).code == 0


async def test_member_whom_trifft_has_forgotten_is_known_from_held_data(shop: Shop, helpdesk: Helpdesk) -> None:
    [member_id] = shop.rename("eve@example.com")
    assert await shop.find("--email", "eve@example.com") == member_id
    del helpdesk.projects["acme"].members[member_id]
    forgotten = await shop.run("member", "forget", "acme", "--email", "eve@example.com", "--yes", "--json")
    assert (forgotten.code, forgotten.data["is_known"]) == (0, True)
    assert not await shop.is_held("eve@example.com")


async def test_snapshot_that_is_dropped_leaves_the_look_alike_held(shop: Shop) -> None:
    shop.rename(STRASZE)
    await shop.find("--email", STRASZE)
    dropped = await shop.run("snapshot", "drop", "acme", "--email", STRASSE)
    assert (dropped.code, dropped.out) == (0, "Nothing was held.\n")
    assert await shop.is_held(STRASZE)


async def test_awards_of_a_look_alike_are_not_listed(shop: Shop) -> None:
    member_id = await shop.find("--support-id", "jn-4821")
    award_id = await shop.give(member_id, "ZOË")
    for member in ("JN-4821", "jn-4821", member_id):
        assert await shop.list_awards("--member", member) == [award_id]
    for member in ("\uff2aN-4821", "J\u0143-4821", member_id.upper()):
        assert await shop.list_awards("--member", member) == []
    assert [await shop.list_awards("--agent", name) for name in ("zoË", "zoë", "ZOE")] == [[award_id], [], []]
