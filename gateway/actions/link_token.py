"""The tokens of "Link to member" and "Unlink": the widget has them, and only we can make them.

A JSON list, signed with the time: <base64url of [shop, customer, link]>.<time>.<signature>. A link token names no link.
Each kind has its own keys, so that no token works as another kind.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from aiohttp import web
from itsdangerous import BadSignature, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode

from gateway.errors import AwardTokenError, NoTokenReason

_NO_TOKEN_REASONS = {reason.value: reason for reason in NoTokenReason}
_MAX_TOKEN_CHARS = 1024
_NO_LINK = 0


class _Payload(msgspec.Struct, frozen=True, array_like=True):
    merchant_id: str
    customer_id: int
    link_id: int


_DECODER = msgspec.json.Decoder(_Payload)


class LinkTokens:
    """Makes and reads both kinds. `keys`: newest first; the first signs, all verify. `life_s`: of each token.

    What reads a token raises AwardTokenError if it is absent, forged, expired, another merchant's, or of another form.
    """

    def __init__(self, keys: Sequence[bytes], *, life_s: float) -> None:
        self._links, self._unlinks = (
            _Signers([hmac.digest(key, purpose, "sha256") for key in keys], life_s=life_s)
            for purpose in (b"link-token", b"unlink-token")
        )

    def make_link(self, merchant_id: str, customer_id: int) -> str:
        """The token of a panel whose customer can be linked."""
        return self._links.make(_Payload(merchant_id, customer_id, _NO_LINK))

    def parse_link(self, text: str | None, merchant_id: str, now: datetime) -> int:
        """Return the customer's id."""
        return self._links.parse(text, merchant_id, now).customer_id

    def make_unlink(self, merchant_id: str, customer_id: int, link_id: int) -> str:
        """The token of a panel whose member was found by this link."""
        return self._unlinks.make(_Payload(merchant_id, customer_id, link_id))

    def parse_unlink(self, text: str | None, merchant_id: str, now: datetime) -> tuple[int, int]:
        """Return the ids of the customer and of the link."""
        found = self._unlinks.parse(text, merchant_id, now)
        return found.customer_id, found.link_id


LINK_TOKENS = web.AppKey("link_tokens", LinkTokens)


class _Signers:
    def __init__(self, keys: Sequence[bytes], *, life_s: float) -> None:
        self._life_s = life_s
        # The keys are already derived for this purpose; a salt would add nothing.
        self._signers = [TimestampSigner(key, key_derivation="none", digest_method=hashlib.sha256) for key in keys]

    def make(self, payload: _Payload) -> str:
        return self._signers[0].sign(base64_encode(msgspec.json.encode(payload))).decode("ascii")

    def parse(self, text: str | None, merchant_id: str, now: datetime) -> _Payload:
        if text is None or text in _NO_TOKEN_REASONS:
            why = _NO_TOKEN_REASONS.get(text or "")
            raise AwardTokenError("the panel has no such token", is_absent=True, why=why)
        if len(text) <= _MAX_TOKEN_CHARS:
            for signer in self._signers:
                try:
                    signed, made_time = signer.unsign(text.encode(errors="replace"), return_timestamp=True)
                except BadSignature:
                    continue
                return self._open(signed, made_time.replace(tzinfo=made_time.tzinfo or UTC), merchant_id, now)
        raise AwardTokenError("the token is not one of ours for this shop")

    def _open(self, signed: bytes, made_time: datetime, merchant_id: str, now: datetime) -> _Payload:
        try:
            payload = _DECODER.decode(base64_decode(signed))
        except msgspec.ValidationError:  # our signature, but another release's form
            raise AwardTokenError("the token has another form", made_time=made_time) from None
        if not hmac.compare_digest(payload.merchant_id.encode(), merchant_id.encode()):
            raise AwardTokenError("the token is not one of ours for this shop")
        if (now - made_time).total_seconds() > self._life_s:
            raise AwardTokenError("the token is too old", made_time=made_time)
        return payload
