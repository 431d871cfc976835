"""An award as commands show it. One list of columns serves lists, `show`, exports and JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.cli.output import render_enum
from gateway.cli.times import Zone, render_timestamp, show_timestamp
from gateway.errors import name_reason
from gateway.wording.numbers import format_number, parse_balance
from gateway.wording.shop import DEFAULT_SHOP
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.text import isolate, join

Value: TypeAlias = str | int | float | bool | None
_NONE = "–"
# By what a member was found: its name for scripts, and for people.
FOUND_BY = {"email": "e-mail", "other_email": "another e-mail", "phone": "phone", "link": "link"}
# By state: what points are multiplied by to give the change of the balance. In other states it is not known.
_FACTORS = {pb.AWARD_STATE_APPLIED: 1, pb.AWARD_STATE_REJECTED: 0, pb.AWARD_STATE_NOT_APPLIED: 0}


@dataclass(frozen=True)
class Column:
    """One value of an award, with a name for scripts and a heading for people.

    `name`: the field of Award, unless `value` reads it. `cell`: its text in a list, unless that is the field's own
    text. `line`: its text in `show`, unless that is the text in a list.
    """

    name: str
    heading: str = ""
    value: Callable[[pb.Award], Value] | None = None
    cell: Callable[[pb.Award], str] | None = None
    line: Callable[[pb.Award], str] | None = None

    def render(self, award: pb.Award, zone: Zone) -> Value:
        """The value for scripts; an empty text is None."""
        if self.value is not None:
            return self.value(award)
        found = getattr(award, self.name)
        if isinstance(found, Timestamp):
            return render_timestamp(found, zone) if found.ByteSize() else None
        return found or None if isinstance(found, str) else found

    def read_cell(self, award: pb.Award, zone: Zone) -> str:
        """The text for people; empty where there is no value."""
        if self.cell is not None:
            return self.cell(award)
        found = getattr(award, self.name)
        if isinstance(found, Timestamp):
            return show_timestamp(found, zone) if found.ByteSize() else ""
        return str(found)

    def read_line(self, award: pb.Award, zone: Zone) -> str:
        return self.read_cell(award, zone) if self.line is None else self.line(award)


def render_state(state: pb.AwardState.ValueType) -> str:
    """The state for scripts: "not_applied"."""
    return render_enum(pb.AwardState, state, "AWARD_STATE_")


def read_state(state: pb.AwardState.ValueType) -> str:
    """The state for people: "not applied"."""
    return render_state(state).replace("_", " ")


def read_points(award: pb.Award) -> str:
    """With a sign: "+100"; for a deduction or an award's reversal "-100"."""
    return f"{_sign_points(award):+}"


def name_member(award: pb.Award) -> str:
    """Name the member for people: by support ID where it is known."""
    return award.member_support_id or award.member_id


def _sign_points(award: pb.Award) -> int:
    return -award.points if award.debit else award.points


def _count_change(award: pb.Award) -> int | None:
    """The change of the balance in points; None while it is not known."""
    factor = _FACTORS.get(award.state)
    return None if factor is None else factor * _sign_points(award)


def _describe_state(award: pb.Award) -> str:
    state = read_state(award.state)
    if award.needs_person:
        return f"{state}, waits for a person"
    if award.reversed_by:
        return f"{state}, reversal {award.reversed_by}"
    return f"{state}, reverses {award.reverses}" if award.reverses else state


def _describe_member(award: pb.Award) -> str:
    """For example "JN-4821, TRIFFT's id bf428af0-bf06-4bc4-a91b-91b5bda6e211"."""
    return f"{award.member_support_id}, TRIFFT's id {award.member_id}" if award.member_support_id else award.member_id


def _render_found_by(award: pb.Award) -> str | None:
    """For scripts, as totals name it too: "other_email"."""
    if not award.identified_by:
        return None
    return render_enum(pb.IdentifiedBy, award.identified_by, "IDENTIFIED_BY_")


def _describe_found_by(award: pb.Award) -> str:
    return FOUND_BY.get(_render_found_by(award) or "", "")


def _describe_ticket(award: pb.Award) -> str:
    verified = "checked in Gorgias" if award.ticket_verified else "claimed, not verified"
    return f"{isolate(award.ticket_id)} ({verified})" if award.ticket_id else ""


def _name_agent(award: pb.Award) -> str:
    return award.claimed_agent_name or award.claimed_agent_email


def _describe_agent(award: pb.Award) -> str:
    name, email = award.claimed_agent_name, award.claimed_agent_email
    return f"{isolate(name)} <{isolate(email)}>" if name and email else name or email


def _describe_refusal(award: pb.Award) -> str:
    if not award.rejection_reason:
        return ""
    return name_reason(award.rejection_reason) + (", may be tried again" if award.retryable else "")


def _describe_balance(award: pb.Award) -> str:
    balance = format_number(parse_balance(award.balance), DEFAULT_SHOP) if award.HasField("balance") else ""
    return f"{balance or _NONE}, without these points: TRIFFT books them later" if award.delayed else balance


