"""`POST /gorgias/actions/award-points` as the button sends it."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.actions.parameters import parse_points
from gateway.errors import HTTP_STATUS, RequestError
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import APPLIED, make_response, make_reversal
from tests.gateway.edge.running import PETER, Gateway, run_gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty
from tests.gateway.helpdesk import Helpdesk
from tests.gateway.widget.test_view import make_snapshot

Loyalty = tuple[ScriptedLoyalty, str, grpc.aio.Server]


async def test_award_applied(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = APPLIED
    response = await gateway.press(note="Sorry for the wait", agent_email="ana@acme.example", agent_name="Ana")
    assert response.status == 200
    assert await response.json() == {
        "status": "applied",
        "message": "100 points added for Jana Nováková. Balance 1,340. Award A-10482.",
        "award_id": "A-10482",
    }
    [request] = scripted.award_requests
    assert (request.merchant_id, request.member_id, request.points) == (gateway.merchant_id, "member-1", 100)
    assert (request.note, request.ticket_id) == ("Sorry for the wait", "4711")
    assert (request.claimed_agent_email, request.claimed_agent_name) == ("ana@acme.example", "Ana")


ON_RECORD: list[tuple[pb.AwardPointsResponse, str, str]] = [
    (
        make_response(pb.AWARD_STATE_APPLIED, delayed=True),
        "applied",
        "100 points added. TRIFFT will book them later; the balance does not show them yet. Award A-10482.",
    ),
    (make_response(pb.AWARD_STATE_APPLIED), "applied", "100 points added for Jana Nováková. Award A-10482."),
    (
        make_response(pb.AWARD_STATE_APPLIED, replayed=True, balance=pb.Wallet(points_balance=1340)),
        "replayed",
        (
            "Nothing new was added. Ana already added 100 points at 13:02 (A-10482). "
            "To add more: close this window, add or remove a tag, then try again."
        ),
    ),
    (
        make_response(pb.AWARD_STATE_APPLIED, replayed=True, delayed=True),
        "replayed",
        (
            "Nothing new was added. Ana already added 100 points at 13:02 (A-10482). "
            "TRIFFT will book them later; the balance does not show them yet. "
            "To add more: close this window, add or remove a tag, then try again."
        ),
    ),
    (
        make_response(pb.AWARD_STATE_PENDING),
        "checking",
        (
            "We do not know yet whether the 100 points arrived. Do not add them again. "
            "A note will appear in this ticket. Award A-10482."
        ),
    ),
    (
        make_response(pb.AWARD_STATE_UNKNOWN, replayed=True),
        "checking",
        (
            "We do not know yet whether the 100 points arrived. Do not add them again. "
            "A note will appear in this ticket. Award A-10482."
        ),
    ),
]


async def test_award_on_record_is_a_200(gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests) -> None:
    for response, status, message in ON_RECORD:
        with subtests.test(response=response, status=status, message=message):
            scripted.award = response
            answer = await gateway.press()
            assert answer.status == 200
            assert await answer.json() == {"status": status, "message": message, "award_id": "A-10482"}


REFUSED: list[tuple[Failure, int, str]] = [
    (
        Failure(grpc.StatusCode.FAILED_PRECONDITION, "MEMBER_BLOCKED"),
        422,
        "Not added: this member is blocked in TRIFFT.",
    ),
    (
        Failure(grpc.StatusCode.FAILED_PRECONDITION, "WALLET_DISABLED"),
        422,
        "Not added: points are switched off for this customer.",
    ),
    (
        Failure(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
        503,
        "Not added. TRIFFT is not answering, nothing was changed. Try again in a few minutes.",
    ),
    (
        Failure(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", {"award_id": "A-7"}),
        409,
        (
            "Not added: this panel was already used for award A-7. "
            "To add more: close this window, add or remove a tag, then try again."
        ),
    ),
    (
        Failure(grpc.StatusCode.FAILED_PRECONDITION, "AWARD_IN_DOUBT", {"award_id": "A-7"}),
        422,
        "Not added. We are still checking award A-7 for this customer. This can take 20 minutes or more.",
    ),
]


async def test_award_refused_says_so(gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests) -> None:
    for failure, status, message in REFUSED:
        with subtests.test(failure=failure, status=status, message=message):
            scripted.award = failure
            response = await gateway.press()
            body = await response.json()
            assert (response.status, body["message"], body["reason"]) == (status, message, failure.reason)
            assert response.content_type == "application/problem+json"
            assert "secret inner text" not in (await response.text() if status >= 500 else body["message"])


_ADD_MORE = "To add more: close this window, add or remove a tag, then try again."
_NOT_KNOWN_WHETHER_UNDONE = (
    "Nothing new was added. Ana already added 100 points at 13:02 (A-10482). "
    "We do not know yet whether award A-10483 took them back."
)


REPEATED: list[tuple[datetime | None, str]] = [
    (datetime(2026, 11, 23, 13, 5, tzinfo=UTC), "For the same number, wait until 14:05."),
    (datetime(2026, 11, 23, 13, 5, 0, 1, tzinfo=UTC), "For the same number, wait until 14:06."),
    (datetime(2026, 11, 23, 23, 0, tzinfo=UTC), "For the same number, wait until Tue 24 Nov 2026, 00:00 CET."),
    (datetime(2026, 11, 23, 12, 12, tzinfo=UTC), _ADD_MORE),
    (None, _ADD_MORE),
]


async def test_award_of_another_panel_says_how_to_give_more(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    """The award counts as this press for a while. This panel keeps that answer; a new panel can add the points."""
    for expire_time, advice in REPEATED:
        with subtests.test(expire_time=expire_time, advice=advice):
            scripted.award = make_response(pb.AWARD_STATE_APPLIED, replayed=True, request_id="another-panel")
            if expire_time:
                scripted.award.repeat_expire_time.FromDatetime(expire_time)
            assert await (await gateway.press()).json() == {
                "status": "replayed",
                "message": f"Nothing new was added. Ana already added 100 points at 13:02 (A-10482). {advice}",
                "award_id": "A-10482",
            }


ALREADY_ADDED: list[tuple[dict[str, Any], str]] = [
    ({"points": 1}, "Ana already added 1 point at 13:02 (A-10482)."),
    (
        {"claimed_agent_name": "", "claimed_agent_email": "eva@acme.example"},
        "eva@acme.example already added 100 points at 13:02 (A-10482).",
    ),
    ({"claimed_agent_name": ""}, "100 points were already added at 13:02 (A-10482)."),
    ({"claimed_agent_name": "", "points": 1}, "1 point was already added at 13:02 (A-10482)."),
]


async def test_award_of_this_panel_says_who_added_it(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for fields, already in ALREADY_ADDED:
        with subtests.test(fields=fields, already=already):
            scripted.award = make_response(pb.AWARD_STATE_APPLIED, replayed=True, **fields)
            body = await (await gateway.press()).json()
            assert body["message"] == f"Nothing new was added. {already} {_ADD_MORE}"


UNDONE_SINCE: list[tuple[pb.Award | None, str]] = [
    (
        make_reversal(pb.AWARD_STATE_APPLIED).award,
        (
            "Nothing new was added. Ana already added 100 points at 13:02 (A-10482). "
            f"Award A-10483 took them back. {_ADD_MORE}"
        ),
    ),
    (
        make_reversal(pb.AWARD_STATE_UNKNOWN).award,
        _NOT_KNOWN_WHETHER_UNDONE,
    ),
    (None, _NOT_KNOWN_WHETHER_UNDONE),
]


async def test_award_that_was_undone_since_is_reported_as_undone(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for reversal, message in UNDONE_SINCE:
        with subtests.test(reversal=reversal, message=message):
            scripted.award = make_response(pb.AWARD_STATE_APPLIED, replayed=True, reversed_by="A-10483")
            scripted.on_record = {"A-10483": reversal} if reversal else {}
            body = await (await gateway.press()).json()
            assert (body["status"], body["message"]) == ("replayed", message)


async def test_award_that_never_arrived_is_refused(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = make_response(pb.AWARD_STATE_NOT_APPLIED, replayed=True)
    response = await gateway.press()
    body = await response.json()
    assert (response.status, body["reason"], body["award_id"]) == (422, "AWARD_STATE", "A-10482")
    assert body["message"] == (
        "Not added: award A-10482 was checked, and its points never arrived. Add or remove a tag, then try again."
    )


async def test_award_rejected_by_the_provider_has_its_reasons_status(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    scripted.award = make_response(pb.AWARD_STATE_REJECTED, rejection_reason=pb.PROVIDER_THROTTLED, retryable=True)
    response = await gateway.press()
    body = await response.json()
    assert (response.status, body["award_id"]) == (503, "A-10482")
    assert body["message"] == "Not added. TRIFFT is busy. Try again in 1 minute."


IN_DOUBT: list[pb.AwardPointsResponse | Failure] = [
    Failure(grpc.StatusCode.UNAVAILABLE),
    Failure(grpc.StatusCode.INTERNAL, "INTERNAL_ERROR"),
    make_response(pb.AWARD_STATE_UNSPECIFIED),
    make_response(pb.AWARD_STATE_REJECTED, rejection_reason=pb.ERROR_REASON_UNSPECIFIED),
]


async def test_award_that_may_have_been_sent_is_not_called_a_failure(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    """No reason, an internal error, or an answer of a newer service: none of them says that nothing was sent."""
    for outcome in IN_DOUBT:
        with subtests.test(outcome=outcome):
            scripted.award = outcome
            response = await gateway.press()
            body = await response.json()
            assert (response.status, body["status"]) == (200, "checking")
            assert body["message"].startswith(
                "We do not know yet whether the 100 points arrived. Do not add them again."
            )


async def test_award_tells_the_agent_that_our_store_is_down(own_gateway: Gateway, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "gateway.db")) as database:
        database.execute("ALTER TABLE installations RENAME TO away")
        response = await own_gateway.press()
    body = await response.json()
    assert (response.status, body["reason"]) == (503, "STORE_UNAVAILABLE")
    assert body["message"].startswith("Not added. Our own records are not answering, this click changed nothing.")


async def test_award_that_the_loyalty_service_cannot_put_on_record_is_refused(
    gateway: Gateway, scripted: ScriptedLoyalty
) -> None:
    """The loyalty service says itself that its store is down, so nothing was sent."""
    scripted.award = Failure(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", retry_after_s=2)
    response = await gateway.press()
    body = await response.json()
    assert (response.status, body["reason"], response.headers["Retry-After"]) == (503, "STORE_UNAVAILABLE", "2")
    assert body["message"].startswith("Not added. Our own records are not answering, this click changed nothing.")


async def test_award_that_never_left_is_safe_to_repeat(own_gateway: Gateway, loyalty: Loyalty) -> None:
    """An earlier click of the same panel may have booked points, so the answer speaks of this click only."""
    await loyalty[2].stop(None)
    response = await own_gateway.press()
    body = await response.json()
    assert response.status == 503
    assert body["message"] == (
        "Not added. The loyalty service is not answering, this click changed nothing. Try again in a few minutes."
    )


async def test_award_refusals_as_200_where_the_setting_says_so(folder: Path, loyalty: Loyalty) -> None:
    async with run_gateway(folder, loyalty[1], refusal_status="200") as gateway:
        response = await gateway.press(points="0")
        assert response.status == 200
        assert await response.json() == {
            "status": "refused",
            "message": "Not added. Enter whole points from 1 to 500, for example 100.",
            "award_id": "",
        }
        wrong = await gateway.session.post(f"{gateway.url}/gorgias/actions/award-points")
        assert wrong.status == 401


async def test_award_retry_after_is_passed_on(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = Failure(grpc.StatusCode.UNAVAILABLE, "PROVIDER_THROTTLED", retry_after_s=60)
    response = await gateway.press()
    assert (response.status, response.headers["Retry-After"]) == (503, "60")


async def test_award_too_many_clicks(folder: Path, loyalty: Loyalty) -> None:
    loyalty[0].award = APPLIED
    async with run_gateway(folder, loyalty[1], actions_per_minute=2) as gateway:
        answers = [await gateway.press() for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert 0 < int(answers[2].headers["Retry-After"]) <= 60


PADDED: list[str] = [" 100 ", '"100"', "'100'", "100"]


async def test_award_points_padded_or_quoted(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for typed in PADDED:
        with subtests.test(typed=typed):
            scripted.award = APPLIED
            assert (await gateway.press(points=typed)).status == 200
            assert scripted.award_requests[-1].points == 100


MALFORMED_POINTS: list[str] = [
    "",
    "None",
    "0",
    "-5",
    "1.5",
    "1e3",
    "\u0661\u0660\u0660",
    "1" + "0" * 30,
    "1\x000",
    "007",
    "+5",
    "5 5",
    "{{points}}",
    "½",
]


async def test_award_points_malformed(gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests) -> None:
    for typed in MALFORMED_POINTS:
        with subtests.test(typed=typed):
            response = await gateway.press(points=typed)
            body = await response.json()
            assert (response.status, body["reason"]) == (400, "BAD_VALUE")
            assert body["message"] == "Not added. Enter whole points from 1 to 500, for example 100."
            assert scripted.award_requests == []


@given(st.text(max_size=20))
def test_points_are_whole_or_refused(text: str) -> None:
    try:
        points = parse_points(text)
    except RequestError:
        return
    digits = text.strip().strip("\"'")
    assert points >= 1
    assert str(points) == digits
    assert digits.isascii()


async def test_award_json_and_query(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """JSON may hold numbers and nulls, and the URL may hold parameters."""
    scripted.award = APPLIED
    response = await gateway.session.post(
        f"{gateway.url}/gorgias/actions/award-points?ticket_id=4711&token={gateway.credential}",
        json={"award_token": gateway.tokens.make("member-1"), "points": 100, "note": None},
    )
    assert response.status == 200
    [request] = scripted.award_requests
    assert (request.points, request.note, request.ticket_id) == (100, "", "4711")


MALFORMED_BODIES: list[tuple[bytes, str, int]] = [
    (b"{", "application/json", 400),
    (b"[]", "application/json", 400),
    (b'{"points": {"a": 1}}', "application/json", 400),
    (b"[" * 30_000, "application/json", 400),
    (b'{"points": "\xff"}', "application/json", 400),
    (b"points=\xff", "application/x-www-form-urlencoded", 400),
    (b"points=%FF", "application/x-www-form-urlencoded", 400),
    (b"&".join(b"a%d=1" % n for n in range(60)), "application/x-www-form-urlencoded", 400),
    (b"points=100", "text/plain", 415),
    (b"points=100", "application/x-www-form-urlencoded; charset=utf-16", 415),
    (b"--x--", "multipart/form-data; boundary=x", 415),
    (b"note=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
]


async def test_award_malformed_body(gateway: Gateway, subtests: pytest.Subtests) -> None:
    for body, content_type, status in MALFORMED_BODIES:
        with subtests.test(body=body, content_type=content_type, status=status):
            response = await gateway.session.post(
                f"{gateway.url}/gorgias/actions/award-points?token={gateway.credential}",
                data=body,
                headers={"Content-Type": content_type},
            )
            problem = await response.json()
            assert response.status == status
            assert problem["message"].startswith("Not added. ")


async def test_award_body_that_is_not_compressed_as_it_says(gateway: Gateway) -> None:
    response = await gateway.session.post(
        f"{gateway.url}/gorgias/actions/award-points?token={gateway.credential}",
        data=b"points=100",
        headers={"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"},
    )
    assert (response.status, (await response.json())["reason"]) == (400, "BAD_VALUE")


async def test_award_note_too_long_or_hostile(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = APPLIED
    long = await gateway.press(note="x" * 10_000)
    assert (long.status, (await long.json())["message"]) == (
        400,
        "Not added. The note is too long: at most 500 characters.",
    )
    hostile = await gateway.press(note="<b>\u202e\x00</b>")
    assert hostile.status == 200


async def test_award_double_click_is_one_request_id(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """Other points or notes on the same panel change nothing. Another ticket, agent or panel is another request."""
    scripted.award = APPLIED
    values = {"award_token": gateway.tokens.make("member-1", PETER), "ticket_id": "4726"}
    await gateway.press(**values, agent_email="ana@acme.example")
    await gateway.press(**values, agent_email="Ana@acme.example", note="again", points="50")
    await gateway.press(**values, agent_email="ben@acme.example")
    await gateway.press(**values | {"ticket_id": "4727"}, agent_email="ana@acme.example")
    another = gateway.tokens.make("member-1", PETER)
    await gateway.press(**values | {"award_token": another}, agent_email="ana@acme.example")
    ids = [request.request_id for request in scripted.award_requests]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


async def test_award_agents_who_look_alike_make_different_requests(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = APPLIED
    panel = gateway.tokens.make("member-1")
    names = ["Zoë", "ZOë", "ZOË", "Zoe", "Zoe\u0308"]
    for name in names:
        await gateway.press(award_token=panel, agent_email="", agent_name=name)
    ids = [request.request_id for request in scripted.award_requests]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


async def test_award_says_the_balance_that_the_next_panel_shows(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    wallet = pb.Wallet(points_balance=1340, points_balance_exact="1340.7500000000002")
    scripted.award = make_response(pb.AWARD_STATE_APPLIED, balance=wallet)
    scripted.snapshot = make_snapshot()
    scripted.snapshot.member.wallet.CopyFrom(wallet)
    answer = await (await gateway.press()).json()
    panel = await (await gateway.get_widget()).json()
    assert " Balance 1,340.75. " in answer["message"]
    assert (panel["points"], panel["summary"]) == ("1,340.75", "Gold · 1,340.75 points · 2 coupons")


NO_TOKENS: list[str] = ["", "None", "{{award_token}}"]


async def test_award_without_a_token(gateway: Gateway, subtests: pytest.Subtests) -> None:
    """TRIFFT does not answer, or the panel is old. The panel's first line says why; the answer points to it."""
    for token in NO_TOKENS:
        with subtests.test(token=token):
            response = await gateway.press(award_token=token)
            body = await response.json()
            assert (response.status, body["reason"]) == (400, "AWARD_TOKEN")
            assert body["message"] == "Not added: this panel shows no loyalty member. Its first line says why."


