"""The lines of docs/assumptions.md about TRIFFT, by their ids, and what a shop's traffic says of each."""

from collections.abc import Sequence

from loyalty_service.domain.findings import ContractLine, ContractState, LineFinding, LineVerdict
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.verification import LOOPBACK
from loyalty_service.trifft.mapping.details import LINES
from loyalty_service.trifft.observations.observed import Observed
from loyalty_service.trifft.profile import Profile

# No answer to this service tells of these.
_UNSEEN = ("rate", "token_end", "idempotency", "note", "webhook_events", "webhook_variables")
# By section of the profile: what confirms its names if it was found. `details`: the optional lines of [member].
_CONFIRMING = {
    "member": ("member.member_id", "member.full_name", "member.support_id"),
    "wallet": ("wallet.items",),
    "coupon": ("coupon.coupon_id", "coupon.display_name"),
    "details": LINES,
}


def list_contract(
    observed: Observed, merchant: Merchant, profile: Profile, lines: Sequence[LineFinding]
) -> tuple[ContractLine, ...]:
    return (
        *(one.evidence.judge(name) for name, one in observed.operations.items()),
        observed.errors.judge("error"),
        observed.roles.judge("role"),
        *(_judge_section(section, observed, profile, lines) for section in _CONFIRMING),
        _judge_statuses(observed),
        _judge_scale(observed, merchant),
        *(_make_line(name, is_confirmed=False) for name in _UNSEEN),
    )


def _judge_section(section: str, observed: Observed, profile: Profile, lines: Sequence[LineFinding]) -> ContractLine:
    wrong = [
        profile.quote_line(line.profile_line)
        for line in lines
        if _find_section(line.profile_line) == section and line.verdict is not LineVerdict.OK
    ]
    problem = f"{', '.join(wrong)}: too often nothing, or what cannot be read" if wrong else ""
    return _make_line(section, problem, is_confirmed=observed.lines.has_found(*_CONFIRMING[section]))


def _find_section(line: str) -> str:
    return "details" if line in LINES else line.partition(".")[0]


def _judge_statuses(observed: Observed) -> ContractLine:
    words = ", ".join(repr(one.word) if one.word else "other texts" for one in observed.statuses.list())
    problem = f"in no line of [member] active_states, blocked_states, anonymised_states: {words}" if words else ""
    return _make_line("status", problem, is_confirmed=observed.lines.has_found("member.status"))


def _judge_scale(observed: Observed, merchant: Merchant) -> ContractLine:
    """Only a proof with a real member confirms it."""
    line, proof = observed.scale.judge("scale"), merchant.verification
    is_proven = proof is not None and proof.is_current and proof.verified_by != LOOPBACK
    if line.state is ContractState.CONTRADICTED or proof is None or not is_proven:
        return line
    return ContractLine(assumption="scale", state=ContractState.CONFIRMED, last_time=proof.verify_time)


def _make_line(assumption: str, problem: str = "", *, is_confirmed: bool) -> ContractLine:
    state = ContractState.CONFIRMED if is_confirmed else ContractState.NOT_SEEN
    if problem:
        state = ContractState.CONTRADICTED
    return ContractLine(assumption=assumption, state=state, problem=problem)