# In the order of an export's columns. Add new ones at the end: scripts may use their positions.
COLUMNS = (
    Column("award_id", "award"),
    Column("state", "state", lambda award: render_state(award.state), _describe_state),
    Column("points", "points", _sign_points, read_points),
    Column("member_id", "TRIFFT's id"),
    Column("ticket_id", "ticket", line=_describe_ticket),
    Column("note", "note"),
    Column("claimed_agent_email"),
    Column("claimed_agent_name", "agent (claimed)", cell=_name_agent, line=_describe_agent),
    Column("request_id", "request"),
    Column(
        "rejection_reason",
        "refused",
        lambda award: name_reason(award.rejection_reason) if award.rejection_reason else None,
        _describe_refusal,
    ),
    Column("retryable"),
    Column("delayed"),
    Column(
        "balance",
        "balance after",
        lambda award: award.balance.points_balance if award.HasField("balance") else None,
        _describe_balance,
    ),
    Column("provider_reference", "TRIFFT's movement"),
    Column("create_time", "made"),
    Column("update_time", "changed"),
    Column("reason", "reason"),
    Column("ticket_verified"),
    Column("reverses", "reverses"),
    Column("reversed_by", "reversal"),
    Column("reverse_expire_time", "can be undone until"),
    Column("needs_person"),
    Column("tier_before", "tier before"),
    Column("balance_change", value=_count_change),
    Column("member_support_id", "member", line=_describe_member),
    Column("debit"),
    Column("caller", "with the key of"),
    Column("identified_by", "found by", _render_found_by, _describe_found_by),
)
_BY_NAME = {column.name: column for column in COLUMNS}
_LIST = (
    *("award_id", "state", "points", "member_support_id", "member_id", "identified_by", "ticket_id"),
    *("claimed_agent_name", "reason", "note", "create_time"),
)
LIST_HEADINGS = tuple(_BY_NAME[name].heading for name in _LIST)
CHANGE_HEADINGS = ("when", "what", "attempt", "who", "why")
_SHOW = (
    *("award_id", "state", "points", "member_support_id", "identified_by", "tier_before", "ticket_id"),
    "claimed_agent_name",
    *("reason", "note", "rejection_reason", "balance", "reverses", "reversed_by", "reverse_expire_time"),
    *("provider_reference", "request_id", "caller", "create_time", "update_time"),
)
# `show` leaves these out where they are empty: few awards have them.
_SHOWN_WHERE_THERE = frozenset(
    {"rejection_reason", "balance", "reverses", "reversed_by", "reverse_expire_time", "caller", "identified_by"}
)


def render_award(award: pb.Award, zone: Zone) -> dict[str, Value]:
    """The award for scripts. `points` are negative for a debit."""
    return {column.name: column.render(award, zone) for column in COLUMNS}


def list_cells(award: pb.Award, zone: Zone) -> tuple[str, ...]:
    return tuple(_BY_NAME[name].read_cell(award, zone) for name in _LIST)


def list_lines(award: pb.Award, zone: Zone) -> list[str]:
    """One award of a list as lines, for a narrow terminal."""
    made = [show_timestamp(award.create_time, zone)]
    made += [f"ticket {isolate(award.ticket_id)}"] if award.ticket_id else []
    made += [f"by {isolate(agent)}"] if (agent := _name_agent(award)) else []
    why = join([text for text in (award.reason, award.note) if text], " · ")
    lines = [f"{award.award_id}  {read_points(award)}  {_describe_state(award)}", " · ".join(made)]
    found_by = _describe_found_by(award)
    member = f"member {_describe_member(award)}{f' · found by: {found_by}' if found_by else ''}"
    return [*lines, member, *([why] if why else [])]


def list_fields(award: pb.Award, zone: Zone) -> list[tuple[str, str]]:
    """All fields of one award. An empty field is "–", or is left out if few awards have it."""
    fields = []
    for name in _SHOW:
        column = _BY_NAME[name]
        text = column.read_line(award, zone)
        if text or name not in _SHOWN_WHERE_THERE:
            fields.append((column.heading[0].upper() + column.heading[1:], text or _NONE))
        if name == "reverse_expire_time" and award.state == pb.AWARD_STATE_UNKNOWN:
            fields.append(("In doubt since", show_timestamp(award.update_time, zone)))
    return fields


def render_change(change: pb.AwardChange, zone: Zone) -> dict[str, Value]:
    return {
        "change_time": render_timestamp(change.change_time, zone),
        "from_state": render_state(change.from_state) if change.from_state else None,
        "to_state": render_state(change.to_state),
        "actor": change.actor,
        "why": change.why or None,
        "attempt": change.attempt,
    }


def list_change_cells(change: pb.AwardChange, zone: Zone) -> tuple[str, ...]:
    from_state = f"{read_state(change.from_state)} → " if change.from_state else ""
    what = f"{from_state}{read_state(change.to_state)}"
    return (show_timestamp(change.change_time, zone), what, str(change.attempt), change.actor, change.why)
