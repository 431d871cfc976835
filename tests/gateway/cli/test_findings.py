"""What `check` prints for findings that TRIFFT's stand-in cannot produce at once."""

from datetime import timedelta
from typing import Any

import pytest

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.cli.books import NOON, make_timestamp
from tests.gateway.cli.desk import Desk

SINCE = make_timestamp(NOON)
LATER = make_timestamp(NOON + timedelta(minutes=5))
SAID = "2026-11-23 13:05:00 CET"


def check(desk: Desk, name: str, **findings: Any) -> tuple[str, str, str]:  # noqa: ANN401 - any field of the answer
    desk.books.findings = pb.CheckMerchantResponse(since_time=SINCE, **findings)
    checks = desk.run("check", "acme", "--json").data["checks"]
    found = next(one for one in checks if one["name"] == name)
    return found["state"], found["detail"], found["advice"] or ""


def test_older_loyalty_service_tells_only_that_trifft_answers(desk: Desk) -> None:
    checks = {one["name"]: one for one in desk.run("check", "acme", "--json").data["checks"]}
    assert checks["TRIFFT"]["state"] == "ok"
    names = ("token", "rate", "breaker", "fields", "statuses", "contract")
    found = {(checks[name]["state"], checks[name]["detail"]) for name in names}
    assert found == {("unknown", "an older loyalty service does not tell")}


@pytest.mark.parametrize(
    ("rate", "state", "words"),
    [
        ({"permits_used": 50}, "ok", "50 of 50 requests in 10 s used by this process"),
        (
            {"throttled_count": 2, "throttle_time": LATER},
            "warning",
            f"TRIFFT answered 429 2x lately, last {SAID}; 0 of",
        ),
        ({"refused_count": 9, "refuse_time": LATER}, "ok", "0 of 50"),
        (
            {"refused_count": 10, "refuse_time": LATER},
            "warning",
            f"10 reads and awards had no room lately, last {SAID}",
        ),
    ],
)
def test_rate_line_warns_of_recent_refusals(desk: Desk, rate: dict[str, Any], state: str, words: str) -> None:
    finding = pb.RateFinding(**{"permits_limit": 50, "period_s": 10.0, **rate})
    found, detail, advice = check(desk, "rate", rate=finding)
    assert (found, detail.startswith(words), bool(advice)) == (state, True, state != "ok")


def test_token_that_ended_long_ago_and_works_again_is_accepted(desk: Desk) -> None:
    """The caller that was refused then has not tried again."""
    operations = [
        pb.OperationFinding(operation="debit", refuse_status=401, refuse_time=SINCE),
        pb.OperationFinding(operation="probe", accept_time=LATER),
    ]
    state, detail, _ = check(desk, "token", operation_findings=operations)
    assert (state, detail.partition(".")[0]) == ("ok", "accepted for probe; not tried yet: debit")


def test_token_is_unknown_while_trifft_is_down(desk: Desk) -> None:
    failure = pb.ProbeFailure(reason=pb.PROVIDER_TIMEOUT, message="TRIFFT did not answer within 2 s")
    state, detail, _ = check(
        desk, "token", probe_failure=failure, operation_findings=[pb.OperationFinding(operation="probe")]
    )
    assert (state, detail) == ("unknown", "TRIFFT could not be asked")


def test_worst_of_many_wrong_lines_comes_first_and_some_are_named(desk: Desk) -> None:
    lines = [
        pb.LineFinding(
            profile_line=f"coupon.line{number}",
            expression="e",
            read_count=40,
            unreadable_count=40,
            unreadable_time=LATER,
            verdict=pb.LINE_VERDICT_UNREADABLE,
        )
        for number in range(6)
    ]
    name = pb.LineFinding(
        profile_line="member.full_name",
        expression="name",
        read_count=40,
        empty_count=21,
        is_needed=True,
        verdict=pb.LINE_VERDICT_EMPTY,
    )
    state, detail, advice = check(desk, "fields", line_findings=[*lines, name])
    assert state == "failed"
    assert detail.startswith(
        "member.full_name (name) found nothing for 21 of 40 members; "
        f"coupon.line0 (e) could not be read for 40 of 40 members, last {SAID}; "
    )
    assert detail.endswith("; and 2 more")
    assert advice.startswith('correct member.full_name in the wire profile ("`null`" where TRIFFT has no such field)')


def test_contract_line_names_what_was_seen_by_id(desk: Desk) -> None:
    contract = [
        pb.ContractLine(assumption="probe", state=pb.CONTRACT_STATE_CONFIRMED, last_time=LATER),
        pb.ContractLine(assumption="credit", state=pb.CONTRACT_STATE_CONTRADICTED, problem="it is so", last_time=LATER),
        pb.ContractLine(assumption="status", state=pb.CONTRACT_STATE_CONTRADICTED, problem="unknown words"),
        pb.ContractLine(assumption="note", state=pb.CONTRACT_STATE_NOT_SEEN),
    ]
    counts = "1 confirmed (probe); {} contradicted ({}); 1 not seen (note)"
    state, detail, _ = check(desk, "contract", contract=contract)
    seen = counts.format(2, "credit, status")
    assert (state, detail) == ("failed", f"it is so, last {SAID}; see the line statuses; {seen}")
    del contract[1]
    state, detail, _ = check(desk, "contract", contract=contract)
    assert (state, detail) == ("ok", f"see the line statuses; {counts.format(1, 'status')}")
