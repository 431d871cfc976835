"""TRIFFT's webhooks: who may send them, what they say, and what is dropped because of them."""

from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

import grpc
import msgspec
import pytest
import pytest_asyncio
from aiohttp import ClientResponse
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.errors import RequestError
from gateway.installation.store import InstallationStore
from gateway.webhooks.events import EVENTS, SECRET_HEADER, parse_event, render_template
from runtime.encryption import SecretKeys
from tests.gateway.edge.running import Gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty
from tests.gateway.edge.shared import Edge, Shop
from tests.gateway.waiting import wait_until
from tests.statements import fetch_rows

ReadCounts: TypeAlias = "Callable[[], Awaitable[Counter[str]]]"
JANA = "bf428af0-bf06-4bc4-a91b-91b5bda6e211"
CREDITED = {"event": "wallet_credited", "member_id": JANA, "occurred_at": "1796040000"}


async def send(
    gateway: Gateway, body: object = CREDITED, *, shop: str = "", headers: dict[str, str] | None = None
) -> ClientResponse:
    given = {SECRET_HEADER: gateway.webhook_secret} if headers is None else headers
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    url = f"{gateway.url}/trifft/webhooks/{shop or gateway.merchant_id}"
    return await gateway.session.post(url, data=data, headers=given)


async def read_totals(gateway: Gateway) -> Counter[str]:
    text = await (await gateway.session.get(f"{gateway.url}/metrics")).text()
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith("gateway_webhooks_total{")]
    return Counter({name.split('"')[1]: round(float(value)) for name, _, value in lines})


@pytest_asyncio.fixture(loop_scope="session")
async def read_counts(gateway: Gateway) -> ReadCounts:
    """Count webhooks by outcome, since the test began."""
    before = await read_totals(gateway)

    async def read() -> Counter[str]:
        return await read_totals(gateway) - before

    return read


def make_basic(password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'trifft:{password}'.encode()).decode()}"}


