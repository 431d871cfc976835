"""What TRIFFT's answers have shown, by line of the shop's profile: what `check` says of it."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.installation.advice import get_advice
from gateway.installation.checks import Check, CheckState
from protos.loyalty.v1 import loyalty_pb2 as pb

_NAMED = 5
# The name of the line of the profile that tells how many members were read.
_EVERY_MEMBER = "member.member_id"
# Assumptions that another line of `check` tells of where they are contradicted.
_TOLD_BY = {
    "probe": "TRIFFT",
    "role": "token",
    "member": "fields",
    "wallet": "fields",
    "coupon": "fields",
    "details": "fields",
    "status": "statuses",
}


def check_fields(response: pb.CheckMerchantResponse, merchant_id: str, say_time: Callable[[Timestamp], str]) -> Check:
    """Fail where agents cannot do without what is missing; warn of the rest. A few odd members are named only."""
    lines = response.line_findings
    wrong = [line for line in lines if line.verdict not in {pb.LINE_VERDICT_OK, pb.LINE_VERDICT_UNSPECIFIED}]
    wrong.sort(key=lambda line: (not _is_grave(line), -_count_bad(line), line.profile_line))
    if wrong:
        detail = _join(_describe(line, say_time) for line in wrong)
        state = CheckState.FAILED if _is_grave(wrong[0]) else CheckState.WARNING
        return Check(name="fields", state=state, detail=detail, advice=_advise(wrong[0], merchant_id))
    odd = sorted((line for line in lines if line.unreadable_count), key=lambda line: -line.unreadable_count)
    empty = [line.profile_line for line in lines if line.read_count == line.empty_count]
    detail = "all of TRIFFT's answers could be read"
    if odd:
        detail = f"all but odd values could be read: {_join(_describe_odd(line, say_time) for line in odd)}"
    if empty:
        detail += f"; TRIFFT had no {', '.join(empty)}"
    members = _count_members(lines)
    detail += f" ({members} {'member' if members == 1 else 'members'} since {say_time(response.since_time)})"
    return Check(name="fields", state=CheckState.OK, detail=detail)


def check_statuses(response: pb.CheckMerchantResponse, merchant_id: str) -> Check:
    """Check that the profile knows the statuses of all members: others get no points."""
    statuses = response.unknown_statuses
    if not statuses:
        return Check(name="statuses", state=CheckState.OK, detail="the profile knows all that members had")
    named = _join(f"{repr(one.word) if one.word else 'other texts'} {one.count}x" for one in statuses)
    detail = f"members with a status that no line of the profile knows get no points: {named}"
    advice = (
        "name each in [member] active_states, blocked_states or anonymised_states: "
        f"trifft-gorgias merchant update {merchant_id} --profile F"
    )
    return Check(name="statuses", state=CheckState.WARNING, detail=detail, advice=advice)


def check_contract(
    contract: Sequence[pb.ContractLine], merchant_id: str, say_time: Callable[[Timestamp], str]
) -> Check:
    """Check what is assumed of TRIFFT against this shop's traffic, by the ids in docs/assumptions.md."""
    against = [line for line in contract if line.state == pb.CONTRACT_STATE_CONTRADICTED]
    named = [
        f"{len(found)} {word}{_list_ids(found)}"
        for word, found in (
            ("confirmed", [line for line in contract if line.state == pb.CONTRACT_STATE_CONFIRMED]),
            ("contradicted", against),
            ("not seen", [line for line in contract if line.state == pb.CONTRACT_STATE_NOT_SEEN]),
        )
    ]
    own = [line for line in against if line.assumption not in _TOLD_BY]
    problems = [f"{line.problem}, last {say_time(line.last_time)}" for line in own]
    problems += [f"see the line {_TOLD_BY[line.assumption]}" for line in against if line not in own]
    return Check(
        name="contract",
        state=CheckState.FAILED if own else CheckState.OK,
        detail="; ".join([*dict.fromkeys(problems), *named]),
        advice=get_advice("PROVIDER_CONTRACT", merchant_id) if own else "",
    )


def _is_grave(line: pb.LineFinding) -> bool:
    return line.is_needed and 2 * _count_bad(line) > line.read_count


def _count_bad(line: pb.LineFinding) -> int:
    return line.empty_count + line.unreadable_count


def _count_members(lines: Iterable[pb.LineFinding]) -> int:
    return sum(line.read_count for line in lines if line.profile_line == _EVERY_MEMBER)


def _describe(line: pb.LineFinding, say_time: Callable[[Timestamp], str]) -> str:
    of, name = f"of {line.read_count} {_name_answers(line)}", f"{line.profile_line} ({line.expression})"
    if line.verdict == pb.LINE_VERDICT_EMPTY:
        return f"{name} found nothing for {line.empty_count} {of}"
    last = say_time(line.unreadable_time)
    return f"{name} could not be read for {line.unreadable_count} {of}, last {last}"


def _describe_odd(line: pb.LineFinding, say_time: Callable[[Timestamp], str]) -> str:
    return f"{line.profile_line} ({line.expression}) {line.unreadable_count}x, last {say_time(line.unreadable_time)}"


def _name_answers(line: pb.LineFinding) -> str:
    return "awards" if line.profile_line.startswith(("credit.", "debit.")) else "members"


def _advise(line: pb.LineFinding, merchant_id: str) -> str:
    command = f"trifft-gorgias merchant update {merchant_id} --profile F"
    if line.verdict == pb.LINE_VERDICT_UNREADABLE:
        return f"correct {line.profile_line} in the wire profile, or the value in TRIFFT: {command}"
    if line.profile_line == "wallet.chosen":
        return f"name the wallet that counts in [wallet] chosen: {command}"
    return (
        f'correct {line.profile_line} in the wire profile ("`null`" where TRIFFT has no such field): {command}. '
        f"What members have: trifft-gorgias merchant verify {merchant_id} --email E"
    )


def _list_ids(lines: Sequence[pb.ContractLine]) -> str:
    return f" ({', '.join(line.assumption for line in lines)})" if lines else ""


def _join(texts: Iterable[str]) -> str:
    named = list(texts)
    more = f"; and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return "; ".join(islice(named, _NAMED)) + more
