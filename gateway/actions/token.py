"""The tokens of a panel: the widget has them, a button sends one back, and only we can make them.

A JSON list, signed with the time: <base64url of [shop, subject, nonce, [kind, hash], fetch time]>.<time>.<signature>
The subject of an award or a deduct token is a member. The subject of an undo token is an award, whose member is last in
the list. Each kind has its own keys, so that no token works as another kind. [kind, hash] is by what the member was
found: an address, or the id of the member whom the customer is linked to. It is keyed, so it does not reveal it.
"""

import functools
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

import msgspec
from aiohttp import web
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.actions.signing import Signers
from gateway.customers.identity import FoundBy, Identity
from gateway.errors import AwardTokenError, NoTokenReason
from runtime.addresses import make_email_key
from runtime.phones import make_phone_key

_NO_TOKEN_REASONS = {reason.value: reason for reason in NoTokenReason}
_SHOPS = 1024  # whose hash keys are remembered: each panel needs one
_FIELD_SEPARATOR = "\x1f"


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """By what the panel's member was found: its `kind`, and a keyed hash of it, since a panel shows it to nobody."""

    kind: FoundBy
    found_by_hash: str
    hash_key: bytes

    def has_email(self, email: str) -> bool:
        """Whether this is the address, in any of its spellings."""
        return self.kind in {FoundBy.EMAIL, FoundBy.OTHER_EMAIL} and self._has(make_email_key(email))

    def has_phone(self, number: str) -> bool:
        """Whether this is the phone number, in any of its spellings. `number`: E.164."""
        return self.kind is FoundBy.PHONE and self._has(make_phone_key(number))

    def has_link(self, member_id: str) -> bool:
        """Whether the customer was linked to this member."""
        return self.kind is FoundBy.LINK and self._has(member_id)

    def _has(self, key: str) -> bool:
        return hmac.compare_digest(self.found_by_hash, _sign(self.hash_key, key))


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """The panel in which points were given or removed: its member, and the time of its data.

    `nonce`: names the panel. `fetch_time_ns`: since 1970; older data must not allow the award.
    """

    merchant_id: str
    member_id: str
    nonce: str
    owner: Owner
    fetch_time_ns: int
    request_key: bytes

    def make_request_id(self, ticket_id: str, agent: str) -> str:
        """The same for one panel, ticket and agent: one award, and one deduction. 40 hex characters.

        It does not depend on the typed values, so a double click is the same award even with another note. Its key is
        the one that signed the panel, so a key rotation between two clicks changes nothing.
        """
        return _sign(self.request_key, self.merchant_id, self.member_id, self.nonce, ticket_id, make_email_key(agent))


class UndoPanel(msgspec.Struct, frozen=True, kw_only=True):
    """The panel in which "Undo" was pressed: the award that it offered to take back.

    `member_id`: the panel's member; empty in a panel of an older release.
    """

    merchant_id: str
    award_id: str
    member_id: str
    nonce: str
    owner: Owner
    request_key: bytes

    def make_request_id(self) -> str:
        """The same for one panel, whatever the agent and the ticket: one undo. 40 hex characters."""
        return _sign(self.request_key, self.merchant_id, self.award_id, self.nonce)


