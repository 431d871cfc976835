"""An award as commands show it: one row for scripts, cells and fields for people."""

from collections.abc import Sequence
from datetime import tzinfo

from gateway.cli.output import read_timestamp, render_text, render_time
from gateway.merchants import DEFAULT_SHOP
from gateway.wording import format_number, name_reason, parse_balance
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate, join

# The keys of a row, in the order of an export's columns. New ones go to the end: scripts may count.
COLUMNS = (
    "award_id",
    "state",
    "points",
    "member_id",
    "ticket_id",
    "note",
    "claimed_agent_email",
    "claimed_agent_name",
    "request_id",
    "rejection_reason",
    "retryable",
    "delayed",
    "balance",
    "provider_reference",
    "create_time",
    "update_time",
    "reason",
    "ticket_verified",
    "reverses",
    "reversed_by",
    "reverse_expire_time",
    "needs_person",
    "tier_before",
    "balance_change",
    "member_support_id",
    "debit",
)
LIST_COLUMNS = (
    *("award", "state", "points", "member", "TRIFFT's id", "ticket"),
    *("agent (claimed)", "reason", "note", "made"),
)
_NONE = "–"
# What an award that is not settled has done to the balance is not known.
_FACTORS = {pb.AWARD_STATE_APPLIED: 1, pb.AWARD_STATE_REJECTED: 0, pb.AWARD_STATE_NOT_APPLIED: 0}


def render_award(award: pb.Award, zone: tzinfo | None) -> dict[str, object]:
    """For scripts. `points` are negative where they are taken (`debit`); `balance_change`: by how many it moved the
    balance, None while that is not known. Texts that are empty are None. `zone`: of the times.
    """  # noqa: D205  one sentence a value
    values = (
        award.award_id,
        render_state(award.state),
        _sign_points(award),
        award.member_id,
        render_text(award.ticket_id),
        render_text(award.note),
        render_text(award.claimed_agent_email),
        render_text(award.claimed_agent_name),
        award.request_id,
        name_reason(award.rejection_reason) if award.rejection_reason else None,
        award.retryable,
        award.delayed,
        award.balance.points_balance if award.HasField("balance") else None,
        render_text(award.provider_reference),
        render_time(award.create_time, zone),
        render_time(award.update_time, zone),
        render_text(award.reason),
        award.ticket_verified,
        render_text(award.reverses),
        render_text(award.reversed_by),
        render_time(award.reverse_expire_time, zone) if award.HasField("reverse_expire_time") else None,
        award.needs_person,
        render_text(award.tier_before),
        _count_change(award),
        render_text(award.member_support_id),
        award.debit,
    )
    return dict(zip(COLUMNS, values, strict=True))


def render_change(change: pb.AwardChange, zone: tzinfo | None) -> dict[str, object]:
    return {
        "change_time": render_time(change.change_time, zone),
        "from_state": render_state(change.from_state) if change.from_state else None,
        "to_state": render_state(change.to_state),
        "actor": change.actor,
        "why": render_text(change.why),
        "attempt": change.attempt,
    }


def render_state(state: pb.AwardState.ValueType) -> str:
    """Like "not_applied", for scripts."""
    return pb.AwardState.Name(state).removeprefix("AWARD_STATE_").lower()


def read_state(state: pb.AwardState.ValueType) -> str:
    """For people: "not applied"."""
    return render_state(state).replace("_", " ")


def read_points(award: pb.Award) -> str:
    """Signed: "+100", of a deduction or of an award's reversal "-100"."""
    return f"{_sign_points(award):+}"


def name_member(award: pb.Award) -> str:
    """As people do: by support ID, where it is known."""
    return award.member_support_id or award.member_id


def list_cells(award: pb.Award, zone: tzinfo | None) -> tuple[str, ...]:
    return (
        award.award_id,
        _describe_state(award),
        read_points(award),
        award.member_support_id,
        award.member_id,
        award.ticket_id,
        award.claimed_agent_name or award.claimed_agent_email,
        award.reason,
        award.note,
        read_timestamp(award.create_time, zone),
    )


