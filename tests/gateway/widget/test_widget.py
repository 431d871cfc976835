"""`GET /gorgias/widget` as Gorgias calls it."""

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import pytest
import structlog
from yarl import URL

from gateway.outbox.service import open_outbox
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.edge.running import NOW, Gateway, run_gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty
from tests.gateway.edge.shared import Edge, Shop
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.waiting import wait_until
from tests.gateway.widget.test_view import make_snapshot
from tests.gateway.wording.test_support import make_award
from tests.statements import note_statements

WARM_REQUESTS, HOUR_S = 50, 3600.0


async def test_widget_member(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """What the agent sees, asked for as of a second ago, with the service's own key."""
    scripted.snapshot = make_snapshot()
    response = await gateway.get_widget()
    body = await response.json()
    assert (response.status, body["status"]) == (200, "member")
    assert body["summary"] == "Gold · 1,240 points · 2 coupons"
    assert body["as_of"] == "Mon 23 Nov 2026, 13:55 CET"
    assert body["award_token"]
    [request] = scripted.snapshot_requests
    assert (request.merchant_id, request.identity.email) == (gateway.merchant_id, "jana@example.com")
    assert request.max_staleness.ToSeconds() == 1
    assert scripted.authorizations == {"Bearer inner-key"}


async def test_widget_that_is_warm_asks_no_database(
    folder: Path, loyalty: tuple[ScriptedLoyalty, str, grpc.aio.Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What asks each few seconds, whether or not there are requests, does not do so here."""
    for name in ("events.service.FLUSH_INTERVAL_S", "installation.credentials.BELIEVED_S", "links.service._REMEMBER_S"):
        monkeypatch.setattr(f"gateway.{name}", HOUR_S)
    monkeypatch.setattr("gateway.app.open_outbox", partial(open_outbox, poll_s=HOUR_S))
    loyalty[0].snapshot = make_snapshot()
    async with note_statements(folder / "gateway.db") as noted, run_gateway(folder, loyalty[1]) as gateway:

        async def has_begun() -> bool:
            return any(statement.startswith("DELETE FROM ticket_notes") for statement, _ in noted)

        await gateway.get_widget()
        await wait_until(has_begun)  # that is the last that it asks by itself at its start
        noted.clear()
        for _ in range(WARM_REQUESTS):
            response = await gateway.get_widget()
            assert (await response.json())["status"] == "member"
        assert noted == []


async def test_widget_undo_is_bound_to_the_award_that_it_names(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    award = make_award(7, made=NOW, until=NOW + timedelta(minutes=30))
    scripted.snapshot = make_snapshot(given_by_support=pb.SupportAwards(awards=[award]))
    body = await (await gateway.get_widget()).json()
    [undo] = body["undo"]
    assert undo["title"] == "Undo +100, ticket 4711, A-7, until 14:25 CET"
    panel = gateway.tokens.parse_undo(undo["undo_token"])
    assert (panel.award_id, body["undo_token"]) == ("A-7", undo["undo_token"])


OFFERED: list[tuple[pb.ErrorReason.ValueType, bool]] = [
    (pb.ERROR_REASON_UNSPECIFIED, True),
    (pb.PROVIDER_UNAVAILABLE, True),
    (pb.PROVIDER_CREDENTIALS, False),
    (pb.PROVIDER_CONTRACT, False),
]


async def test_widget_offers_points_where_a_press_can_add_them(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for stale_reason, is_offered in OFFERED:
        with subtests.test(stale_reason=stale_reason, is_offered=is_offered):
            scripted.snapshot = make_snapshot(stale_reason=stale_reason)
            body = await (await gateway.get_widget()).json()
            assert body["add_points"] == (
                [{"award_token": body["award_token"], "deduct_token": ""}] if is_offered else []
            )
            assert body["award_token"]
            scripted.snapshot.member.status = pb.MEMBER_STATUS_BLOCKED
            blocked = await (await gateway.get_widget()).json()
            assert (blocked["add_points"], bool(blocked["award_token"])) == ([], True)


async def test_widget_after_an_undo_offers_no_older_award(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    end = NOW + timedelta(minutes=20)
    older, newer = make_award(1, made=NOW, until=end), make_award(2, made=NOW, until=end)
    scripted.snapshot = make_snapshot(given_by_support=pb.SupportAwards(awards=[newer, older]))
    before = await (await gateway.get_widget()).json()
    undo = make_award(3, made=NOW, reverses="A-2")
    undone = make_award(2, made=NOW, reversed_by="A-3")
    scripted.snapshot = make_snapshot(given_by_support=pb.SupportAwards(awards=[undo, undone, older]))
    after = await (await gateway.get_widget()).json()
    assert [row["title"] for row in before["undo"]] == ["Undo +100, ticket 4711, A-2, until 14:15 CET"]
    assert (after["undo"], after["undo_token"], len(after["support_awards"])) == ([], "", 3)


async def test_widget_without_an_award_to_undo_has_no_undo(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    award = make_award(made=NOW - timedelta(minutes=31), until=NOW - timedelta(minutes=1))
    scripted.snapshot = make_snapshot(given_by_support=pb.SupportAwards(awards=[award]))
    body = await (await gateway.get_widget()).json()
    assert (body["undo"], body["undo_token"], len(body["support_awards"])) == ([], "", 1)


@pytest.mark.parametrize("url_has_it", [True, False])
async def test_widget_credential_in_the_header(
    gateway: Gateway, scripted: ScriptedLoyalty, *, url_has_it: bool
) -> None:
    """Somebody may have taken it out of the URL: the e-mail is read all the same."""
    scripted.snapshot = make_snapshot()
    url = gateway.make_widget_url("jana@example.com")
    response = await gateway.session.get(
        URL(url if url_has_it else url.replace(gateway.credential, ""), encoded=True),
        headers={"Authorization": f"Bearer {gateway.credential}"},
    )
    assert (response.status, (await response.json())["status"]) == (200, "member")


UNKNOWN_CREDENTIALS: list[str] = ["", "nonsense", "tg_" + "A" * 43, "x" * 5000]


async def test_widget_unknown_credential_is_401_with_the_same_words(
    gateway: Gateway, subtests: pytest.Subtests
) -> None:
    for token in UNKNOWN_CREDENTIALS:
        with subtests.test(token=token):
            wrong = await gateway.get_widget(token=token)
            missing = await gateway.session.get(f"{gateway.url}/gorgias/widget")
            assert wrong.status == missing.status == 401
            bodies = [await wrong.json(), await missing.json()]
            for body in bodies:
                assert body.pop("request_id")
            assert bodies[0] == bodies[1]
            assert wrong.content_type == "application/problem+json"


async def test_widget_merchant_is_the_credentials(edge: Edge, shop: Shop) -> None:
    async with edge.open_shop() as foreign:
        await shop.gateway.get_widget(token=foreign.gateway.credential)
        [request] = foreign.scripted.snapshot_requests
    assert (request.merchant_id, shop.scripted.snapshot_requests) == (foreign.gateway.merchant_id, [])


CUSTOMER = "GET /customers/101"
NO_CHANNELS: dict[str, object] = {"id": 101, "email": None, "channels": []}
NO_ADDRESS = (
    "This customer has no e-mail address and no phone number that can be looked for. "
    "Ask the customer for the support ID in their app, then press Link to member."
)
NO_IDENTITIES: list[str] = ["", "None", "%20", "{{ticket.customer.email}}", "%7B%7Bticket.customer.email%7D%7D"]


async def test_widget_without_identity_asks_nobody(
    gateway: Gateway, scripted: ScriptedLoyalty, helpdesk: Helpdesk, subtests: pytest.Subtests
) -> None:
    helpdesk.answer(CUSTOMER, NO_CHANNELS)
    for email in NO_IDENTITIES:
        with subtests.test(email=email):
            response = await gateway.get_widget(email)
            body = await response.json()
            assert (response.status, body["status"]) == (200, "no_identity")
            assert body["summary"] == NO_ADDRESS
            assert scripted.snapshot_requests == []


IDENTITIES: list[str] = [
    "x" * 3000 + "@example.com",
    "%C3%A9" * 3000,
    "\"quotes'@example.com",
    "%E2%80%AEevil@example.com",
    "%FF%FE@example.com",
    "a%00b@example.com",
    "<script>@example.com",
    "a@example.com%0d%0aX-Evil:1",
    "%zz@example.com",
]


async def test_widget_answers_200_for_every_identity_in_http(
    gateway: Gateway, scripted: ScriptedLoyalty, helpdesk: Helpdesk, subtests: pytest.Subtests
) -> None:
    """What may be another's address in another reading is asked of Gorgias."""
    helpdesk.answer(CUSTOMER, NO_CHANNELS)
    for email in IDENTITIES:
        with subtests.test(email=email):
            scripted.snapshot = Failure(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", field_name="identity.email")
            response = await gateway.get_widget(email)
            body = await response.json()
            assert (response.status, body["status"]) == (200, "no_identity")
            assert body["summary"] == "The e-mail on this ticket cannot be read, so no member can be found."


async def test_widget_many_requests_in_one_go_are_all_answered(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """More than the server wants to have queued."""
    scripted.snapshot = make_snapshot()
    one = make_head(gateway, "x@example.com")
    assert await send(gateway, one.encode() * 300, answers=300) == [200] * 300


def make_head(gateway: Gateway, email: str) -> str:
    """A request as a sender writes it that encodes nothing."""
    target = gateway.make_widget_url(email).removeprefix(gateway.url)
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"


async def send(gateway: Gateway, data: bytes, *, answers: int) -> list[int]:
    """Send bytes as they are, and read so many answers."""
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    statuses = []
    for _ in range(answers):
        head = await reader.readuntil(b"\r\n\r\n")
        statuses.append(int(head.split(b" ")[1]))
        [length] = [line.split(b":")[1] for line in head.split(b"\r\n") if line.startswith(b"Content-Length")]
        await reader.readexactly(int(length))
    writer.close()
    await writer.wait_closed()
    return statuses


PLUSES: list[str] = ["a+b@example.com", "a%2Bb%40example.com"]


async def test_widget_plus_is_a_plus_however_it_was_sent(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for arrived in PLUSES:
        with subtests.test(arrived=arrived):
            scripted.snapshot = make_snapshot()
            await gateway.get_widget(arrived)
            assert scripted.snapshot_requests[-1].identity.email == "a+b@example.com"


FAILURES: list[tuple[str, str, str]] = [
    ("MEMBER_NOT_FOUND", "not_member", "No loyalty member with jana@example.com"),
    ("MEMBER_AMBIGUOUS", "ambiguous", "2 members have jana@example.com. Points cannot be added here."),
    ("PROVIDER_UNAVAILABLE", "unavailable", "TRIFFT did not answer at 13:55. Add or remove a tag, then try again."),
    ("PROVIDER_TIMEOUT", "unavailable", "TRIFFT did not answer at 13:55. Add or remove a tag, then try again."),
    (
        "PROVIDER_THROTTLED",
        "unavailable",
        "TRIFFT was busy at 13:55. Add or remove a tag, then try again.",
    ),
    (
        "PROVIDER_CREDENTIALS",
        "unavailable",
        "No loyalty data: TRIFFT refused our access at 13:55. You cannot fix this. Please tell your administrator.",
    ),
    (
        "PROVIDER_CONTRACT",
        "unavailable",
        (
            "No loyalty data: TRIFFT's answer could not be read at 13:55. "
            "You cannot fix this. Please tell your administrator."
        ),
    ),
    (
        "SOMETHING_NEWER",
        "unavailable",
        "The loyalty service did not answer at 13:55. Add or remove a tag, then try again.",
    ),
]


async def test_widget_failure_is_a_200_with_a_sentence(
    gateway: Gateway, scripted: ScriptedLoyalty, helpdesk: Helpdesk, subtests: pytest.Subtests
) -> None:
    helpdesk.answer(CUSTOMER, NO_CHANNELS)
    for reason, status, summary in FAILURES:
        with subtests.test(reason=reason, status=status, summary=summary):
            scripted.snapshot = Failure(grpc.StatusCode.UNAVAILABLE, reason, {"member_count": "2"})
            response = await gateway.get_widget()
            body = await response.json()
            assert (response.status, body["status"], body["summary"]) == (200, status, summary)
            assert "secret inner text" not in await response.text()


async def test_widget_loyalty_service_gone(
    own_gateway: Gateway, loyalty: tuple[ScriptedLoyalty, str, grpc.aio.Server]
) -> None:
    """And so the shop's zone is not known: the time says which zone it is in."""
    await loyalty[2].stop(None)
    response = await own_gateway.get_widget()
    body = await response.json()
    assert (response.status, body["status"]) == (200, "unavailable")
    assert body["summary"].startswith("The loyalty service did not answer at 12:55 UTC.")
    ready = await own_gateway.session.get(f"{own_gateway.url}/readyz")
    assert ready.status == 200


async def test_widget_loyalty_service_hangs(
    folder: Path, loyalty: tuple[ScriptedLoyalty, str, grpc.aio.Server]
) -> None:
    """The answer comes at the read's deadline, while the other end still holds the call."""
    scripted, target, _ = loyalty
    scripted.snapshot = release = asyncio.Event()
    async with run_gateway(folder, target, read_timeout_s=0.2) as gateway:
        response = await gateway.get_widget()
        assert (response.status, (await response.json())["status"]) == (200, "unavailable")
        assert not release.is_set()
    release.set()


async def test_logs_name_nobody(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.snapshot = Failure(grpc.StatusCode.NOT_FOUND, "MEMBER_NOT_FOUND")
    with structlog.testing.capture_logs() as lines:
        await gateway.get_widget()
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["route"], line["status"], line["merchant_id"]) == ("/gorgias/widget", 200, gateway.merchant_id)
    written = str(lines)
    assert "jana" not in written
    assert gateway.credential not in written


async def test_metrics_count_what_the_widget_said(
    own_gateway: Gateway, loyalty: tuple[ScriptedLoyalty, str, grpc.aio.Server]
) -> None:
    loyalty[0].snapshot = make_snapshot()
    await own_gateway.get_widget()
    await own_gateway.session.request("PURGE", f"{own_gateway.url}/coffee")
    text = await (await own_gateway.session.get(f"{own_gateway.url}/metrics")).text()
    assert 'gateway_widgets_total{status="member"} 1.0' in text
    assert 'gateway_requests_total{method="GET",route="/gorgias/widget",status="200"} 1.0' in text
    assert 'gateway_requests_total{method="other",route="unmatched",status="404"} 1.0' in text


WRONG_ROUTES: list[tuple[str, str, int, str]] = [
    ("GET", "/nowhere", 404, "ROUTE_NOT_FOUND"),
    ("DELETE", "/gorgias/widget", 405, "METHOD_NOT_ALLOWED"),
]


async def test_wrong_route_is_a_problem(gateway: Gateway, subtests: pytest.Subtests) -> None:
    for method, path, status, reason in WRONG_ROUTES:
        with subtests.test(method=method, path=path, status=status, reason=reason):
            response = await gateway.session.request(method, gateway.url + path)
            body: dict[str, Any] = await response.json()
            assert (response.status, body["reason"], response.content_type) == (
                status,
                reason,
                "application/problem+json",
            )


async def test_request_id_is_the_callers_or_a_new_one(gateway: Gateway) -> None:
    given_id = await gateway.session.get(f"{gateway.url}/healthz", headers={"X-Request-Id": "call-1"})
    made_up = await gateway.session.get(f"{gateway.url}/healthz", headers={"X-Request-Id": quote("a b")})
    assert given_id.headers["X-Request-Id"] == "call-1"
    assert made_up.headers["X-Request-Id"] not in {"", quote("a b")}
