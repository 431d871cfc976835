"""The tables of docs/integrate.md that say what a key opens, walked cell by cell on running servers."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
import pytest_asyncio

from gateway.app import create_app
from gateway.config import Config
from gateway.database import open_database
from loyalty_service.api.access import ROLES
from loyalty_service.domain.caller import Role
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.edge.running import Gateway
from tests.gateway.edge.shared import Edge, Shop, run_edge
from tests.gateway.edge.shops import KEY
from tests.loyalty_service.running import Client, catch_failure, run_service
from tests.loyalty_service.scripted import ScriptedProvider

PAGE = Path(__file__).parent.parent.parent / "docs" / "integrate.md"
API_KEY = "made-up-api-key"
WRONG_KEY = f"tlk_{'x' * 43}"
WRONG_CREDENTIAL = f"tg_{'x' * 43}"
REFUSALS = {
    (grpc.StatusCode.UNAUTHENTICATED, "CALLER_UNKNOWN"),
    (grpc.StatusCode.PERMISSION_DENIED, "CALLER_FORBIDDEN"),
}
ROLE = {"read": pb.CALLER_ROLE_READ, "award": pb.CALLER_ROLE_AWARD, "admin": pb.CALLER_ROLE_ADMIN}
# Requests that name their shop in another field than `merchant_id`.
BY_MERCHANT = ("CreateMerchant", "UpdateMerchant")
ALL = [method for service in pb.DESCRIPTOR.services_by_name.values() for method in service.methods]


def read_table(head: str) -> list[dict[str, str]]:
    """Return the rows of the table whose first column is `head`, by the columns' names."""
    marked = "<!-- A test walks this table. -->\n"
    [table] = [part for part in PAGE.read_text(encoding="utf-8").split(marked) if part.startswith(f"| {head} |")]
    names, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.split("\n\n")[0].splitlines()]
    return [dict(zip(names, row, strict=True)) for row in rows]


CALLS = {name: row for row in read_table("call") for name in re.findall(r"`(\w+)`", row["call"])}
ROUTES = {row["route"].strip("`"): row for row in read_table("route")}


def test_table_has_every_call_once_with_the_role_of_the_code() -> None:
    assert sorted(CALLS) == sorted(method.name for method in ALL) == sorted(ROLES)
    assert {name: row["least role"] for name, row in CALLS.items()} == {
        name: role.name.lower() for name, role in ROLES.items()
    }
    assert [role.name for role in sorted(Role)] == ["READ", "AWARD", "ADMIN"]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with run_service(f"sqlite:///{tmp_path / 'loyalty.db'}", ScriptedProvider(), api_key=API_KEY) as client:
        yield client


async def call(client: Client, method: str, key: str | None, merchant_id: str = "acme") -> tuple[str, dict[str, str]]:
    """Return the reason of the refusal and its metadata; "passes" if the caller is not refused."""
    [service] = [one.containing_service.full_name for one in ALL if one.name == method]
    request = getattr(pb, f"{method}Request")()
    if method in BY_MERCHANT:
        request.merchant.merchant_id = merchant_id
    elif hasattr(request, "merchant_id"):
        request.merchant_id = merchant_id
    elif method == "CreateCaller":
        request.caller.merchant_id = merchant_id  # the call is about all shops all the same
    send: Any = client.channel.unary_unary(f"/{service}/{method}")
    metadata = () if key is None else (("authorization", f"Bearer {key}"),)
    sent = send(request.SerializeToString(), metadata=metadata)
    if await sent.code() is grpc.StatusCode.OK:
        return "passes", {}
    failure = await catch_failure(sent)
    return failure.reason if (failure.code, failure.reason) in REFUSALS else "passes", failure.metadata


async def add(client: Client, name: str, role: str, merchant_id: str = "") -> str:
    caller = pb.Caller(name=name, role=ROLE[role], merchant_id=merchant_id)
    metadata = (("authorization", f"Bearer {API_KEY}"),)
    return (await client.callers.CreateCaller(pb.CreateCallerRequest(caller=caller), metadata=metadata)).key


async def add_shops(client: Client, *names: str) -> None:
    for name in names:
        merchant = pb.Merchant(merchant_id=name, provider_url="http://127.0.0.1:9")
        request = pb.CreateMerchantRequest(merchant=merchant, provider_token="made-up", skip_probe=True)
        await client.merchants.CreateMerchant(request, metadata=(("authorization", f"Bearer {API_KEY}"),))