NO_MEMBERS: list[tuple[str, str, str]] = [
    ("stranger@example.com", "MEMBER_NOT_FOUND", "there is no loyalty member on this ticket."),
    (
        "twins@example.com",
        "MEMBER_AMBIGUOUS",
        "several members have addresses of this customer. Press Link to member first.",
    ),
    ("", "MEMBER_NOT_FOUND", "there is no address by which a member can be found."),
    ("jana@", "BAD_VALUE", "the e-mail on this ticket cannot be read, so no member can be found."),
]


async def test_award_without_a_member_says_why_as_the_panel_does(
    gateway: Gateway, scripted: ScriptedLoyalty, helpdesk: Helpdesk, subtests: pytest.Subtests
) -> None:
    """The conservative template has its button on every panel; the other template has no button here."""
    helpdesk.answer("GET /customers/101", {"id": 101, "channels": []})
    for email, reason, why in NO_MEMBERS:
        with subtests.test(email=email, reason=reason, why=why):
            scripted.snapshot = Failure(grpc.StatusCode.NOT_FOUND, reason)
            panel = await (await gateway.get_widget(email)).json()
            response = await gateway.press(award_token=panel["award_token"])
            body = await response.json()
            assert (response.status, body["message"]) == (400, f"Not added: {why}")
            assert panel["add_points"] == []
            assert scripted.award_requests == []


