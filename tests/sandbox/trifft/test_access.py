import re
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.trifft import Member, Project
from sandbox.trifft.access import TokenKind
from sandbox.trifft.rate import RateRule

Client = TestClient[web.Request, web.Application]

CALLS = {
    "find": ("GET", "/v1/member?email=jana@example.com", "ROLE_READ_MEMBER"),
    "get": ("GET", "/v1/member/{id}", "ROLE_READ_MEMBER"),
    "coupons": ("GET", "/v1/member/{id}/coupon", "ROLE_READ_COUPON"),
    "movements": ("GET", "/v1/member/{id}/wallet/movement", "ROLE_READ_WALLET"),
    "credit": ("POST", "/v1/member/{id}/wallet/credit", "ROLE_WRITE_WALLET"),
    "debit": ("POST", "/v1/member/{id}/wallet/debit", "ROLE_WRITE_WALLET"),
    "assign": ("POST", "/v1/member/{id}/coupon", "ROLE_WRITE_COUPON"),
    "probe": ("POST", "/v1/points-calculator", "ROLE_WRITE_SEGMENT"),
}
BODY = {"points": 1, "coupon_id": "espresso", "amount": 100}


async def call(client: Client, operation: str, member: Member, token: str) -> tuple[int, str]:
    """Call; return the status and the error's message."""
    method, path, _ = CALLS[operation]
    response = await client.request(
        method, path.format(id=member.id), json=BODY, headers={"Authorization": f"Bearer {token}"}
    )
    body = await response.json()
    return response.status, body["error"]["message"] if response.status != 200 else ""


@pytest.mark.parametrize("operation", CALLS)
async def test_write_token_may_do_everything(client: Client, acme: Project, jana: Member, operation: str) -> None:
    assert await call(client, operation, jana, acme.get_token("write")) == (200, "")
    assert [entry.operation for entry in acme.requests] == [operation]


@pytest.mark.parametrize("operation", CALLS)
async def test_read_token_may_not_write(client: Client, acme: Project, jana: Member, operation: str) -> None:
    """The refusal names the missing role."""
    role = CALLS[operation][2]
    refused = (403, f"API token lacks the required {role} role")

    assert await call(client, operation, jana, acme.get_token("read")) == (
        refused if role.startswith("ROLE_WRITE") else (200, "")
    )
    assert jana.points == 1240


@pytest.mark.parametrize("operation", CALLS)
async def test_token_without_a_role_may_do_nothing(client: Client, acme: Project, jana: Member, operation: str) -> None:
    assert await call(client, operation, jana, acme.get_token("no_role")) == (
        403,
        f"API token lacks the required {CALLS[operation][2]} role",
    )


@pytest.mark.parametrize("operation", CALLS)
async def test_expired_and_unknown_tokens_are_refused(
    client: Client, acme: Project, jana: Member, operation: str
) -> None:
    for token in (acme.get_token("expired"), "nonsense", ""):
        assert (await call(client, operation, jana, token))[0] == 401


async def test_error_has_the_envelope(client: Client) -> None:
    body = await (await client.get("/v1/member/nobody")).json()

    error = body["error"]
    assert (body["status"], body["success"], error["code"]) == (404, False, 404)
    assert (error["message"], error["exception"]) == ("Member not found.", "NotFoundException")
    assert re.fullmatch("[0-9a-f]{32}", error["event_id"])


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/"), ("GET", "/v1/nothing"), ("DELETE", "/v1/member")])
async def test_unknown_call_is_not_found_in_the_envelope(client: Client, method: str, path: str) -> None:
    response = await client.request(method, path)

    assert (response.status, (await response.json())["success"]) == (404, False)


async def test_body_over_the_bound_is_refused(client: Client, jana: Member) -> None:
    response = await client.post(f"/v1/member/{jana.id}/wallet/credit", data=b" " * 65 * 1024)

    assert response.status == 413


async def test_probe_answers_bare(client: Client) -> None:
    answer = await (await client.post("/v1/points-calculator", json={"amount": 1250})).json()

    assert answer == {"points": 12, "base_points": 12, "bonus": 0}


async def test_requests_are_logged_in_order(client: Client, acme: Project, clock: SimpleNamespace) -> None:
    await client.get("/v1/member?email=a@b.example")
    await client.get("/v1/member/nobody", headers={"Authorization": f"Bearer {acme.get_token('read')}"})

    kinds: list[TokenKind] = [entry.token_kind for entry in acme.requests]
    assert kinds == ["write", "read"]
    assert [(entry.operation, entry.status, entry.path) for entry in acme.requests] == [
        ("find", 200, "/v1/member?email=a@b.example"),
        ("get", 404, "/v1/member/nobody"),
    ]
    assert acme.requests[0].time == clock.now
    assert (acme.count_requests("get"), acme.count_requests()) == (1, 2)


async def test_rate_rule_blocks_for_a_minute(client: Client, acme: Project, clock: SimpleNamespace) -> None:
    """The 51st request within 10 s is refused, and so is every new one for 60 s, whatever the window holds by then."""
    statuses = [(await client.get("/v1/member?phone=1")).status for _ in range(51)]
    assert statuses == [200] * 50 + [429]

    clock.now += 59.9
    refused = await client.get("/v1/member?phone=1")
    error = (await refused.json())["error"]
    assert (refused.status, error["exception"]) == (429, "RateLimitExceededException")
    assert error["message"].startswith("You have exceeded the rate limit of 50 requests in 10 seconds.")
    assert "Retry-After" not in refused.headers

    other = await client.get("/v1/member?phone=1", headers={"Authorization": f"Bearer {acme.get_token('read')}"})
    assert other.status == 200, "the rule is per token"

    clock.now += 0.1
    assert (await client.get("/v1/member?phone=1")).status == 200


async def test_rate_rule_can_be_switched_off(client: Client, acme: Project) -> None:
    acme.settings.rate_limit = False

    assert {(await client.get("/v1/member?phone=1")).status for _ in range(60)} == {200}


GAPS_S = st.sampled_from([0, 1, 5, 9, 10, 11, 59, 60])


@given(st.lists(st.tuples(st.integers(min_value=1, max_value=52), GAPS_S), max_size=8))
@example([(1, 0), (49, 10), (1, 0)])
def test_rate_rule_refuses_as_documented(bursts: list[tuple[int, int]]) -> None:
    """The expected answers apply the rule to all arrivals, one by one."""
    rule, now, admitted, blocked_until = RateRule(), 0, list[int](), 0
    for count, gap in bursts:
        for _ in range(count):
            is_blocked = now < blocked_until
            is_admitted = not is_blocked and sum(arrival > now - 10 for arrival in admitted) < 50
            if not is_blocked and not is_admitted:
                blocked_until = now + 60
            admitted += [now] if is_admitted else []

            assert rule.admit("token", now) is is_admitted
        now += gap
