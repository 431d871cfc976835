from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, unused_port

from sandbox.trifft import Member, Project, Segment, Webhook

Client = TestClient[web.Request, web.Application]
Until = Callable[[Callable[[], object]], Awaitable[None]]

ADMIN = "/sandbox/trifft/acme/members"


class Received(msgspec.Struct):
    secret: str | None
    body: object


class Receiver:
    """Records the requests that a webhook sends, and answers with `status`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.status = 204

    async def handle(self, request: web.Request) -> web.Response:
        self.received.append(Received(request.headers.get("X-Secret"), await request.json()))
        return web.Response(status=self.status)

    @property
    def events(self) -> list[object]:
        return [msgspec.convert(item.body, dict[str, str])["event"] for item in self.received]


@pytest_asyncio.fixture(loop_scope="session")
async def receiver(acme: Project) -> AsyncIterator[Receiver]:
    """A receiver that acme's webhook points at."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    async with TestServer(app) as server:
        acme.state.webhook = Webhook(url=str(server.make_url("/hook")), header_name="X-Secret", header_value="s3cret")
        yield receiver


async def test_webhook_has_the_three_fields_and_the_secret(
    client: Client, receiver: Receiver, jana: Member, until: Until
) -> None:
    """The time is a text of UNIX seconds: the template has date('U') within quotes."""
    await client.patch(f"{ADMIN}/{jana.id}", json={"first_name": "Janka"})
    await until(lambda: receiver.received)

    assert receiver.received == [
        Received(
            secret="s3cret",
            body={"event": "profile_updated", "member_id": jana.id, "occurred_at": "1795000000"},
        )
    ]


@pytest.mark.parametrize(
    ("change", "events"),
    [
        ({"points": 1300}, ["wallet_credited"]),
        ({"points": 1}, ["wallet_debited"]),
        ({"segments": [{"slug": "new", "name": "New"}]}, ["segment_added", "segment_removed"]),
        ({"favorite_venue": {"id": "v", "name": "Here"}}, ["favorite_venue_changed"]),
        ({"locale": "sk"}, ["language_changed"]),
        ({"tier": {"id": "t", "name": "Gold"}, "points": 1300}, ["profile_updated", "wallet_credited"]),
        ({"first_name": "Jana"}, []),
    ],
)
async def test_edit_sends_the_events_of_what_changed(  # noqa: PLR0913, PLR0917 - most are fixtures
    client: Client,
    receiver: Receiver,
    acme: Project,
    jana: Member,
    until: Until,
    change: dict[str, object],
    events: list[str],
) -> None:
    jana.segments = [Segment(slug="vip", name="VIP")]

    await client.patch(f"{ADMIN}/{jana.id}", json=change)

    await until(lambda: len(receiver.received) == len(events))
    assert sorted(map(str, receiver.events)) == events
    assert sorted(entry.event for entry in acme.deliveries) == events


async def test_calls_of_the_api_and_coupons_send_events(
    client: Client, receiver: Receiver, acme: Project, jana: Member, until: Until
) -> None:
    asks: list[tuple[str, str, dict[str, object], str]] = [
        ("POST", f"/v1/member/{jana.id}/wallet/credit", {"points": 1}, "wallet_credited"),
        ("POST", f"/v1/member/{jana.id}/wallet/debit", {"points": 1}, "wallet_debited"),
        ("POST", f"/v1/member/{jana.id}/coupon", {"coupon_id": "espresso"}, "coupon_assigned"),
        ("POST", f"{ADMIN}/{jana.id}/coupons", {"name": "x", "state": "activated"}, "coupon_activated"),
    ]
    for sent, (method, path, body, event) in enumerate(asks, start=1):
        await client.request(method, path, json=body)
        await until(lambda sent=sent: len(receiver.events) == sent)  # type: ignore[misc]
        assert receiver.events[-1] == event

    path = f"{ADMIN}/{jana.id}/coupons/{jana.coupons[0].id}"
    for change in ({"state": "expired"}, {"description": "none"}, {"state": "redeemed"}, {"description": "none"}):
        await client.patch(path, json=change)
    await until(lambda: receiver.events[-1] == "coupon_redeemed")
    assert len(acme.deliveries) == len(asks) + 1


async def test_delayed_credit_sends_its_event_when_released(
    client: Client, receiver: Receiver, jana: Member, until: Until
) -> None:
    jana.delayed_credits = True
    await client.post(f"/v1/member/{jana.id}/wallet/credit", json={"points": 1})
    await client.patch(f"{ADMIN}/{jana.id}", json={"locale": "sk"})
    await until(lambda: receiver.events == ["language_changed"])

    await client.post(f"{ADMIN}/{jana.id}/release")

    await until(lambda: receiver.events == ["language_changed", "wallet_credited"])


async def test_refused_webhook_is_a_line_in_the_log(
    client: Client, receiver: Receiver, acme: Project, jana: Member, until: Until
) -> None:
    receiver.status = 500

    await client.patch(f"{ADMIN}/{jana.id}", json={"locale": "sk"})
    await until(lambda: acme.deliveries[0].status)

    (entry,) = (await (await client.get("/sandbox/trifft/acme/webhook")).json())["deliveries"]
    assert (entry["event"], entry["member_id"], entry["status"], entry["error"]) == (
        "language_changed",
        jana.id,
        500,
        None,
    )


async def test_webhook_without_a_receiver_is_a_line_in_the_log(
    client: Client, acme: Project, jana: Member, until: Until
) -> None:
    acme.state.webhook = Webhook(
        url=f"http://127.0.0.1:{unused_port()}/", header_name="X-Secret", header_value="s3cret"
    )

    response = await client.patch(f"{ADMIN}/{jana.id}", json={"locale": "sk"})
    await until(lambda: acme.deliveries[0].error)

    assert response.status == 200
    assert acme.deliveries[0].status is None
