"""The bench's customers: by what the member of each is found, and the addresses that they have."""

from enum import StrEnum

import msgspec

_DOMAIN = "bench.example"
# A customer's id is the place of the kind, then the number.
_NUMBERS = 100_000


class Kind(StrEnum):
    """By what the member is found."""

    EMAIL = "the ticket's e-mail"
    OTHER_EMAIL = "another e-mail"
    PHONE = "a phone"
    LINK = "a link"
    NOBODY = "nothing: nobody is found"


_KINDS = tuple(Kind)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A customer and their member. `ticket_email`: None if Gorgias knows none. `other`: type and address of a channel.

    `member_id`: None if they are no member.
    """

    customer_id: int
    ticket_email: str | None = None
    other: tuple[str, str] | None = None
    member_id: str | None = None
    member_email: str = ""
    member_phone: str = ""


def make_person(kind: Kind, number: int) -> Person:
    """`number`: from 0, below 100,000."""
    return find_person((_KINDS.index(kind) + 1) * _NUMBERS + number)


def find_person(customer_id: int) -> Person:
    """The person with this id in Gorgias."""
    kind = _KINDS[customer_id // _NUMBERS - 1]
    email, phone = f"member-{customer_id}@{_DOMAIN}", f"+421905{customer_id:06d}"
    elsewhere = f"elsewhere-{customer_id}@{_DOMAIN}"
    ticket_email, other = {
        Kind.EMAIL: (email, None),
        Kind.OTHER_EMAIL: (elsewhere, ("email", email)),
        Kind.PHONE: (None, ("phone", phone)),
        Kind.LINK: (None, None),
        Kind.NOBODY: (elsewhere, ("phone", phone)),
    }[kind]
    if kind is Kind.NOBODY:
        return Person(customer_id=customer_id, ticket_email=ticket_email, other=other)
    return Person(
        customer_id=customer_id,
        ticket_email=ticket_email,
        other=other,
        member_id=f"member-{customer_id}",
        member_email=email,
        member_phone=phone,
    )


def find_member(email: str | None, phone: str | None) -> Person | None:
    """The person whose member has this e-mail or this phone."""
    digits = (phone or email or "").removeprefix("+421905").removeprefix("member-").removesuffix(f"@{_DOMAIN}")
    if not (digits.isascii() and digits.isdigit() and 1 <= int(digits) // _NUMBERS <= len(_KINDS)):
        return None
    person = find_person(int(digits))
    is_found = person.member_id and (email is None or email == person.member_email)
    return person if is_found and (phone is None or phone == person.member_phone) else None
