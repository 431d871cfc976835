"""The errors of a read when the provider misbehaves."""

import gzip
import socket

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from loyalty_service.domain.errors import (
    LoyaltyError,
    MemberNotFoundError,
    ProviderContractError,
    ProviderCredentialsError,
    ProviderThrottledError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.domain.member import parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.trifft.client import TrifftProvider
from sandbox.trifft import Fault, Project
from sandbox.trifft.faults import FaultTarget
from tests.loyalty_service.trifft.servers import MakeMerchant, StartAnswering, fetch

JANA = parse_identity("email", "jana@example.com")


async def fetch_error(
    provider: TrifftProvider, merchant: Merchant, *, remembered: str | None = None, timeout_s: float = 30
) -> LoyaltyError:
    with pytest.raises(LoyaltyError) as caught:
        await fetch(provider, merchant, JANA, remembered=remembered, timeout_s=timeout_s)
    return caught.value


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderContractError),
        (401, ProviderCredentialsError),
        (402, ProviderContractError),
        (403, ProviderCredentialsError),
        (429, ProviderThrottledError),
        (500, ProviderUnavailableError),
        (503, ProviderUnavailableError),
    ],
)
async def test_status_becomes_the_error(
    provider: TrifftProvider, merchant: Merchant, acme: Project, status: int, error: type[LoyaltyError]
) -> None:
    """Either call may get it, whether the calls run at once or not."""
    operations: tuple[FaultTarget, ...] = ("find", "coupons")
    for operation in operations:
        for remembered in (None, *acme.members):
            acme.faults.set(Fault(kind="status", status=status, operation=operation))
            assert type(await fetch_error(provider, merchant, remembered=remembered)) is error
            acme.faults.clear()


async def test_404_is_not_always_a_missing_member(provider: TrifftProvider, merchant: Merchant, acme: Project) -> None:
    """A 404 to a find means a wrong path. A 404 to a member's coupons means that the member has just gone."""
    acme.faults.set(Fault(kind="status", status=404, operation="find", times=1))
    assert type(await fetch_error(provider, merchant)) is ProviderContractError
    acme.faults.set(Fault(kind="status", status=404, operation="coupons", times=1))
    assert type(await fetch_error(provider, merchant)) is MemberNotFoundError


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(kind="refuse"), ProviderUnavailableError),
        (Fault(kind="reset"), ProviderUnavailableError),
        (Fault(kind="lost_answer"), ProviderUnavailableError),
        (Fault(kind="bad_json"), ProviderContractError),
        (Fault(kind="half_json"), ProviderContractError),
        (Fault(kind="html"), ProviderContractError),
        (Fault(kind="html", status=502), ProviderUnavailableError),
        (Fault(kind="wrong_types"), ProviderContractError),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
async def test_fault_becomes_the_error(
    provider: TrifftProvider, merchant: Merchant, acme: Project, fault: Fault, error: type[LoyaltyError]
) -> None:
    acme.faults.set(fault)
    assert type(await fetch_error(provider, merchant)) is error


@pytest.mark.parametrize("operation", ["find", "coupons"])
@pytest.mark.parametrize("kind", ["hang", "slow_body", "latency"])
async def test_slow_provider_is_given_up_at_the_deadline(
    provider: TrifftProvider, merchant: Merchant, acme: Project, operation: FaultTarget, kind: str
) -> None:
    seconds = {"hang": None, "slow_body": 0.2, "latency": 30.0}[kind]
    acme.faults.set(Fault(kind=kind, operation=operation, seconds=seconds))  # type: ignore[arg-type]
    assert type(await fetch_error(provider, merchant, timeout_s=0.15)) is ProviderTimeoutError


async def test_throttling_says_when_to_retry(provider: TrifftProvider, merchant: Merchant, acme: Project) -> None:
    acme.faults.set(Fault(kind="status", status=429))
    error = await fetch_error(provider, merchant)
    assert isinstance(error, ProviderThrottledError)
    assert error.retry_after_s == 60


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no_role", "the shop's token lacks ROLE_READ_MEMBER"),
        ("expired", "TRIFFT refuses the shop's token"),
    ],
)
async def test_refused_token_names_the_role_and_nothing_else(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project, kind: str, message: str
) -> None:
    error = await fetch_error(provider, make_merchant(token=acme.get_token(kind)))  # type: ignore[arg-type]
    assert type(error) is ProviderCredentialsError
    assert error.message == message


async def test_refusal_is_logged_with_the_providers_event_and_without_its_text(
    provider: TrifftProvider, merchant: Merchant, acme: Project
) -> None:
    acme.faults.set(Fault(kind="status", status=429))
    with capture_logs() as logs:
        await fetch_error(provider, merchant)
    [entry] = logs
    assert entry["exception"] == "RateLimitExceededException"
    assert len(entry["event_id"]) == 32
    assert (entry["merchant_id"], entry["operation"], entry["status"]) == ("acme", "find_member", 429)
    assert "exceeded" not in str(entry)


