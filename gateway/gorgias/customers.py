"""The addresses of a customer in Gorgias, as far as a member can be found by them."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

# Of each kind. More are not read: nobody has so many, and nobody could look for all of them.
MOST_ADDRESSES = 50
_EMAIL_CHANNEL, _PHONE_CHANNEL = "email", "phone"


# Gorgias' type, and the address: of an e-mail or a phone as it is written, of all other types an opaque id.
Channel: TypeAlias = tuple[str, str]


class CustomerAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """`emails`: the customer's own first. `emails` and `phones`: as Gorgias has them, the preferred ones first.

    `channels`: of all types, at most 100. `is_cut`: there are more than were read.
    """

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()
    is_cut: bool = False


class _Customer(msgspec.Struct):
    email: str | None = None
    channels: list[Any] | None = None


def parse_addresses(body: object) -> CustomerAddresses:
    """An unreadable channel is skipped. Raises msgspec.ValidationError."""
    found = msgspec.convert(body, _Customer)
    read = [one for one in found.channels or () if isinstance(one, dict) and _is_readable(one)]
    # Sorting is stable: otherwise the order stays.
    ordered = sorted(read, key=lambda one: one.get("preferred") is not True)
    channels = [(_EMAIL_CHANNEL, found.email or ""), *((one["type"], one["address"]) for one in ordered)]
    emails = _list_distinct(address for kind, address in channels if kind == _EMAIL_CHANNEL)
    phones = _list_distinct(address for kind, address in channels if kind == _PHONE_CHANNEL)
    return CustomerAddresses(
        emails=emails[:MOST_ADDRESSES],
        phones=phones[:MOST_ADDRESSES],
        channels=tuple(one for one in channels if one[1].strip())[: 2 * MOST_ADDRESSES],
        is_cut=max(len(emails), len(phones)) > MOST_ADDRESSES,
    )


def _is_readable(channel: dict[str, Any]) -> bool:
    kind, address = channel.get("type"), channel.get("address")
    return isinstance(kind, str) and isinstance(address, str) and bool(address.strip())


def _list_distinct(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address for address in addresses if address.strip()))