async def test_award_foreign_or_forged_panel(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """Another shop's panel, a tampered panel and plain nonsense get the same answer."""
    own = gateway.tokens.make("member-1")
    for token in (gateway.tokens.make("member-1", shop="bloom"), own[:-2], "x." + own, "nonsense", "é", "x" * 5000):
        response = await gateway.press(award_token=token)
        body = await response.json()
        assert (response.status, body["reason"]) == (400, "AWARD_TOKEN")
        assert body["message"] == ("Not added: this panel cannot be used. Add or remove a tag, then try again.")
    assert scripted.award_requests == []


def test_every_reason_of_the_contract_has_a_status() -> None:
    reasons = {name for name in pb.ErrorReason.keys() if name != "ERROR_REASON_UNSPECIFIED"}  # noqa: SIM118 - an enum, not a dict
    assert reasons <= HTTP_STATUS.keys()


async def test_award_answer_is_json_even_for_a_query_only_press(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award = APPLIED
    token = gateway.tokens.make("member-1")
    query = f"points=100&ticket_id=4711&award_token={token}&token={gateway.credential}"
    url = f"{gateway.url}/gorgias/actions/award-points?{query}"
    async with aiohttp.ClientSession() as session, session.post(url) as response:
        assert json.loads(await response.read())["status"] == "applied"
