"""The parts that answers share: the agent, the member, and the balance after an award."""

from datetime import UTC, datetime

from gateway.wording.numbers import format_number, parse_balance
from gateway.wording.phrases import format_echo
from gateway.wording.shop import Shop
from gateway.wording.times import format_clock, format_day, is_today
from protos.loyalty.v1 import loyalty_pb2 as pb


def name_agent(award: pb.Award) -> str:
    """The agent's claimed name; may be empty."""
    return format_echo(award.claimed_agent_name) or format_echo(award.claimed_agent_email)


def name_member(award: pb.Award, member_name: str) -> str:
    """The member by name or by support ID: "Jana Nováková", "member JN-4821", "this member"."""
    support_id = format_echo(award.member_support_id)
    return format_echo(member_name) or (f"member {support_id}" if support_id else "this member")


def say_when(award: pb.Award, shop: Shop, now: datetime) -> str:
    made_time = award.create_time.ToDatetime(UTC)
    if is_today(made_time, shop, now):
        return f"at {format_clock(made_time, shop)}"
    return f"on {format_day(made_time, shop)}"


def say_later(points: int) -> str:
    """Say that points are booked later and are not in the balance."""
    them = "it" if points == 1 else "them"
    return f"TRIFFT will book {them} later; the balance does not show {them} yet."


def say_balance(award: pb.Award, shop: Shop, sentence: str = "Balance {balance}.") -> str:
    """Like " Balance 1,340."; empty if the answer had none, or one without these points."""
    if award.delayed or not award.HasField("balance"):
        return ""
    return f" {sentence.format(balance=format_number(parse_balance(award.balance), shop))}"


def say_note_place(note_ticket_id: str, ticket_id: str) -> str:
    """Like " A note will appear in ticket 4718.", for an agent who looks at `ticket_id`; empty if none will."""
    if not note_ticket_id:
        return ""
    place = "this ticket" if note_ticket_id == ticket_id else f"ticket {format_echo(note_ticket_id)}"
    return f" A note will appear in {place}."
