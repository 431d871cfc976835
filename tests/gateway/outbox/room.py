"""The room of tickets, open on a real database before the stand-in of Gorgias and a scripted loyalty service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import grpc
from google.protobuf import timestamp_pb2
from prometheus_client import CollectorRegistry

from gateway.customers.identity import FoundBy
from gateway.customers.ownership import Ownership
from gateway.installation.accounts import Accounts
from gateway.installation.store import InstallationStore
from gateway.links.service import Links
from gateway.links.store import LinkStore
from gateway.loyalty_client import LoyaltyClient
from gateway.merchants import Merchants
from gateway.outbox.service import Outbox, open_outbox
from gateway.outbox.subjects import Subjects
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from tests.gateway.edge.scripted import Context, Failure, ScriptedLoyalty
from tests.gateway.edge.shops import KEYS
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.waiting import wait_until
from tests.statements import execute, fetch_rows

REQUEST = "request-1"
TICKET = 4711
_TIMES = ("expect_time_ms", "due_time_ms", "lease_expire_time_ms", "send_time_ms", "problem_time_ms", "close_time_ms")
_POLL_S = 0.05
PATIENCE_S = 30.0


class TicketLoyalty(ScriptedLoyalty):
    """Knows awards by their request, those that a reversal names by number; `asked` are the requests looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.awards: dict[str, pb.Award | Failure] = {}
        self.by_number: dict[str, pb.Award | Failure] = {}
        self.changes: list[pb.AwardChange] = []
        self.asked: list[str] = []
        self.snapshot = make_snapshot()

    async def get_award(self, request: pb.GetAwardRequest, context: Context) -> pb.GetAwardResponse:
        missing = Failure(grpc.StatusCode.NOT_FOUND, "AWARD_NOT_FOUND")
        if request.award_id:
            award = self.by_number.get(request.award_id, pb.Award(ticket_id=str(TICKET)))
        else:
            self.asked.append(request.request_id)
            award = self.awards.get(request.request_id, missing)
        if isinstance(award, Failure):
            await award.abort(context)
        assert isinstance(award, pb.Award)
        return pb.GetAwardResponse(award=award, changes=self.changes)


class Clock:
    """The process's clock. It stands still until a test puts it on: on a busy machine some seconds pass unasked."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return self.ahead_s


class JanasPanel:
    """A panel that was found by her e-mail address."""

    kind = FoundBy.EMAIL

    def has_email(self, email: str) -> bool:
        return email == "jana@example.com"

    def has_phone(self, _number: str) -> bool:
        return False

    has_link = has_phone


@dataclass
class Room:
    """`notes` are the internal notes of a ticket as their lines, oldest first."""

    ownership: Ownership
    outbox: Outbox
    links: LinkStore
    database: Database
    helpdesk: Helpdesk
    loyalty: TicketLoyalty
    registry: CollectorRegistry
    clock: Clock = field(default_factory=Clock)

    async def press(
        self,
        request_id: str = REQUEST,
        ticket_id: str = str(TICKET),
        merchant_id: str = "acme",
        customer_id: int | None = None,
    ) -> None:
        await self.outbox.enqueue(merchant_id, request_id, ticket_id, customer_id)

    def list_notes(self, ticket_id: int = TICKET) -> list[list[str]]:
        messages = sorted(self.helpdesk.account.state.messages.items())
        return [
            message.body_text.split("\n")
            for _, message in messages
            if message.channel == "internal-note" and message.ticket_id == ticket_id
        ]

    def list_marks(self, ticket_id: int = TICKET) -> list[str]:
        return [lines[-1] for lines in self.list_notes(ticket_id)]

    async def wait_for_marks(self, *marks: str, ticket_id: int = TICKET) -> None:
        async def are_there() -> bool:
            return len(self.list_marks(ticket_id)) >= len(marks)

        await wait_until(are_there)
        assert self.list_marks(ticket_id) == list(marks)

    async def list_rows(self) -> list[dict[str, object]]:
        return await fetch_rows(self.database, "SELECT * FROM ticket_notes ORDER BY merchant_id, request_id")

    async def count_open(self) -> int:
        return sum(row["due_time_ms"] is not None for row in await self.list_rows())

    async def wait_for_close(self) -> None:
        async def is_closed() -> bool:
            return await self.count_open() == 0

        await wait_until(is_closed)

    async def wait_for_look(self, *, after_s: float = 0.0) -> None:
        """Wait for one more call of GetAward, which is made at the latest when so much time has passed."""
        count = len(self.loyalty.asked)

        async def was_asked() -> bool:
            return len(self.loyalty.asked) > count

        if after_s:
            await self.let_pass(after_s)
        await wait_until(was_asked)

    async def wait_for_return(self) -> None:
        """Wait until no worker has a row."""

        async def are_free() -> bool:
            return all(row["lease_expire_time_ms"] is None for row in await self.list_rows())

        await wait_until(are_free)

    async def wait_for_failures(self, count: int = 1) -> None:
        """Until each row has been put off so often, and is nobody's."""

        async def were_met() -> bool:
            rows = await self.list_rows()
            return all(row["lease_expire_time_ms"] is None and row["look_count"] == count for row in rows)

        await wait_until(were_met)

    async def let_pass(self, seconds: float) -> None:
        """For the rows and for the process it is so much later."""
        await self.wait_for_return()
        await let_pass(self.database, seconds)
        self.clock.ahead_s += seconds
        self.outbox.look()


