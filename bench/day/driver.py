"""The day's load: `python -m bench.day.driver PLAN ANSWERS` sends each request at its time, and writes the answers.

It is a separate process, so that its cost is not counted as another's.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc
import msgspec
import uvloop
from aiohttp import hdrs
from google.rpc import error_details_pb2, status_pb2

from bench.day.events import Event, Kind
from bench.process import HOST
from bench.widgets import ask_widget, make_session
from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from protos.loyalty.v1.loyalty_pb2_grpc import LoyaltyServiceStub
from runtime.channels import DIRECT

if TYPE_CHECKING:  # it only exists in the stubs' .pyi
    from protos.loyalty.v1.loyalty_pb2_grpc import LoyaltyServiceAsyncStub

AWARD_PATH = "/gorgias/actions/award-points"
ANSWERED, OLD = "answered", "old"
"""Outcomes of readers; all others are the error's reason."""
NO_PANEL = "no panel"
"""The outcome of an award if the agent's panel had no button."""
_READER_S = 2.0
_BATCH_S = 8.0
_ACTION_S = 6.0


class DayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`start_s`: when the day begins, by the machine's monotonic clock. `credentials`: the widgets', by shop."""

    start_s: float
    gateways: list[int]
    loyalty_target: str
    loyalty_key: str
    credentials: dict[str, str]
    events: list[Event]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one request. `at_s`: when it was sent, after the day began. `members`: outcomes of a batch.

    `because`: the widget's reason for not being live.
    """

    kind: Kind
    shop: str
    at_s: float
    took_ms: float
    outcome: str
    is_answered: bool = True
    because: str = ""
    members: list[str] = []


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """`replies`: in the order of the events.

    `late_ms`: the longest delay of a request in the driver; above some 100 the driver was overloaded.
    """

    replies: list[Reply]
    late_ms: float


class Driver:
    def __init__(self, plan: DayPlan, session: aiohttp.ClientSession, client: LoyaltyClient) -> None:
        self._plan = plan
        self._session = session
        self._client = client
        self._tokens: dict[tuple[str, str], str] = {}
        self._replies: list[Reply] = []
        self._late_s = 0.0

    async def drive(self, stub: "LoyaltyServiceAsyncStub") -> Answers:
        self._stub = stub
        ways: dict[Kind, Callable[[Event, int], Coroutine[Any, Any, Reply]]] = {
            Kind.TICKET: self._open_ticket,
            Kind.READER: self._read,
            Kind.BATCH: self._read_batch,
            Kind.AWARD: self._award,
        }
        tasks = []
        for number, event in enumerate(self._plan.events):
            due_s = self._plan.start_s + event.at_s
            await asyncio.sleep(due_s - time.monotonic())
            self._late_s = max(self._late_s, time.monotonic() - due_s)
            port = self._plan.gateways[number % len(self._plan.gateways)]
            tasks.append(asyncio.create_task(ways[event.kind](event, port)))
        return Answers(replies=await asyncio.gather(*tasks), late_ms=self._late_s * 1000)

    async def _open_ticket(self, event: Event, port: int) -> Reply:
        (email,) = event.emails
        answer = await ask_widget(self._session, port, self._plan.credentials[event.shop], email)
        if answer.award_token:
            self._tokens[event.shop, email] = answer.award_token
        reply = self._make_reply(event, answer.sent_s, answer.outcome, is_answered=answer.is_answered)
        return msgspec.structs.replace(reply, because=answer.because)

    async def _read(self, event: Event, _port: int) -> Reply:
        """Read as an internal service, which accepts held snapshots up to the hold time."""
        sent_s = time.monotonic()
        try:
            snapshot = await self._client.get_snapshot(
                event.shop, pb.MemberIdentity(email=event.emails[0]), max_staleness_s=None, timeout_s=_READER_S
            )
        except LoyaltyCallError as error:
            return self._make_reply(event, sent_s, error.reason)
        return self._make_reply(event, sent_s, _name_outcome(snapshot))

    async def _read_batch(self, event: Event, _port: int) -> Reply:
        sent_s = time.monotonic()
        identities = [pb.MemberIdentity(email=email) for email in event.emails]
        request = pb.BatchGetSnapshotsRequest(merchant_id=event.shop, identities=identities)
        metadata = (("authorization", f"Bearer {self._plan.loyalty_key}"),)
        try:
            response = await self._stub.BatchGetSnapshots(request, timeout=_BATCH_S, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return self._make_reply(event, sent_s, error.code().name)
        members = [
            _name_outcome(result.snapshot) if result.HasField("snapshot") else _name_error(result.error)
            for result in response.results
        ]
        return self._make_reply(event, sent_s, ANSWERED, members=members)

    async def _award(self, event: Event, port: int) -> Reply:
        sent_s = time.monotonic()
        token = self._tokens.get((event.shop, event.emails[0]))
        if token is None:
            return self._make_reply(event, sent_s, NO_PANEL)
        fields = {
            "award_token": token,
            "points": "100",
            "note": "for your patience",
            "ticket_id": event.ticket_id,
            "agent_email": "ana@bench.example",
            "agent_name": "Ana",
        }
        url = f"http://{HOST}:{port}{AWARD_PATH}"
        headers = {hdrs.AUTHORIZATION: f"Bearer {self._plan.credentials[event.shop]}"}
        timeout = aiohttp.ClientTimeout(total=_ACTION_S)
        try:
            async with self._session.post(url, data=fields, headers=headers, timeout=timeout) as response:
                body = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError) as error:
            return self._make_reply(event, sent_s, f"no answer, {type(error).__name__}", is_answered=False)
        return self._make_reply(event, sent_s, str(body.get("reason") or body["status"]))

    def _make_reply(
        self, event: Event, sent_s: float, outcome: str, *, is_answered: bool = True, members: list[str] | None = None
    ) -> Reply:
        return Reply(
            kind=event.kind,
            shop=event.shop,
            at_s=sent_s - self._plan.start_s,
            took_ms=(time.monotonic() - sent_s) * 1000,
            outcome=outcome,
            is_answered=is_answered,
            members=members or [],
        )


def _name_outcome(snapshot: pb.Snapshot) -> str:
    return ANSWERED if snapshot.stale_reason == pb.ERROR_REASON_UNSPECIFIED else OLD


def _name_error(status: status_pb2.Status) -> str:
    info = error_details_pb2.ErrorInfo()
    return next((info.reason for packed in status.details if packed.Unpack(info)), "no reason")


async def carry_out(plan: DayPlan) -> Answers:
    async with (
        make_session() as session,
        LoyaltyClient(plan.loyalty_target, plan.loyalty_key) as client,
        grpc.aio.insecure_channel(
            plan.loyalty_target, options=(*DIRECT, ("grpc.lb_policy_name", "round_robin"))
        ) as channel,
    ):
        return await Driver(plan, session, client).drive(LoyaltyServiceStub(channel))


def main() -> None:
    plan_file, answers_file = map(Path, sys.argv[1:])
    plan = msgspec.json.decode(plan_file.read_bytes(), type=DayPlan)
    answers_file.write_bytes(msgspec.json.encode(uvloop.run(carry_out(plan))))


if __name__ == "__main__":
    main()
