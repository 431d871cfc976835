"""Ticket events → calls of the HTTP integrations."""

import asyncio
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from sandbox.gorgias.account import Account
from sandbox.gorgias.integration import HeldResponse, HttpSettings, Integration
from sandbox.gorgias.outbound import Answer, Outgoing, send
from sandbox.gorgias.sender import get_value_encoder
from sandbox.gorgias.ticket import Ticket
from sandbox.gorgias.variables import make_scope, render

METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Triggers:
    """Fires in the background, so that the caller does not wait. `retry_delay_s` is the time between attempts."""

    def __init__(self, session: aiohttp.ClientSession, retry_delay_s: float) -> None:
        self._session = session
        self._retry_delay_s = retry_delay_s
        self._tasks: set[asyncio.Task[None]] = set()

    def fire(self, account: Account, ticket: Ticket, trigger: str) -> None:
        """Call each enabled integration that has `trigger` on."""
        for integration in account.state.integrations.values():
            if integration.deactivated_datetime is None and integration.http.fires_on(trigger):
                outgoing = make_outgoing(account, ticket, integration, trigger)
                task = asyncio.create_task(self._call(account, ticket.customer_id, integration.id, outgoing))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _call(self, account: Account, customer_id: int, integration_id: int, outgoing: Outgoing) -> None:
        answer = await send(self._session, account, outgoing)
        retries = account.state.switches.retries
        for attempt in range(2, retries + 2):
            if answer.is_success:
                break
            await asyncio.sleep(self._retry_delay_s)
            answer = await send(self._session, account, msgspec.structs.replace(outgoing, attempt=attempt))
        integration = account.state.integrations.get(integration_id)
        if integration:
            settle(account, integration, customer_id, answer)


TRIGGERS = web.AppKey("triggers", Triggers)


def make_outgoing(account: Account, ticket: Ticket, integration: Integration, trigger: str) -> Outgoing:
    switches, http = account.state.switches, integration.http
    scope = make_scope(account, ticket)
    absent = switches.absent_value
    headers = {name: render(value, scope, absent) for name, value in http.headers.items()}
    body = _make_body(http) if http.method in METHODS_WITH_BODY else None
    return Outgoing(
        reason=trigger,
        source=integration.name,
        ticket_id=ticket.id,
        method=http.method,
        url=render(http.url, scope, absent, get_value_encoder(switches.url_encoding)),
        headers=({"Content-Type": http.request_content_type} if body else {})
        | (headers if switches.send_custom_headers else {}),
        body=body,
    )


def _make_body(http: HttpSettings) -> bytes:
    """A POST without `form` has an empty body (contract section 1, seen)."""
    return msgspec.json.encode(http.form) if http.form else b""


def settle(account: Account, integration: Integration, customer_id: int, answer: Answer) -> None:
    """Hold a successful call's answer, even an error payload; count failed calls, and switch off at the limit.

    A call that answers 2xx is successful. An answer that is not JSON is no failure, but nothing of it is held.
    """
    if answer.is_success:
        integration.failures = 0
        body = parse_json(answer.body)
        if body is not None:
            held = HeldResponse(
                integration_id=integration.id,
                customer_id=customer_id,
                call_id=answer.call_id,
                time=account.get_time(),
                body=body,
            )
            account.hold(held)
            return
    else:
        integration.failures += 1
        if integration.failures >= account.state.switches.disable_after:
            integration.deactivated_datetime = account.get_time()
    account.save("sidebar", customer_id=customer_id)


def parse_json(text: str) -> Any | None:  # noqa: ANN401 - any JSON
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