@pytest.mark.parametrize("fault", [Fault(kind="wrong_types"), Fault(kind="reset"), Fault(kind="status", status=401)])
async def test_logs_and_errors_have_nothing_secret_or_personal(
    provider: TrifftProvider, merchant: Merchant, acme: Project, fault: Fault
) -> None:
    acme.faults.set(fault)
    with capture_logs() as logs:
        error = await fetch_error(provider, merchant)
    assert not any(secret in f"{logs} {error}" for secret in ("jana@", "Nov", acme.get_token()))


async def test_redirect_is_not_followed(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering, acme: Project
) -> None:
    location = make_merchant().provider_url + "/v1/member"
    for status in (301, 302, 307, 308):
        url = await start_answering(web.Response(status=status, headers={"Location": location}))
        assert type(await fetch_error(provider, make_merchant(url))) is ProviderContractError
    assert acme.count_requests() == 0


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(body=b"[]", content_type="text/html"),
        web.Response(status=204),
        web.Response(body=b"", content_type="application/json"),
        web.Response(body=b"{}", content_type="application/json"),
        web.Response(body=b"null", content_type="application/json"),
        web.Response(body=b'{"success": true}', content_type="application/json"),
        web.Response(body=b'{"success": false, "data": []}', content_type="application/json"),
        web.Response(body=b"[3]", content_type="application/json"),
        web.Response(body=b"[" * 100_000, content_type="application/json"),
        web.Response(body=b" " * (1024 * 1024) + b"[]", content_type="application/json"),
        web.Response(
            body=gzip.compress(b" " * (16 * 1024 * 1024) + b"[]", compresslevel=1),
            content_type="application/json",
            headers={"Content-Encoding": "gzip"},
        ),
        web.Response(status=418),
    ],
    ids=[
        "type",
        "empty",
        "nothing",
        "object",
        "null",
        "no-data",
        "failed",
        "number",
        "deep",
        "large",
        "bomb",
        "teapot",
    ],
)
async def test_answer_that_does_not_fit_the_profile_is_a_contract_error(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering, answer: web.Response
) -> None:
    assert type(await fetch_error(provider, make_merchant(await start_answering(answer)))) is ProviderContractError


async def test_another_member_than_the_one_asked_for_is_a_contract_error(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering
) -> None:
    url = await start_answering(web.json_response({"id": "somebody-else"}))
    identity = parse_identity("member_id", "jana")
    with pytest.raises(ProviderContractError, match="found a member that was not asked for"):
        await fetch(provider, make_merchant(url), identity)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "http://trifft.invalid", "https://127.0.0.1:{port}"])
async def test_unreachable_provider_is_unavailable(
    provider: TrifftProvider, make_merchant: MakeMerchant, url: str
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # it does not listen, so connections are refused
        error = await fetch_error(provider, make_merchant(url.format(port=unused.getsockname()[1])))
    assert type(error) is ProviderUnavailableError


async def test_invalid_profile_from_an_older_release_is_a_contract_error(
    provider: TrifftProvider, make_merchant: MakeMerchant
) -> None:
    error = await fetch_error(provider, make_merchant(profile="[member]\ngone = 'x'"))
    assert type(error) is ProviderContractError
    assert "the shop's wire profile has a bad line" in error.message
    assert "`gone` - at `$.member`" in error.message


async def test_failure_leaves_the_provider_usable(provider: TrifftProvider, merchant: Merchant, acme: Project) -> None:
    acme.faults.set(Fault(kind="reset", times=3))
    await fetch_error(provider, merchant)
    acme.faults.clear()
    assert (await fetch(provider, merchant, JANA)).coupons


@pytest.mark.parametrize(
    ("kind", "error"),
    [("read", ProviderCredentialsError), ("no_role", ProviderCredentialsError), ("expired", ProviderCredentialsError)],
)
async def test_probe_refuses_insufficient_tokens(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project, kind: str, error: type[LoyaltyError]
) -> None:
    await provider.probe(make_merchant(), timeout_s=30)
    with pytest.raises(error) as caught:
        await provider.probe(make_merchant(token=acme.get_token(kind)), timeout_s=30)  # type: ignore[arg-type]
    assert ("ROLE_WRITE_SEGMENT" in caught.value.message) is (kind != "expired")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(kind="status", status=404), ProviderContractError),
        (Fault(kind="status", status=429), ProviderThrottledError),
        (Fault(kind="status", status=500), ProviderUnavailableError),
        (Fault(kind="hang"), ProviderTimeoutError),
        (Fault(kind="html"), ProviderContractError),
        (Fault(kind="reset"), ProviderUnavailableError),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
async def test_probe_fails_as_a_read_does(
    provider: TrifftProvider, merchant: Merchant, acme: Project, fault: Fault, error: type[LoyaltyError]
) -> None:
    acme.faults.set(fault)
    with pytest.raises(error):
        await provider.probe(merchant, timeout_s=0.2 if fault.kind == "hang" else 30)
