"""Customers in Gorgias, and the channels by which they write."""

from collections.abc import Iterable

import msgspec

CHANNEL_TYPES = (
    "email",
    "phone",
    "chat",
    "twitter",
    "facebook",
    "instagram",
    "instagram-direct-message",
    "whatsapp",
)


class Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`type`: one of `CHANNEL_TYPES`, or another slug. The address is opaque unless it is an e-mail or a phone."""

    type: str
    address: str


class Customer(msgspec.Struct, kw_only=True):
    """`email`: the primary one. `other_channels`: all channels but that of `email`."""

    id: int
    name: str
    email: str | None = None
    other_channels: list[Channel] = []

    @property
    def channels(self) -> list[Channel]:
        first = [Channel(type="email", address=self.email)] if self.email else []
        return first + self.other_channels

    def set_channels(self, channels: Iterable[Channel]) -> None:
        """Set the channels, each once. The first e-mail becomes the primary one."""
        kept = list(dict.fromkeys(channels))
        first = next((channel for channel in kept if channel.type == "email"), None)
        self.email = first.address if first else None
        self.other_channels = [channel for channel in kept if channel != first]
