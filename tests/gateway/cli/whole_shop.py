"""A whole shop: both stand-ins, the loyalty service, the gateway, and the server in front of it."""

import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from gateway.__main__ import make_runner
from gateway.app import STORE, create_app
from gateway.config import Config
from gateway.database import open_database
from gateway.events.service import EVENTS
from gateway.installation.store import Installation
from gateway.loyalty_client import LoyaltyClient
from gateway.outbox.store import OutboxStore
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import Database
from sandbox.trifft import Project
from tests.gateway.cli.front import Front
from tests.gateway.cli.operating import Operator, Result
from tests.gateway.cli.prepared import Prepared
from tests.gateway.helpdesk import Helpdesk, serve_runner
from tests.gateway.waiting import wait_until

SETTINGS = {
    "GATEWAY_MAX_STALENESS_S": "0",
    "GATEWAY_WIDGET_TIMEOUT_S": "20",
    "GATEWAY_READ_TIMEOUT_S": "18",
    "GATEWAY_ACTION_TIMEOUT_S": "20",
}
JANA = ("--email", "jana@example.com")
_COMMAND = re.compile(r"trifft-gorgias (.+)")


@dataclass(frozen=True)
class WholeShop:
    """`acme`, installed. `lines`: those of the last check, by name."""

    operator: Operator
    helpdesk: Helpdesk
    front: Front
    app: web.Application
    session: aiohttp.ClientSession
    database: Database
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def project(self) -> Project:
        return self.helpdesk.projects["acme"]

    async def run(self, *arguments: str) -> Result:
        return await self.operator.run(*arguments)

    async def check(self, *options: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """The exit code, and the lines by name."""
        result = await self.run("check", "acme", "--json", *options)
        self.lines.clear()
        self.lines.update((line["name"], line) for line in result.data["checks"])
        return result.code, dict(self.lines)

    async def wait_for_notes(self, *, fail: bool) -> None:
        """Wait until a note could not be written, or until all are."""

        async def is_so() -> bool:
            backlog = await OutboxStore(self.database).get_backlog("acme")
            return bool(backlog.count + backlog.failed_count) == fail

        await wait_until(is_so)

    async def wait_for_doubt(self) -> None:
        """Wait until an award waits for a person."""
        waiting = pb.AwardFilter(needs_person=True)
        async with LoyaltyClient(self.operator.settings["GATEWAY_LOYALTY_TARGET"], "inner-key") as loyalty:

            async def is_there() -> bool:
                return bool((await loyalty.list_awards("acme", award_filter=waiting, timeout_s=20)).awards)

            await wait_until(is_there)

    async def follow_advice(self, line: str, **files: str) -> Result:
        """Run the command that a line printed. `files`: the content of each file that it names by a capital letter."""
        found = _COMMAND.search(self.lines[line]["advice"])
        assert found is not None, self.lines[line]
        words = [self.operator.write(one, files[one]) if one in files else one for one in shlex.split(found[1])]
        return await self.run(*words)

    async def get_installation(self) -> Installation:
        installation = await self.app[STORE].get("acme")
        assert installation is not None
        return installation

    async def tag(self, ticket_id: int = 4711) -> None:
        """Change the ticket's tags, and wait until Gorgias' call is on record and its answer is held."""
        before = (await self.get_installation()).last_event_time
        profile, account = self.helpdesk.account.profile, self.helpdesk.account
        number, customer_id = account.make_id(), account.state.tickets[ticket_id].customer_id
        tags = [{"name": f"tag-{number}"}]
        url = f"{self.helpdesk.url}/gorgias/acme/api/tickets/{ticket_id}"
        headers = {"Authorization": aiohttp.encode_basic_auth(profile.api_user, profile.api_key)}
        async with self.session.put(url, json={"tags": tags}, headers=headers) as response:
            assert response.status == 200

        async def is_over() -> bool:
            await self.app[EVENTS].flush()
            is_held = any(one.customer_id == customer_id and one.call_id > number for one in account.state.held)
            return is_held and (await self.get_installation()).last_event_time != before

        await wait_until(is_over)

    async def open_panel(self, ticket_id: int = 4711) -> dict[str, Any]:
        """What the agent sees: what Gorgias holds for the ticket's customer."""
        account = self.helpdesk.account
        [integration_id] = account.state.integrations
        held = account.get_held(integration_id, account.state.tickets[ticket_id].customer_id)
        assert held is not None
        body: dict[str, Any] = held.body
        return body

    async def flush(self) -> None:
        await self.app[EVENTS].flush()

    async def press(self, points: int = 10, *, as_json: bool = False) -> dict[str, Any]:
        """Press "Add Loyalty Points" in Jana's panel, drawn anew."""
        await self.tag()
        token = (await self.open_panel())["add_points"][0]["award_token"]
        form = {"award_token": token, "points": str(points), "ticket_id": "4711"}
        headers = {"Authorization": f"Bearer {(await self.get_installation()).credential}"}
        url = f"{self.operator.settings['GATEWAY_PUBLIC_URL']}/gorgias/actions/award-points"
        body: dict[str, Any] = {"json": form} if as_json else {"data": form}
        async with self.session.post(url, headers=headers, **body) as response:
            reply: dict[str, Any] = await response.json(content_type=None)
            return reply

    async def send_webhook(self, *, secret: str = "", body: bytes = b"") -> int:
        """As TRIFFT sends it, where an operator has pasted what `webhook show` prints."""
        shown = (await self.run("webhook", "show", "acme", "--json")).data
        template = shown["templates"]["wallet_credited"].replace("{{ member.id }}", "m-1").encode()
        headers = {shown["header_name"]: secret or shown["header_value"]}
        async with self.session.post(shown["url"], data=body or template, headers=headers) as response:
            status = response.status
        await self.app[EVENTS].flush()
        return status


@asynccontextmanager
async def run_whole_shop(operator: Operator, helpdesk: Helpdesk, front: Front) -> AsyncIterator[WholeShop]:
    """`operator`: one who has installed acme, with the front's URL."""
    helpdesk.projects["acme"].settings.rate_limit = False
    operator.settings.update(SETTINGS)
    front.mode = "pass"
    async with open_database(operator.settings["GATEWAY_DATABASE_URL"]) as database:
        app = create_app(msgspec.structs.replace(Config.from_env(operator.settings), gorgias_requests=1_000_000))
        async with serve_runner(make_runner(app)) as front.inner_url:
            yield WholeShop(operator, helpdesk, front, app, front.session, database)


async def let_gorgias_call(prepared: Prepared, folder: Path, helpdesk: Helpdesk, front: Front) -> Prepared:
    """The same after a ticket event. `folder` keeps the databases."""
    async with (
        prepared.open_installed(folder, helpdesk) as operator,
        run_whole_shop(operator, helpdesk, front) as shop,
    ):
        await shop.tag()
    account = msgspec.json.encode(helpdesk.account.state)
    return replace(prepared, ledger=folder / "loyalty.db", gateway=folder / "gateway.db", account=account)
