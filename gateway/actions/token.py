"""The award token: the widget carries it, the button brings it back, and only we could have made it.

A JSON list, signed with the time: <base64url of [merchant, member, nonce]>.<time>.<signature>.
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

_SALT = "award-token"
_UNUSABLE = "the award token is not one of ours for this shop"
_MAX_TOKEN_CHARS = 1024
_PAYLOAD = msgspec.json.Decoder(tuple[str, str, str])
_FIELD_SEPARATOR = "\x1f"


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent was looking at when the button was pressed: whose panel, and which one (`nonce`)."""

    merchant_id: str
    member_id: str
    nonce: str
    request_key: bytes

    def make_request_id(self, ticket_id: str, agent: str) -> str:
        """One panel, one ticket, one agent: one award. 40 hex characters.

        The values that were typed are not in it, so a double click is the same award even after a retyped note. The key
        is the one that the panel was signed with, so a rotation between two clicks changes nothing.
        """
        parts = (self.merchant_id, self.member_id, self.nonce, ticket_id, agent.casefold())
        message = _FIELD_SEPARATOR.join(parts).encode()
        return hmac.new(self.request_key, message, hashlib.sha256).hexdigest()[:40]


class AwardTokens:
    """Makes and reads award tokens. `keys`: newest first; the first signs, all verify. `life_s`: how long one lives."""

    def __init__(self, keys: Sequence[bytes], *, life_s: float) -> None:
        self._life_s = life_s
        # The keys are derived for this one purpose already.
        self._signers = [
            (TimestampSigner(key, salt=_SALT, key_derivation="none", digest_method=hashlib.sha256), key) for key in keys
        ]

    def make(self, merchant_id: str, member_id: str) -> str:
        """A token for a new panel."""
        payload = msgspec.json.encode((merchant_id, member_id, secrets.token_urlsafe(12)))
        return self._signers[0][0].sign(base64_encode(payload)).decode("ascii")

    def parse(self, text: str | None, merchant_id: str, now: datetime) -> Panel:
        """Raises AwardTokenError where it is absent, forged, another merchant's, or older than its life."""
        if text is None:
            raise AwardTokenError("the panel has no award token, so no member", is_absent=True)
        if len(text) <= _MAX_TOKEN_CHARS:
            for signer, key in self._signers:
                try:
                    signed, made_time = signer.unsign(text.encode(), return_timestamp=True)
                except BadSignature:
                    continue
                return self._open(signed, made_time, key, merchant_id, now)
        raise AwardTokenError(_UNUSABLE)

    def _open(self, signed: bytes, made_time: datetime, key: bytes, merchant_id: str, now: datetime) -> Panel:
        token_merchant_id, member_id, nonce = _PAYLOAD.decode(base64_decode(signed))
        if not hmac.compare_digest(token_merchant_id.encode(), merchant_id.encode()):
            raise AwardTokenError(_UNUSABLE)
        made_time = made_time.replace(tzinfo=made_time.tzinfo or UTC)
        if (now - made_time).total_seconds() > self._life_s:
            raise AwardTokenError("the award token is too old", made_time=made_time)
        request_key = hmac.digest(key, b"award-request-id", "sha256")
        return Panel(merchant_id=merchant_id, member_id=member_id, nonce=nonce, request_key=request_key)


TOKENS = web.AppKey("tokens", AwardTokens)