async def test_event_that_may_change_a_sidebar_drops_held_data(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """The body is the pasted template with its values."""
    for event in EVENTS:
        pasted = render_template(event)
        body = pasted.replace("{{ member.id }}", JANA).replace("{{ event.created_at | date('U') }}", "1")
        answer = await send(gateway, body.encode())
        assert (answer.status, await answer.json()) == (202, {"status": "dropped"})
    asked = [(request.merchant_id, request.member_id) for request in scripted.invalidations]
    assert asked == [(gateway.merchant_id, JANA)] * len(EVENTS)


async def test_webhook_that_comes_twice_drops_twice(
    gateway: Gateway, scripted: ScriptedLoyalty, read_counts: ReadCounts
) -> None:
    assert [(await send(gateway)).status for _ in range(2)] == [202, 202]
    assert len(scripted.invalidations) == 2
    assert await read_counts() == {"dropped": 2}


async def test_event_that_changes_nothing_here_is_accepted_and_ignored(
    gateway: Gateway, scripted: ScriptedLoyalty, read_counts: ReadCounts
) -> None:
    for body in (CREDITED | {"event": "language_changed"}, {"event": "tier_of_next_year_reached"}):
        answer = await send(gateway, body)
        assert (answer.status, await answer.json()) == (202, {"status": "ignored"})
    assert scripted.invalidations == []
    assert await read_counts() == {"ignored": 2}


async def test_any_form_of_time_and_unknown_fields_are_accepted(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    more: list[dict[str, Any]] = [{"occurred_at": 1796040000}, {"occurred_at": 1.5}, {"occurred_at": None}]
    more += [{"extra": {"any": ["thing"]}}]
    assert [(await send(gateway, CREDITED | one)).status for one in more] == [202] * 4
    assert len(scripted.invalidations) == 4


BAD_BODIES: list[object] = [
    b"",
    b"event=wallet_credited",
    b"\xff\xfe",
    b"[" * 5000,
    [CREDITED],
    {"member_id": JANA},
    {"event": "wallet_credited"},
    CREDITED | {"member_id": "{{ member.id }}"},
    CREDITED | {"member_id": ""},
    CREDITED | {"member_id": 7},
    CREDITED | {"member_id": "a" * 101},
]


async def test_answer_to_another_body_says_what_to_paste(
    gateway: Gateway, scripted: ScriptedLoyalty, read_counts: ReadCounts
) -> None:
    for body in BAD_BODIES:
        answer = await send(gateway, body)
        problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["reason"]) == (400, "BAD_VALUE")
        assert render_template("wallet_credited") in problem["detail"]
    assert scripted.invalidations == []
    assert await read_counts() == {"malformed": len(BAD_BODIES)}


async def test_body_of_more_than_64_kib_is_refused(gateway: Gateway) -> None:
    answer = await send(gateway, CREDITED | {"extra": "x" * 65_536})
    assert (answer.status, (await answer.json(content_type=None))["reason"]) == (413, "TOO_LARGE")


async def test_secret_may_come_as_the_password_of_http_basic(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    assert (await send(gateway, headers=make_basic(gateway.webhook_secret))).status == 202
    assert len(scripted.invalidations) == 1


async def test_stranger_learns_nothing_and_drops_nothing(
    edge: Edge, gateway: Gateway, scripted: ScriptedLoyalty, read_counts: ReadCounts
) -> None:
    """All get the same words, also if the body is too large, or the shop is unknown or another one."""
    own = {SECRET_HEADER: gateway.webhook_secret}
    wrong = "tgw_" + "x" * 43
    async with edge.open_shop() as foreign:
        anothers = await send(gateway, headers=own, shop=foreign.gateway.merchant_id)
        assert foreign.scripted.invalidations == []
    answers = [
        anothers,
        await send(gateway, headers={}),
        await send(gateway, headers={SECRET_HEADER: wrong}),
        await send(gateway, headers={SECRET_HEADER: gateway.credential}),
        await send(gateway, headers={SECRET_HEADER: "", "Authorization": f"Bearer {gateway.webhook_secret}"}),
        await send(gateway, headers=make_basic(wrong)),
        await send(gateway, headers={"Authorization": "Basic %%%"}),
        await send(gateway, headers=own, shop="nobody"),
        await send(gateway, b"x" * 70_000, headers={}),
    ]
    problems = [await answer.json(content_type="application/problem+json") for answer in answers]
    assert {answer.status for answer in answers} == {401}
    assert {problem["detail"] for problem in problems} == {
        "the webhook's secret is missing or wrong: trifft-gorgias webhook show prints it"
    }
    assert scripted.invalidations == []
    assert await read_counts() == {"refused": len(answers)}


async def test_log_names_the_shop_of_a_refused_webhook(gateway: Gateway) -> None:
    """An operator must find a shop that kept the old secret after a rotation.

    A stranger's invented name is not quoted.
    """
    with capture_logs() as logged:
        for shop in ("acme", "jana%40example.com"):
            await send(gateway, headers=make_basic("secret-from-before"), shop=shop)
    refused = [line["claimed_merchant_id"] for line in logged if line["event"] == "webhook_refused"]
    assert refused == ["acme", None]


async def test_webhook_of_an_uninstalled_shop_is_refused_as_a_stranger_s(shop: Shop) -> None:
    foreign_keys = SecretKeys([Fernet.generate_key().decode()])
    await InstallationStore(shop.database, foreign_keys).delete(shop.gateway.merchant_id)
    assert (await send(shop.gateway)).status == 401


async def test_log_names_no_member_and_no_secret(
    gateway: Gateway, scripted: ScriptedLoyalty, capfd: pytest.CaptureFixture[str]
) -> None:
    await send(gateway)
    await send(gateway, CREDITED | {"event": f"not of {JANA}"})
    await send(gateway, JANA.encode())
    scripted.invalidation = Failure(grpc.StatusCode.UNAVAILABLE)
    await send(gateway)
    logged = "".join(capfd.readouterr())
    assert logged.count("/trifft/webhooks/{merchant}") == 4
    assert JANA not in logged
    assert gateway.webhook_secret not in logged


async def test_sender_is_asked_to_retry_if_nothing_could_be_dropped(
    gateway: Gateway, scripted: ScriptedLoyalty, read_counts: ReadCounts
) -> None:
    codes = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    for failure in (*map(Failure, codes), Failure(grpc.StatusCode.INTERNAL, "INTERNAL_ERROR")):
        scripted.invalidation = failure
        answer = await send(gateway)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        assert "secret inner text" not in await answer.text()
    assert await read_counts() == {"failed": 3}


async def test_webhook_of_a_shop_unknown_to_the_loyalty_service_is_accepted(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    scripted.invalidation = Failure(grpc.StatusCode.NOT_FOUND, "MERCHANT_NOT_FOUND")
    assert (await send(gateway)).status == 202


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_any_body_is_an_event_or_refused(body: bytes) -> None:
    with suppress(RequestError):
        found = parse_event(body)
        assert found is None or found[0] in EVENTS


async def test_refused_webhooks_are_on_record_for_installed_shops_alone(gateway: Gateway, shop: Shop) -> None:
    """A flood of invented shop names costs one read in two seconds, and displaces no installed shop."""
    ours = gateway.merchant_id
    for claimed in (ours, *(f"nobody-{number}" for number in range(150)), ours, "jana%40example.com"):
        await send(gateway, headers={}, shop=claimed)
    query = "SELECT merchant_id, refused_webhook_count FROM installations WHERE refused_webhook_count > 0"

    async def is_on_record() -> bool:
        rows = await fetch_rows(shop.database, query)
        return {"merchant_id": ours, "refused_webhook_count": 2} in rows

    await wait_until(is_on_record)