def list_lines(award: pb.Award, zone: tzinfo | None) -> list[str]:
    """The same for a narrow terminal."""
    agent = award.claimed_agent_name or award.claimed_agent_email
    ticket, giver = (
        f"ticket {isolate(award.ticket_id)}" if award.ticket_id else "",
        f"by {isolate(agent)}" if agent else "",
    )
    lines = (
        (read_timestamp(award.create_time, zone), ticket, giver),
        (f"member {_describe_member(award)}",),
    )
    shown = [" · ".join(part for part in parts if part) for parts in lines]
    shown.append(join([text for text in (award.reason, award.note) if text], " · "))
    return [f"{award.award_id}  {read_points(award)}  {_describe_state(award)}", *(line for line in shown if line)]


def list_fields(award: pb.Award, zone: tzinfo | None) -> list[tuple[str, str]]:
    """All that is known of one award; what it does not have is "–", or is left out where few awards have it."""
    verified = "checked in Gorgias" if award.ticket_verified else "claimed, not verified"
    refused = name_reason(award.rejection_reason) + (", may be tried again" if award.retryable else "")
    balance = format_number(parse_balance(award.balance), DEFAULT_SHOP) if award.HasField("balance") else _NONE
    optional = (
        ("Refused", refused, award.rejection_reason),
        ("Balance after", f"{balance}, without these points: TRIFFT books them later", award.delayed),
        ("Balance after", balance, award.HasField("balance") and not award.delayed),
        ("Reverses", award.reverses, award.reverses),
        ("Reversal", award.reversed_by, award.reversed_by),
        ("Can be undone until", read_timestamp(award.reverse_expire_time, zone), award.HasField("reverse_expire_time")),
        ("In doubt since", read_timestamp(award.update_time, zone), award.state == pb.AWARD_STATE_UNKNOWN),
    )
    return [
        ("Award", award.award_id),
        ("State", _describe_state(award)),
        ("Points", read_points(award)),
        ("Member", _describe_member(award)),
        ("Tier before", award.tier_before or _NONE),
        ("Ticket", f"{isolate(award.ticket_id)} ({verified})" if award.ticket_id else _NONE),
        ("Agent (claimed)", _describe_agent(award)),
        ("Reason", award.reason or _NONE),
        ("Note", award.note or _NONE),
        *((name, value) for name, value, is_there in optional if is_there),
        ("TRIFFT's movement", award.provider_reference or _NONE),
        ("Request", award.request_id),
        ("Made", read_timestamp(award.create_time, zone)),
        ("Changed", read_timestamp(award.update_time, zone)),
    ]


def list_change_cells(changes: Sequence[pb.AwardChange], zone: tzinfo | None) -> list[tuple[str, ...]]:
    return [
        (
            read_timestamp(change.change_time, zone),
            f"{read_state(change.from_state)} → {read_state(change.to_state)}"
            if change.from_state
            else read_state(change.to_state),
            str(change.attempt),
            change.actor,
            change.why,
        )
        for change in changes
    ]


def _describe_state(award: pb.Award) -> str:
    state = read_state(award.state)
    if award.needs_person:
        return f"{state}, waits for a person"
    if award.reversed_by:
        return f"{state}, reversal {award.reversed_by}"
    return f"{state}, reverses {award.reverses}" if award.reverses else state


def _describe_member(award: pb.Award) -> str:
    """Like "JN-4821, TRIFFT's id bf428af0-bf06-4bc4-a91b-91b5bda6e211"."""
    return f"{award.member_support_id}, TRIFFT's id {award.member_id}" if award.member_support_id else award.member_id


def _describe_agent(award: pb.Award) -> str:
    name, email = award.claimed_agent_name, award.claimed_agent_email
    return f"{isolate(name)} <{isolate(email)}>" if name and email else name or email or _NONE


def _sign_points(award: pb.Award) -> int:
    return -award.points if award.debit else award.points


def _count_change(award: pb.Award) -> int | None:
    factor = _FACTORS.get(award.state)
    return None if factor is None else factor * _sign_points(award)
