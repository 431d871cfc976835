"""The truth of a torture run: what really happened at TRIFFT and in Gorgias."""

import zlib

import msgspec

MEMBERS = 200


class Movement(msgspec.Struct, kw_only=True):
    """A booking of TRIFFT's on a wallet."""

    movement_id: str
    member_id: str
    change: int
    note: str
    reference: str
    time: int


class Message(msgspec.Struct, kw_only=True):
    """A message in a ticket."""

    message_id: int
    ticket_id: str
    body: str


class Truth(msgspec.Struct, kw_only=True):
    """All that has happened, by shop. `fates`: the number of calls with each outcome."""

    movements: dict[str, list[Movement]]
    messages: dict[str, list[Message]]
    fates: dict[str, int]


def make_member_id(ticket_id: str) -> str:
    """The member whose ticket it is."""
    return f"m{zlib.crc32(ticket_id.encode()) % MEMBERS}"


def make_email(member_id: str) -> str:
    return f"{member_id}@torture.example"
