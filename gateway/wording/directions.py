"""The words for the direction of an award's points."""

import msgspec

from protos.loyalty.v1 import loyalty_pb2 as pb


class Direction(msgspec.Struct, frozen=True, kw_only=True):
    """For example "50 points removed from Jana", "Ana removed 50 points", "Do not remove them again".

    `verb`, `did`, `done`: take, took back, taken back. `particle` follows the object: "Do not take them back".
    """

    verb: str
    did: str
    done: str
    whom: str
    particle: str = ""

    def say_doubt(self, points: int, said: str) -> str:
        """The clause about an unknown outcome: "the 50 points were removed". `said`: the points in words."""
        if self is ADD:
            return f"{said} arrived"
        return f"{said} {'was' if points == 1 else 'were'} {self.done}"

    def say_again(self, points: int) -> str:
        """Like "remove them again"."""
        return f"{self.verb} {'it' if points == 1 else 'them'}{self.particle} again"


ADD = Direction(verb="add", did="added", done="added", whom="for")
REMOVE = Direction(verb="remove", did="removed", done="removed", whom="from")
TAKE_BACK = Direction(verb="take", did="took back", done="taken back", whom="from", particle=" back")
GIVE_BACK = Direction(verb="give", did="gave back", done="given back", whom="to", particle=" back")


def find_direction(award: pb.Award) -> Direction:
    if award.reverses:
        return TAKE_BACK if award.debit else GIVE_BACK
    return REMOVE if award.debit else ADD