async def let_pass(database: Database, seconds: float) -> None:
    """Rows are as old as if so much time had passed."""
    columns = ", ".join(f"{name} = {name} - {round(seconds * 1000)}" for name in _TIMES)
    await execute(database, f"UPDATE ticket_notes SET {columns}")  # noqa: S608 - constants


@asynccontextmanager
async def open_room(  # noqa: PLR0913 - all that the room stands on
    database: Database,
    installations: InstallationStore,
    helpdesk: Helpdesk,
    loyalty: TicketLoyalty,
    client: LoyaltyClient,
    *,
    clock: Clock | None = None,
) -> AsyncIterator[Room]:
    clock, registry = clock or Clock(), CollectorRegistry()
    async with AsyncExitStack() as stack:
        merchants = await stack.enter_async_context(Merchants(client, timeout_s=PATIENCE_S))
        accounts = await stack.enter_async_context(Accounts(installations, clock=clock))
        links = LinkStore(database, KEYS)
        opened = open_outbox(
            database,
            accounts,
            Subjects(client, merchants, links, clock=clock),
            registry,
            press_life_s=86_400.0,
            poll_s=_POLL_S,
            first_look_s=0.0,
            clock=clock,
        )
        outbox = await stack.enter_async_context(opened)
        yield Room(Ownership(accounts, Links(links)), outbox, links, database, helpdesk, loyalty, registry, clock)


def make_award(state: pb.AwardState.ValueType = pb.AWARD_STATE_APPLIED, **changes: object) -> pb.Award:
    """An award as the loyalty service sends it, settled now."""
    now = timestamp_pb2.Timestamp()
    now.GetCurrentTime()
    fields: dict[str, object] = {
        "award_id": "A-10482",
        "merchant_id": "acme",
        "member_id": "member-1",
        "request_id": REQUEST,
        "points": 100,
        "note": "sorry for the delay",
        "reason": "Late delivery",
        "ticket_id": str(TICKET),
        "ticket_verified": True,
        "claimed_agent_name": "Ana Kovacs",
        "claimed_agent_email": "ana@acme.example",
        "create_time": timestamp_pb2.Timestamp(seconds=1_795_438_500),
        "update_time": now,
        "tier_before": "Silver",
        "debit": "reverses" in changes,
    }
    if state == pb.AWARD_STATE_APPLIED:
        fields["balance"] = pb.Wallet(points_balance=1340, points_balance_exact="1340")
    return pb.Award(state=state, **(fields | changes))  # type: ignore[arg-type]


def make_snapshot(tier: str = "Gold", **changes: object) -> pb.Snapshot:
    member = pb.Member(
        member_id="member-1", full_name="Jana Nováková", support_id="JN-4821", tier=pb.Tier(display_name=tier)
    )
    return pb.Snapshot(merchant_id="acme", member=member, **changes)  # type: ignore[arg-type]