class AwardTokens:
    """Makes and reads the three kinds of tokens. `keys`: newest first; the first signs, all verify. `life_s`: of each.

    `found_by`: by what the panel's member was found. `fetch_time`: the time of the panel's data. `debit`: the token is
    for the button that removes points.
    """

    def __init__(self, keys: Sequence[bytes], *, life_s: float) -> None:
        deduct_keys, undo_keys = (
            [hmac.digest(key, purpose, "sha256") for key in keys] for purpose in (b"deduct-token", b"undo-token")
        )
        self._awards = _Kind(keys, "award token", life_s=life_s, is_of_member=True)
        self._deductions = _Kind(deduct_keys, "deduct token", life_s=life_s, is_of_member=True)
        self._undos = _Kind(undo_keys, "undo token", life_s=life_s)

    def make(
        self, merchant_id: str, member_id: str, *, found_by: Identity, fetch_time: Timestamp, debit: bool = False
    ) -> str:
        """An award or a deduct token for a new panel of a member."""
        signers = self._deductions if debit else self._awards
        return signers.make(merchant_id, member_id, found_by=found_by, fetch_time=fetch_time)

    def parse(self, text: str | None, merchant_id: str, now: datetime, *, debit: bool = False) -> Panel:
        """Raises AwardTokenError if it is absent, forged, expired, another merchant's, or of an older form."""
        if text in _NO_TOKEN_REASONS:
            raise AwardTokenError("the panel has no such member", is_absent=True, why=_NO_TOKEN_REASONS[text])
        found = (self._deductions if debit else self._awards).parse(text, merchant_id, now)
        # The token's own key signs the request id, so an award and a deduction of one panel have two ids.
        return Panel(
            merchant_id=merchant_id,
            member_id=found.member_id,
            nonce=found.nonce,
            owner=found.owner,
            fetch_time_ns=found.fetch_time_ns,
            request_key=hmac.digest(found.key, b"award-request-id", "sha256"),
        )

    def make_undo(
        self, merchant_id: str, award_id: str, *, member_id: str = "", found_by: Identity, fetch_time: Timestamp
    ) -> str:
        """An undo token for a new panel that offers to take this award back."""
        return self._undos.make(merchant_id, award_id, found_by=found_by, fetch_time=fetch_time, member_id=member_id)

    def parse_undo(self, text: str | None, merchant_id: str, now: datetime) -> UndoPanel:
        """Raises AwardTokenError as `parse` does."""
        found = self._undos.parse(text, merchant_id, now)
        return UndoPanel(
            merchant_id=merchant_id,
            award_id=found.subject,
            member_id=found.member_id,
            nonce=found.nonce,
            owner=found.owner,
            request_key=hmac.digest(found.key, b"undo-request-id", "sha256"),
        )


TOKENS = web.AppKey("tokens", AwardTokens)


class _Payload(msgspec.Struct, frozen=True, array_like=True):
    """The signed fields. The last one may be missing."""

    merchant_id: str
    subject: str
    nonce: str
    found_by: tuple[FoundBy, str]
    fetch_time_ns: int
    member_id: str = ""


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a valid token, and the key that signed it."""

    subject: str
    member_id: str
    nonce: str
    owner: Owner
    fetch_time_ns: int
    key: bytes


class _Kind:
    """Tokens of one kind. `name` is for messages. `is_of_member`: their subject is a member."""

    def __init__(self, keys: Sequence[bytes], name: str, *, life_s: float, is_of_member: bool = False) -> None:
        self._signers = Signers(keys, _Payload, name)
        self._name = name
        self._life_s = life_s
        self._is_of_member = is_of_member

    def make(
        self, merchant_id: str, subject: str, *, found_by: Identity, fetch_time: Timestamp, member_id: str = ""
    ) -> str:
        found_by_hash = _sign(_make_hash_key(self._signers.newest_key, merchant_id), found_by.key)
        nonce = secrets.token_urlsafe(12)
        payload = (merchant_id, subject, nonce, (found_by.kind, found_by_hash), fetch_time.ToNanoseconds())
        return self._signers.sign((*payload, member_id) if member_id else payload)

    def parse(self, text: str | None, merchant_id: str, now: datetime) -> _Found:
        """Raises AwardTokenError."""
        if text is None:
            raise AwardTokenError(f"the panel has no {self._name}", is_absent=True)
        signed = self._signers.read(text, merchant_id)
        payload = signed.payload
        member_id = payload.subject if self._is_of_member else payload.member_id
        if (now - signed.made_time).total_seconds() > self._life_s:
            raise AwardTokenError(f"the {self._name} is too old", made_time=signed.made_time, member_id=member_id)
        return _Found(
            subject=payload.subject,
            member_id=member_id,
            nonce=payload.nonce,
            owner=Owner(
                kind=payload.found_by[0],
                found_by_hash=payload.found_by[1],
                hash_key=_make_hash_key(signed.key, merchant_id),
            ),
            fetch_time_ns=payload.fetch_time_ns,
            key=signed.key,
        )


@functools.lru_cache(_SHOPS)
def _make_hash_key(key: bytes, merchant_id: str) -> bytes:
    """The hash key of one shop: the same address has different hashes in two shops' panels."""
    return hmac.digest(key, _FIELD_SEPARATOR.join(("panel-email", merchant_id)).encode(), "sha256")


def _sign(key: bytes, *parts: str) -> str:
    return hmac.digest(key, _FIELD_SEPARATOR.join(parts).encode(), "sha256").hex()[:40]
