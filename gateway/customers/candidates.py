"""Chooses which of the customer's other addresses to look for, beside the ticket's e-mail. Pure."""

from collections.abc import Collection, Iterable

import msgspec

from gateway.gorgias.customers import CustomerAddresses
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.addresses import make_email_key
from runtime.phones import make_phone_key, parse_phone

# As many as one call of the loyalty service takes.
_MOST = 50
_MAX_EMAIL_CHARS = 320


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """E-mail addresses as written, and phone numbers in E.164, each once.

    `has_unreadable`: the customer has others that are no e-mail address or no valid number. `is_whole`: these are all
    that can be read. If not, none of them may decide: another could name another member.
    """

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    has_unreadable: bool = False
    is_whole: bool = True

    def list_groups(self) -> list[pb.IdentityGroup]:
        """The surest first; a group may be empty."""
        return [
            pb.IdentityGroup(identities=[pb.MemberIdentity(email=email) for email in self.emails]),
            pb.IdentityGroup(identities=[pb.MemberIdentity(phone=phone) for phone in self.phones]),
        ]


def choose_candidates(
    addresses: CustomerAddresses, *, email: str | None, own_keys: Collection[str], country: str
) -> Candidates:
    """Leave out the ticket's `email`, the shop's own addresses, and what is no address or no phone number.

    `own_keys`: of the shop's own addresses. `country`: the shop's, for phone numbers without one.
    """
    left_out = {*own_keys, *([make_email_key(email)] if email else [])}
    written = [one for one in addresses.emails if _is_email(one)]
    keyed = ((make_email_key(one), one) for one in written)
    emails = _list_first((key, one) for key, one in keyed if key not in left_out)
    numbers = [number for phone in addresses.phones if (number := parse_phone(phone, country))]
    phones = _list_first((make_phone_key(number), number) for number in numbers)
    return Candidates(
        emails=emails,
        phones=phones,
        has_unreadable=len(written) + len(numbers) < len(addresses.emails) + len(addresses.phones),
        is_whole=not addresses.is_cut and len(emails) + len(phones) <= _MOST,
    )


def _is_email(text: str) -> bool:
    """Whether the loyalty service would look for it: one odd address must not cost the others."""
    return "@" in text and text.isprintable() and len(text) <= _MAX_EMAIL_CHARS


def _list_first(keyed: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Of several spellings the first."""
    first: dict[str, str] = {}
    for key, spelling in keyed:
        first.setdefault(key, spelling)
    return tuple(first.values())
