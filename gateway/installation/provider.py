"""What `check` says of TRIFFT: whether it answers, what the token may do, and whether requests have to wait."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.errors import LoyaltyCallError
from gateway.installation.advice import get_advice
from gateway.installation.answers import check_contract, check_fields, check_statuses
from gateway.installation.checks import Check, CheckState, make_unknown
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_TIMEOUT_S = 10.0
_OTHER_NAMES = ("token", "rate", "breaker", "fields", "statuses", "contract")
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_FAILED_IN_A_ROW = 3
# So many refused reads in an hour or two are no single rush.
_MANY_REFUSED = 10
_END = "TRIFFT's tokens end after 3 years, and when this one was made is not on record"

SayTime: TypeAlias = Callable[[Timestamp], str]


async def check_provider(
    loyalty: LoyaltyClient, merchant_id: str, render_time: Callable[[datetime], str]
) -> list[Check]:
    """Check that the loyalty service reaches TRIFFT with the shop's token, and what TRIFFT's answers have shown."""
    try:
        response = await loyalty.check_merchant(merchant_id, timeout_s=_TIMEOUT_S)
    except LoyaltyCallError as error:
        detail, advice = f"{error.reason}: {error.message}", get_advice(error.reason, merchant_id)
        failed = Check(name="TRIFFT", state=CheckState.FAILED, detail=detail, advice=advice)
        return [failed, *_make_others_unknown("TRIFFT could not be asked")]

    def say_time(timestamp: Timestamp) -> str:
        return render_time(timestamp.ToDatetime(UTC))

    reached = _check_reach(response, merchant_id, say_time)
    if not response.HasField("since_time"):
        return [reached, *_make_others_unknown("an older loyalty service does not tell")]
    return [
        reached,
        _check_token(response.operation_findings, merchant_id, say_time),
        _check_rate(response.rate, merchant_id, say_time),
        _check_breaker(response, say_time),
        check_fields(response, merchant_id, say_time),
        check_statuses(response, merchant_id),
        check_contract(response.contract, merchant_id, say_time),
    ]


def _check_reach(response: pb.CheckMerchantResponse, merchant_id: str, say_time: SayTime) -> Check:
    """A refused token and a used-up rate have lines of their own. What failed before may work again by now."""
    failure = response.probe_failure
    failing = [one for one in response.operation_findings if one.fail_count >= _FAILED_IN_A_ROW]
    detail, state, advice = "answers, and accepts the token", CheckState.OK, ""
    match failure.reason:
        case pb.ERROR_REASON_UNSPECIFIED if failing:
            named = ", ".join(f"{one.operation} {one.fail_count}x, last {say_time(one.fail_time)}" for one in failing)
            detail = f"answers the probe; before that it failed in a row, and was not asked since: {named}"
            state = CheckState.WARNING
            advice = get_advice("PROVIDER_UNAVAILABLE", merchant_id)
        case pb.ERROR_REASON_UNSPECIFIED:
            pass
        case pb.PROVIDER_CREDENTIALS:
            detail = "answers"
        case pb.PROVIDER_THROTTLED:
            detail, state = f"could not be asked: {failure.message}", CheckState.UNKNOWN
        case reason:
            name = pb.ErrorReason.Name(reason)
            detail, state, advice = f"{name}: {failure.message}", CheckState.FAILED, get_advice(name, merchant_id)
    return Check(name="TRIFFT", state=state, detail=detail, advice=advice)


def _check_token(operations: Sequence[pb.OperationFinding], merchant_id: str, say_time: SayTime) -> Check:
    """The end of a token is not known before it has come."""
    accepted = [one for one in operations if one.HasField("accept_time")]
    last = max((one.accept_time.ToDatetime(UTC) for one in accepted), default=None)
    ended = [
        one
        for one in operations
        if one.refuse_status == _UNAUTHORIZED and (last is None or one.refuse_time.ToDatetime(UTC) > last)
    ]
    lacking = [one for one in operations if one.refuse_status == _FORBIDDEN]
    if ended:
        detail = f"TRIFFT refuses it since {say_time(ended[0].refuse_time)}: it is wrong, or has ended. {_END}"
        advice = get_advice("PROVIDER_CREDENTIALS", merchant_id)
        return Check(name="token", state=CheckState.FAILED, detail=detail, advice=advice)
    if lacking:
        detail = f"it lacks {'; '.join(_describe_lack(one, say_time) for one in lacking)}"
        advice = (
            "give the token this role in TRIFFT, or make one that has it; then store it: "
            f"trifft-gorgias merchant update {merchant_id} --trifft-token-file F"
        )
        return Check(name="token", state=CheckState.FAILED, detail=detail, advice=advice)
    if last is None:
        return Check(name="token", state=CheckState.UNKNOWN, detail="TRIFFT could not be asked")
    names = ", ".join(one.operation for one in accepted)
    untried = ", ".join(one.operation for one in operations if one not in accepted)
    detail = f"accepted for {names}{f'; not tried yet: {untried}' if untried else ''}. {_END}"
    return Check(name="token", state=CheckState.OK, detail=detail)


def _describe_lack(one: pb.OperationFinding, say_time: SayTime) -> str:
    role = one.missing_role or "a role that TRIFFT did not name"
    return f"{role} for {one.operation} (refused {say_time(one.refuse_time)})"


def _check_rate(rate: pb.RateFinding, merchant_id: str, say_time: SayTime) -> Check:
    used = f"{rate.permits_used} of {rate.permits_limit} requests in {rate.period_s:g} s used by this process"
    if rate.throttled_count:
        detail = f"TRIFFT answered 429 {rate.throttled_count}x lately, last {say_time(rate.throttle_time)}"
        state = CheckState.WARNING
        if rate.HasField("closed_until"):
            detail, state = f"{detail}: nothing is sent until {say_time(rate.closed_until)}", CheckState.FAILED
        advice = (
            "TRIFFT counts more requests than this service sends. See that LOYALTY_REPLICAS is right and that nobody "
            f"else uses this token, or lower [rate] requests: trifft-gorgias merchant update {merchant_id} --profile F"
        )
        return Check(name="rate", state=state, detail=f"{detail}; {used}", advice=advice)
    if rate.refused_count >= _MANY_REFUSED:
        refused = f"{rate.refused_count} reads and awards had no room lately, last {say_time(rate.refuse_time)}"
        advice = (
            "this shop's tickets need more than its rate. Raise GATEWAY_MAX_STALENESS_S, or let TRIFFT raise it and "
            f"correct [rate] requests: trifft-gorgias merchant update {merchant_id} --profile F"
        )
        return Check(name="rate", state=CheckState.WARNING, detail=f"{refused}; {used}", advice=advice)
    return Check(name="rate", state=CheckState.OK, detail=used)


def _check_breaker(response: pb.CheckMerchantResponse, say_time: SayTime) -> Check:
    """Only a warning: it closes by itself, and the line "TRIFFT" says what keeps it open."""
    if not response.HasField("breaker"):
        return Check(name="breaker", state=CheckState.OK, detail="closed")
    breaker = response.breaker
    detail = f"open since {say_time(breaker.open_since)}: TRIFFT failed several times in a row"
    advice = f"nothing: TRIFFT is asked again after {say_time(breaker.retry_time)}, and old data is shown until then"
    return Check(name="breaker", state=CheckState.WARNING, detail=detail, advice=advice)


def _make_others_unknown(detail: str) -> list[Check]:
    return [make_unknown(name, detail) for name in _OTHER_NAMES]
