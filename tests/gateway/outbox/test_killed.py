"""The real process, killed between a click and its note: the next one writes it, once."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
import grpc
import pytest_asyncio
from cryptography.fernet import Fernet

from gateway.actions.link_token import LinkTokens
from gateway.actions.token import AwardTokens
from gateway.customers.identity import FoundBy, Identity
from gateway.database import open_database
from gateway.installation.store import InstallationStore
from gateway.outbox.statements import LEASE_S
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from runtime.encryption import SecretKeys
from sandbox.gorgias.faults import Fault
from tests.forked import run_forked
from tests.gateway.edge.running import JANA, make_time
from tests.gateway.edge.scripted import Context, Failure
from tests.gateway.edge.test_process import read_address
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.outbox.room import TicketLoyalty, let_pass, make_award
from tests.gateway.outbox.stage import Stage as Servers
from tests.gateway.waiting import wait_until
from tests.statements import fetch_rows

KEY = Fernet.generate_key().decode()
DAY_S = 86_400.0


class SlowLoyalty(TicketLoyalty):
    """Puts each award on record as APPLIED and, while `is_held`, does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = asyncio.Event()

    async def award_points(self, request: pb.AwardPointsRequest, context: Context) -> pb.AwardPointsResponse:
        self.award_requests.append(request)
        award = make_award(request_id=request.request_id, ticket_verified=request.ticket_verified)
        if self.is_held.is_set():
            await Failure(grpc.StatusCode.DEADLINE_EXCEEDED).abort(context)
        self.awards[request.request_id] = award
        return pb.AwardPointsResponse(award=award, member_name="Jana")


@dataclass
class Stack:
    """What outlives a gateway."""

    settings: dict[str, str]
    database: Database
    helpdesk: Helpdesk
    loyalty: SlowLoyalty
    credential: str

    async def press(self, url: str) -> int:
        tokens = AwardTokens(SecretKeys([KEY]).derive("award-token"), life_s=DAY_S)
        token = tokens.make(
            "acme", "member-1", found_by=Identity(FoundBy.EMAIL, JANA), fetch_time=make_time(datetime.now(UTC))
        )
        return await self._post(url, "award-points", {"award_token": token, "points": "100"})

    async def press_link(self, url: str) -> int:
        """The customer of the same ticket."""
        tokens = LinkTokens(SecretKeys([KEY]).derive("link-token"), life_s=DAY_S)
        token = tokens.make_link("acme", 101)
        return await self._post(url, "link-member", {"link_token": token, "support_id": "JN-4821"})

    async def _post(self, url: str, action: str, form: dict[str, str]) -> int:
        headers = {"Authorization": f"Bearer {self.credential}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"{url}/gorgias/actions/{action}", data={"ticket_id": "4711", **form}, headers=headers
            ) as response,
        ):
            return response.status

    def list_marks(self) -> list[str]:
        messages = self.helpdesk.account.state.messages.values()
        return [one.body_text.split("\n")[-1] for one in messages if one.channel == "internal-note"]

    async def has_row(self) -> bool:
        return bool(await self._count("due_time_ms IS NOT NULL"))

    async def is_sending(self) -> bool:
        return bool(await self._count("sending <> ''")) and bool(self.list_marks())

    async def is_closed(self) -> bool:
        return not await self.has_row()

    async def _count(self, condition: str) -> int:
        query = f"SELECT count(*) AS count FROM ticket_notes WHERE {condition}"  # noqa: S608 - constants
        [row] = await fetch_rows(self.database, query)
        return int(row["count"])


@pytest_asyncio.fixture(loop_scope="session")
async def stack(database_url: str, helpdesk: Helpdesk, stage: Servers) -> AsyncIterator[Stack]:
    stage.loyalty = loyalty = SlowLoyalty()
    settings = {
        "GATEWAY_LISTEN": "127.0.0.1:0",
        "GATEWAY_DATABASE_URL": database_url,
        "GATEWAY_SECRET_KEYS": KEY,
        "GATEWAY_LOYALTY_TARGET": stage.target,
        "GATEWAY_LOYALTY_KEY": "inner-key",
        "GATEWAY_ACTION_TIMEOUT_S": "30",
    }
    async with open_database(database_url) as database:
        store = InstallationStore(database, SecretKeys([KEY]))
        await store.add("acme", helpdesk.make_target())
        installation = await store.get("acme")
        assert installation is not None
        yield Stack(settings, database, helpdesk, loyalty, installation.credential)


async def restart(stack: Stack) -> None:
    """Another process, when the killed one's lease is over, until all notes are written."""
    await let_pass(stack.database, LEASE_S + 5)
    async with run_forked("tests.gateway.patience:main", env=stack.settings) as process:
        await read_address(process)
        await wait_until(stack.is_closed)


async def test_process_killed_before_the_award_was_answered_leaves_its_note_to_the_next(stack: Stack) -> None:
    stack.loyalty.is_held.set()
    async with run_forked("tests.gateway.patience:main", env=stack.settings) as process:
        await stack.press(await read_address(process))
        assert await stack.has_row()
        process.kill()
        await process.wait()
    [request] = stack.loyalty.award_requests
    assert stack.list_marks() == []
    stack.loyalty.awards[request.request_id] = make_award(request_id=request.request_id)
    await restart(stack)
    assert stack.list_marks() == ["Award A-10482 · added"]


async def test_process_killed_after_gorgias_took_the_note_leaves_one(stack: Stack) -> None:
    """Gorgias takes the note of a link, and its answer never comes; the note of an award waits behind it."""
    stack.helpdesk.account.faults.set(Fault(kind="hang", operation="create_message", after_commit=True))
    async with run_forked("tests.gateway.patience:main", env=stack.settings) as process:
        url = await read_address(process)
        assert await stack.press_link(url) == 200
        await wait_until(stack.is_sending)
        assert await stack.press(url) == 200
        process.kill()
        await process.wait()
    stack.helpdesk.account.faults.clear()
    await restart(stack)
    marks = [re.sub(r"L-\d+", "L-N", mark) for mark in stack.list_marks()]  # a lent database goes on counting
    assert sorted(marks) == ["Award A-10482 · added", "Link L-N · made"]
