"""The tokens of a panel: the widget carries them, a button brings one back, and only we could have made it.

A JSON list, signed with the time: <base64url of [merchant, subject, nonce]>.<time>.<signature>. The subject of an award
token is a member, of an undo token an award; each kind has keys of its own, so that neither passes for the other.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from aiohttp import web
from itsdangerous import BadSignature, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode

from gateway.errors import AwardTokenError
from runtime.addresses import make_email_key

# In the place of an award token: the panel knows that there is no one member on the ticket.
NO_MEMBER = "no-member"
_MAX_TOKEN_CHARS = 1024
_PAYLOAD = msgspec.json.Decoder(tuple[str, str, str])
_FIELD_SEPARATOR = "\x1f"


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent was looking at when points were given: whose panel, and which one (`nonce`)."""

    merchant_id: str
    member_id: str
    nonce: str
    request_key: bytes

    def make_request_id(self, ticket_id: str, agent: str) -> str:
        """One panel, one ticket, one agent: one award. 40 hex characters.

        The values that were typed are not in it, so a double click is the same award even after a retyped note. The key
        is the one that the panel was signed with, so a rotation between two clicks changes nothing.
        """
        return _sign(self.request_key, self.merchant_id, self.member_id, self.nonce, ticket_id, make_email_key(agent))


class UndoPanel(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent was looking at when "Undo" was pressed: which award the panel offered to take back."""

    merchant_id: str
    award_id: str
    nonce: str
    request_key: bytes

    def make_request_id(self) -> str:
        """One panel, one undo, whoever presses on whichever ticket. 40 hex characters."""
        return _sign(self.request_key, self.merchant_id, self.award_id, self.nonce)


class AwardTokens:
    """Makes and reads both kinds of tokens. `keys`: newest first; the first signs, all verify. `life_s`: of each."""

    def __init__(self, keys: Sequence[bytes], *, life_s: float) -> None:
        self._awards = _Signers(keys, "award token", life_s=life_s)
        self._undos = _Signers([hmac.digest(key, b"undo-token", "sha256") for key in keys], "undo token", life_s=life_s)

    def make(self, merchant_id: str, member_id: str) -> str:
        """An award token for a new panel of a member."""
        return self._awards.make(merchant_id, member_id)

    def parse(self, text: str | None, merchant_id: str, now: datetime) -> Panel:
        """Raises AwardTokenError where it is absent, forged, another merchant's, or older than its life."""
        if text == NO_MEMBER:
            raise AwardTokenError("the panel has no member", is_absent=True, has_no_member=True)
        member_id, nonce, key = self._awards.parse(text, merchant_id, now)
        request_key = hmac.digest(key, b"award-request-id", "sha256")
        return Panel(merchant_id=merchant_id, member_id=member_id, nonce=nonce, request_key=request_key)

    def make_undo(self, merchant_id: str, award_id: str) -> str:
        """An undo token for a new panel that offers to take this award back."""
        return self._undos.make(merchant_id, award_id)

    def parse_undo(self, text: str | None, merchant_id: str, now: datetime) -> UndoPanel:
        """Raises AwardTokenError as `parse` does."""
        award_id, nonce, key = self._undos.parse(text, merchant_id, now)
        request_key = hmac.digest(key, b"undo-request-id", "sha256")
        return UndoPanel(merchant_id=merchant_id, award_id=award_id, nonce=nonce, request_key=request_key)


TOKENS = web.AppKey("tokens", AwardTokens)


class _Signers:
    """Tokens of one kind. `name` is for messages."""

    def __init__(self, keys: Sequence[bytes], name: str, *, life_s: float) -> None:
        self._name = name
        self._life_s = life_s
        # The keys are derived for this one purpose already; a salt would change nothing.
        self._signers = [
            (TimestampSigner(key, key_derivation="none", digest_method=hashlib.sha256), key) for key in keys
        ]

    def make(self, merchant_id: str, subject: str) -> str:
        payload = msgspec.json.encode((merchant_id, subject, secrets.token_urlsafe(12)))
        return self._signers[0][0].sign(base64_encode(payload)).decode("ascii")

    def parse(self, text: str | None, merchant_id: str, now: datetime) -> tuple[str, str, bytes]:
        """Subject, nonce, and the key that signed them. Raises AwardTokenError."""
        if text is None:
            raise AwardTokenError(f"the panel has no {self._name}", is_absent=True)
        if len(text) <= _MAX_TOKEN_CHARS:
            for signer, key in self._signers:
                try:
                    signed, made_time = signer.unsign(text.encode(), return_timestamp=True)
                except BadSignature:
                    continue
                return *self._open(signed, made_time, merchant_id, now), key
        raise AwardTokenError(self._unusable)

    def _open(self, signed: bytes, made_time: datetime, merchant_id: str, now: datetime) -> tuple[str, str]:
        token_merchant_id, subject, nonce = _PAYLOAD.decode(base64_decode(signed))
        if not hmac.compare_digest(token_merchant_id.encode(), merchant_id.encode()):
            raise AwardTokenError(self._unusable)
        made_time = made_time.replace(tzinfo=made_time.tzinfo or UTC)
        if (now - made_time).total_seconds() > self._life_s:
            raise AwardTokenError(f"the {self._name} is too old", made_time=made_time)
        return subject, nonce

    @property
    def _unusable(self) -> str:
        return f"the {self._name} is not one of ours for this shop"


def _sign(key: bytes, *parts: str) -> str:
    return hmac.new(key, _FIELD_SEPARATOR.join(parts).encode(), hashlib.sha256).hexdigest()[:40]