async def test_every_call_treats_every_key_as_the_table_says(client: Client) -> None:
    await add_shops(client, "acme", "bloom")
    roles = list(ROLE)
    keys = {role: await add(client, f"all-{role}", role) for role in roles}
    own = {role: await add(client, f"acme-{role}", role, "acme") for role in roles}
    foreign = {role: await add(client, f"bloom-{role}", role, "bloom") for role in roles}
    for method, row in CALLS.items():
        least = row["least role"]
        lower = roles[: roles.index(least)]
        found = {
            "no key": [await call(client, method, None)],
            "wrong key": [await call(client, method, key) for key in (WRONG_KEY, "wrong", API_KEY[:-1], "")],
            "lower role": [await call(client, method, kind[role]) for kind in (keys, own) for role in lower],
            "key of another shop": [
                await call(client, method, foreign[least], shop) for shop in ("acme", "nobody", "")
            ],
            "key of this shop": [await call(client, method, own[least])],
        }
        told = {cell: {reason for reason, _ in answers} for cell, answers in found.items()}
        assert told == {cell: {row[cell]} - {"–"} for cell in found}, method
        refusals = [metadata for answers in found.values() for reason, metadata in answers if "FORBIDDEN" in reason]
        assert {metadata["role"] for metadata in refusals} <= {least}
        assert {metadata["merchant_id"] for _, metadata in found["key of another shop"]} == {"bloom"}
        enough = [keys[role] for role in roles[roles.index(least) :]] + [API_KEY]
        if method == "DeleteMerchant":  # the calls that follow need the shop
            enough = enough[:1]
        assert {(await call(client, method, key))[0] for key in enough} == {"passes"}, method
        if method == "DeleteMerchant":
            await add_shops(client, "acme")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    path = tmp_path_factory.mktemp("access") / "gateway.db"
    async with open_database(f"sqlite:///{path}"):
        pass
    async with run_edge(path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def shops(edge: Edge) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two shops of one gateway."""
    async with edge.open_shop() as own, edge.open_shop() as foreign:
        yield own, foreign


async def ask(gateway: Gateway, route: str, kind: str, foreign: Gateway) -> aiohttp.ClientResponse:
    """`kind`: a column of the table. `foreign`: as another shop sees it."""
    method, path = route.replace("/acme", f"/{gateway.merchant_id}").split()
    credential = {"nothing": "", "a wrong one": WRONG_CREDENTIAL, "another shop's": foreign.credential}[kind]
    if path.startswith("/gorgias/widget"):
        return await gateway.get_widget(token=credential)
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    form = {
        "award_token": gateway.tokens.make("member-1"),
        "deduct_token": gateway.tokens.make("member-1", debit=True),
        "undo_token": gateway.tokens.make_undo("A-10482"),
        "link_token": gateway.tokens.links.make_link(gateway.merchant_id, 101),
        "unlink_token": gateway.tokens.links.make_unlink(gateway.merchant_id, 101, 1),
        "support_id": "JN-4821",
        "points": "50",
        "reason": "Correction",
        "ticket_id": "4711",
    }
    if "webhooks" in path:
        secret = {"another shop's": foreign.webhook_secret, "a wrong one": f"tgw_{'x' * 43}"}.get(kind, "")
        headers = {"X-Webhook-Secret": secret} if secret else {}
    return await gateway.session.request(
        method, f"{gateway.url}{path}", headers=headers, data=form if method == "POST" else None
    )


def test_table_has_every_route() -> None:
    app = create_app(Config(database_url="sqlite:///unused.db", secret_keys=(KEY,)))
    served = {f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource}
    assert {route.replace("{merchant}", "acme") for route in served if not route.startswith("HEAD ")} == ROUTES.keys()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", ROUTES)
async def test_every_route_answers_as_the_table_says(shops: tuple[Shop, Shop], route: str) -> None:
    own, foreign = shops
    reasons = {"401": "CREDENTIAL", "400": "AWARD_TOKEN"}
    for kind in ("nothing", "a wrong one", "another shop's"):
        answer = await ask(own.gateway, route, kind, foreign.gateway)
        status = ROUTES[route][kind][:3]
        assert str(answer.status) == status, kind
        if status in reasons:
            assert (await answer.json())["reason"] == reasons[status]
    loyalty = own.scripted
    assert [*loyalty.snapshot_requests, *loyalty.award_requests, *loyalty.reversal_requests] == []
    assert loyalty.invalidations == []
