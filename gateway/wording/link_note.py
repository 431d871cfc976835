"""The text of the notes that a ticket gets when its customer is linked to a member, or unlinked."""

import enum
from datetime import datetime

from gateway.wording.shop import Shop
from gateway.wording.times import format_time
from runtime.text import isolate


class LinkNoteKind(enum.Enum):
    LINKED = "linked"
    UNLINKED = "unlinked"


# The last line of a note, by which a written one is recognised.
_REFERENCES = {LinkNoteKind.LINKED: "made", LinkNoteKind.UNLINKED: "removed"}
_OUTCOMES = {
    LinkNoteKind.LINKED: "{who} is now linked to {member}.",
    LinkNoteKind.UNLINKED: "The link of {who} to {member} was removed.",
}


def say_link_reference(link_id: int, kind: LinkNoteKind) -> str:
    """The last line of this note and no other."""
    return f"Link L-{link_id} · {_REFERENCES[kind]}"


def say_link_note(  # noqa: PLR0913 - the parts of a note
    link_id: int,
    kind: LinkNoteKind,
    *,
    support_id: str,
    agent: tuple[str, str],
    time: datetime,
    shop: Shop,
    has_left: bool,
) -> str:
    """The note as lines of plain text. `agent`: the claimed name and e-mail; both may be empty.

    `has_left`: the ticket has another customer now, so the note says nothing of the member.
    """
    who = "the customer whose ticket this was then" if has_left else "this customer"
    member = "a member" if has_left else f"member {isolate(support_id)}"
    outcome = _OUTCOMES[kind].format(who=who, member=member)
    named = ", ".join(isolate(text) for text in agent if text) or "an unknown agent"
    return "\n".join(
        [
            f"{outcome[0].upper()}{outcome[1:]}",
            f"By {named}, {format_time(time, shop)}",
            say_link_reference(link_id, kind),
        ]
    )
