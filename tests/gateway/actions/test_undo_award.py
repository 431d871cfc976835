"""`POST /gorgias/actions/undo-award` as the button sends it."""

import asyncio
import json
from pathlib import Path

import aiohttp
import grpc
import pytest
import structlog

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.actions.outcomes import APPLIED, UNDONE, make_reversal
from tests.gateway.edge.running import PETER, Gateway, run_gateway
from tests.gateway.edge.scripted import Failure, ScriptedLoyalty

Loyalty = tuple[ScriptedLoyalty, str, grpc.aio.Server]
DONE = "100 points taken back from Jana Nováková. Balance 1,240. Award A-10483 undoes A-10482."
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
REFRESH = "Add or remove a tag, then try again."


async def test_undo_applied(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.reversal = UNDONE
    response = await gateway.press_undo(agent_email="ben@acme.example", agent_name="Ben")
    assert response.status == 200
    assert await response.json() == {"status": "applied", "message": DONE, "award_id": "A-10483"}
    [request] = scripted.reversal_requests
    assert (request.merchant_id, request.award_id, request.ticket_id) == (gateway.merchant_id, "A-10482", "4711")
    assert (request.claimed_agent_email, request.claimed_agent_name) == ("ben@acme.example", "Ben")


ON_RECORD: list[tuple[pb.ReverseAwardResponse, str, str]] = [
    (
        make_reversal(pb.AWARD_STATE_APPLIED, member_name=""),
        "applied",
        "100 points taken back from this member. Award A-10483 undoes A-10482.",
    ),
    (
        make_reversal(pb.AWARD_STATE_APPLIED, delayed=True),
        "applied",
        (
            "100 points taken back. TRIFFT will book them later; the balance does not show them yet. "
            "Award A-10483 undoes A-10482."
        ),
    ),
    (
        make_reversal(pb.AWARD_STATE_APPLIED, replayed=True, balance=pb.Wallet(points_balance=1240)),
        "replayed",
        (
            "Already undone: Ben took back 100 points at 13:02 (A-10483). The balance was 1,240 then. "
            "Nothing was taken back now."
        ),
    ),
    (
        make_reversal(pb.AWARD_STATE_PENDING),
        "checking",
        (
            "We do not know yet whether the 100 points were taken back. Do not take them back again. "
            "A note will appear in this ticket. Award A-10483."
        ),
    ),
    (
        make_reversal(pb.AWARD_STATE_UNKNOWN, replayed=True, points=1),
        "checking",
        (
            "We do not know yet whether the 1 point was taken back. Do not take it back again. "
            "A note will appear in this ticket. Award A-10483."
        ),
    ),
]


async def test_undo_on_record_is_a_200(gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests) -> None:
    for response, status, message in ON_RECORD:
        with subtests.test(response=response, status=status, message=message):
            scripted.reversal = response
            answer = await gateway.press_undo()
            assert answer.status == 200
            assert await answer.json() == {"status": status, "message": message, "award_id": "A-10483"}


REFUSED: list[tuple[Failure, int, str]] = [
    (
        Failure(PRECONDITION, "REVERSAL_TOO_LATE", {"expire_time": "2026-11-23T12:32:00.000Z"}),
        422,
        "Not undone: award A-10482 could be undone until 13:32. Ask a manager.",
    ),
    (
        Failure(PRECONDITION, "REVERSAL_TOO_LATE", {"expire_time": "2026-11-21T23:00:00.000Z"}),
        422,
        "Not undone: award A-10482 could be undone until 21 Nov 2026. Ask a manager.",
    ),
    (
        Failure(PRECONDITION, "REVERSAL_TOO_LATE", {"expire_time": "2026-11-21T12:32:00.000Z"}),
        422,
        "Not undone: award A-10482 could be undone until 21 Nov 2026. Ask a manager.",
    ),
    (
        Failure(PRECONDITION, "REVERSAL_TOO_LATE"),
        422,
        "Not undone: award A-10482 could be undone for a short while only. Ask a manager.",
    ),
    (
        Failure(PRECONDITION, "AWARD_IN_DOUBT", {"award_id": "A-7"}),
        422,
        "Not undone. We are still checking award A-7 for this customer. This can take 20 minutes or more.",
    ),
    (
        Failure(PRECONDITION, "AWARD_STATE", {"award_id": "A-10482", "state": "unknown"}),
        422,
        "Not undone. We are still checking award A-10482. This can take 20 minutes or more.",
    ),
    (
        Failure(PRECONDITION, "AWARD_STATE", {"award_id": "A-10482", "state": "rejected"}),
        422,
        "Not undone: award A-10482 changed no points, so there is nothing to undo.",
    ),
    (
        Failure(PRECONDITION, "AWARD_STATE", {"award_id": "A-10482", "state": "reversal"}),
        422,
        "Not undone: award A-10482 is an undo itself. Ask a manager.",
    ),
    (
        Failure(PRECONDITION, "AWARD_STATE", {"award_id": "A-10482", "state": "sold"}),
        422,
        f"Not undone: award A-10482 cannot be undone now. {REFRESH}",
    ),
    (
        Failure(grpc.StatusCode.NOT_FOUND, "AWARD_NOT_FOUND"),
        404,
        f"Not undone: award A-10482 is not on record. {REFRESH}",
    ),
    (
        Failure(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", {"award_id": "A-7"}),
        409,
        f"Not undone: this panel was already used for award A-7. {REFRESH}",
    ),
    (
        Failure(PRECONDITION, "PROVIDER_CREDENTIALS"),
        502,
        (
            "Not undone. TRIFFT refuses our access, nothing was changed. "
            "You cannot fix this. Please tell your administrator."
        ),
    ),
    (
        Failure(grpc.StatusCode.NOT_FOUND, "MERCHANT_NOT_FOUND"),
        404,
        (
            "Not undone. The loyalty service does not know this shop. "
            "You cannot fix this. Please tell your administrator."
        ),
    ),
]


async def test_undo_refused_says_so(gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests) -> None:
    for failure, status, message in REFUSED:
        with subtests.test(failure=failure, status=status, message=message):
            scripted.reversal = failure
            response = await gateway.press_undo()
            body = await response.json()
            assert (response.status, body["message"], body["reason"]) == (status, message, failure.reason)
            assert response.content_type == "application/problem+json"


REJECTED: list[tuple[pb.ErrorReason.ValueType, int, str]] = [
    (
        pb.PROVIDER_REFUSED,
        422,
        (
            "Not undone: TRIFFT refuses to take the points back. The balance may be too low. "
            "Nothing was changed. Ask a manager."
        ),
    ),
    (
        pb.PROVIDER_UNAVAILABLE,
        503,
        "Not undone. TRIFFT is not answering, nothing was changed. Try again in a few minutes.",
    ),
    (
        pb.PROVIDER_THROTTLED,
        503,
        "Not undone. TRIFFT is busy. Try again in 1 minute.",
    ),
    (pb.MEMBER_NOT_FOUND, 404, f"Not undone: TRIFFT does not know this member any more. {REFRESH}"),
]


async def test_undo_rejected_by_the_provider_has_its_reasons_status(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for reason, status, message in REJECTED:
        with subtests.test(reason=reason, status=status, message=message):
            scripted.reversal = make_reversal(pb.AWARD_STATE_REJECTED, rejection_reason=reason)
            response = await gateway.press_undo()
            body = await response.json()
            assert (response.status, body["message"], body["award_id"]) == (status, message, "A-10483")


async def test_undo_that_never_took_points_back_is_refused(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.reversal = make_reversal(pb.AWARD_STATE_NOT_APPLIED, replayed=True)
    response = await gateway.press_undo()
    body = await response.json()
    assert (response.status, body["reason"]) == (422, "AWARD_STATE")
    assert body["message"] == (
        f"Not undone: award A-10483 was checked, and the points were never taken back. {REFRESH}"
    )


IN_DOUBT: list[pb.ReverseAwardResponse | Failure] = [
    Failure(grpc.StatusCode.UNAVAILABLE),
    Failure(grpc.StatusCode.INTERNAL, "INTERNAL_ERROR"),
    make_reversal(pb.AWARD_STATE_UNSPECIFIED),
    make_reversal(pb.AWARD_STATE_REJECTED, rejection_reason=pb.ERROR_REASON_UNSPECIFIED),
]


async def test_undo_that_may_have_been_sent_is_not_called_a_failure(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    """Another try is safe: the loyalty service takes an award back only once."""
    for outcome in IN_DOUBT:
        with subtests.test(outcome=outcome):
            scripted.reversal = outcome
            response = await gateway.press_undo()
            body = await response.json()
            assert (response.status, body["status"]) == (200, "checking")
            assert body["message"] == (
                "We do not know yet whether award A-10482 was undone. "
                "Add or remove a tag in a few minutes: the panel will say it."
            )


async def test_undo_that_never_left_is_safe_to_repeat(own_gateway: Gateway, loyalty: Loyalty) -> None:
    await loyalty[2].stop(None)
    response = await own_gateway.press_undo()
    assert response.status == 503
    assert (await response.json())["message"] == (
        "Not undone. The loyalty service is not answering, this click changed nothing. Try again in a few minutes."
    )


async def test_undo_double_click_is_one_request_id(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """One panel is one undo, for every agent and ticket. The next panel, or another award's panel, makes another."""
    scripted.reversal = UNDONE
    panel = gateway.tokens.make_undo("A-10482", PETER)
    first = {"undo_token": panel, "ticket_id": "4726"}
    await asyncio.gather(gateway.press_undo(**first), gateway.press_undo(**first))
    await gateway.press_undo(undo_token=panel, ticket_id="4727", agent_email="ben@acme.example")
    await gateway.press_undo()
    await gateway.press_undo(undo_token=gateway.tokens.make_undo("A-7"))
    ids = [request.request_id for request in scripted.reversal_requests]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 3


NO_TOKENS: list[str] = ["", "None", "{{undo_token}}"]


async def test_undo_where_nothing_can_be_undone(
    gateway: Gateway, scripted: ScriptedLoyalty, subtests: pytest.Subtests
) -> None:
    for token in NO_TOKENS:
        with subtests.test(token=token):
            response = await gateway.press_undo(undo_token=token)
            body = await response.json()
            assert (response.status, body["reason"]) == (400, "AWARD_TOKEN")
            assert body["message"] == "Not undone: there is no award here that can be undone now."
            assert scripted.reversal_requests == []


async def test_undo_foreign_forged_or_mixed_up_panel(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    """Another shop's token, a tampered one, an award token and plain nonsense get the same answer."""
    own = gateway.tokens.make_undo("A-10482")
    award_token = gateway.tokens.make("A-10482")
    foreign = gateway.tokens.make_undo("A-10482", shop="bloom")
    for token in (foreign, award_token, own[:-2], "x." + own, "nonsense", "é", "x" * 5000):
        response = await gateway.press_undo(undo_token=token)
        body = await response.json()
        assert (response.status, body["reason"]) == (400, "AWARD_TOKEN")
        assert body["message"] == f"Not undone: this panel cannot be used. {REFRESH}"
    assert scripted.reversal_requests == []


async def test_undo_token_gives_no_points(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    response = await gateway.press(award_token=gateway.tokens.make_undo("member-1"))
    assert (response.status, (await response.json())["reason"]) == (400, "AWARD_TOKEN")
    assert scripted.award_requests == []


async def test_undo_json_and_query(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.reversal = UNDONE
    token = gateway.tokens.make_undo("A-10482", PETER)
    url = f"{gateway.url}/gorgias/actions/undo-award"
    as_json = await gateway.session.post(
        f"{url}?ticket_id=4726&token={gateway.credential}", json={"undo_token": token, "agent_name": None}
    )
    as_query = await gateway.session.post(f"{url}?undo_token={token}&ticket_id=4727&token={gateway.credential}")
    assert (as_json.status, as_query.status) == (200, 200)
    assert [request.ticket_id for request in scripted.reversal_requests] == ["4726", "4727"]


async def test_undo_value_that_cannot_be_read(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    response = await gateway.press_undo(agent_name="x" * 321)
    assert response.status == 400
    assert (await response.json())["message"] == (
        "Not undone. The button sent something that cannot be read. "
        "Please tell your administrator: the integration must be installed again."
    )
    assert scripted.reversal_requests == []


async def test_undo_without_a_credential(gateway: Gateway) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{gateway.url}/gorgias/actions/undo-award") as answer:
        assert answer.status == 401
        assert json.loads(await answer.read())["message"] == (
            "Not undone. This button does not work any more. "
            "Please tell your administrator: the integration must be installed again."
        )


async def test_undo_refusals_as_200_where_the_setting_says_so(folder: Path, loyalty: Loyalty) -> None:
    async with run_gateway(folder, loyalty[1], refusal_status="200") as gateway:
        response = await gateway.press_undo(undo_token="")
        assert response.status == 200
        assert (await response.json())["status"] == "refused"


async def test_undo_and_award_share_the_shops_clicks(folder: Path, loyalty: Loyalty) -> None:
    loyalty[0].award, loyalty[0].reversal = APPLIED, UNDONE
    async with run_gateway(folder, loyalty[1], actions_per_minute=2) as gateway:
        answers = [await gateway.press(), await gateway.press_undo(), await gateway.press_undo()]
        assert [answer.status for answer in answers] == [200, 200, 429]
        message = (await answers[2].json())["message"]
        assert message.startswith("Not undone. Too many clicks in this shop just now. Try again in ")


async def test_undo_is_counted_apart(own_gateway: Gateway, loyalty: Loyalty) -> None:
    loyalty[0].reversal = UNDONE
    await own_gateway.press_undo()
    await own_gateway.press_undo(undo_token="x")
    text = await (await own_gateway.session.get(f"{own_gateway.url}/metrics")).text()
    assert 'gateway_actions_total{action="undo_award",status="applied"} 1.0' in text
    assert 'gateway_actions_total{action="undo_award",status="refused"} 1.0' in text


async def test_actions_log_names_nobody(gateway: Gateway, scripted: ScriptedLoyalty) -> None:
    scripted.award, scripted.reversal = APPLIED, make_reversal(pb.AWARD_STATE_UNSPECIFIED)
    token = gateway.tokens.make_undo("A-10482")
    with structlog.testing.capture_logs() as lines:
        await gateway.press(note="birthday of Jana", reason="Goodwill", agent_email="ana@acme.example")
        await gateway.press_undo(undo_token=token, agent_email="ben@acme.example", agent_name="Ben Novák")
    written = str(lines)
    assert [line["route"] for line in lines if line["event"] == "request"] == [
        "/gorgias/actions/award-points",
        "/gorgias/actions/undo-award",
    ]
    for private in ("Jana", "Goodwill", "acme.example", "Novák", token, gateway.credential):
        assert private not in written
