"""What really happened at TRIFFT and in Gorgias, as the outside world of a torture run tells it."""

import zlib

import msgspec

MEMBERS = 200


class Movement(msgspec.Struct, kw_only=True):
    """What TRIFFT has booked on a wallet."""

    movement_id: str
    member_id: str
    change: int
    note: str
    reference: str
    time: int


class Message(msgspec.Struct, kw_only=True):
    """What stands in a ticket."""

    message_id: int
    ticket_id: str
    body: str


class Truth(msgspec.Struct, kw_only=True):
    """What has happened, by shop. `fates`: how often calls met what."""

    movements: dict[str, list[Movement]]
    messages: dict[str, list[Message]]
    fates: dict[str, int]


def make_member_id(ticket_id: str) -> str:
    """Whose ticket it is."""
    return f"m{zlib.crc32(ticket_id.encode()) % MEMBERS}"


def make_email(member_id: str) -> str:
    return f"{member_id}@torture.example"
