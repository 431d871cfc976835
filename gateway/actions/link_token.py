"""The tokens of "Link to member" and "Unlink": the widget has them, and only we can make them.

A JSON list, signed with the time: <base64url of [shop, customer, link]>.<time>.<signature>. A link token names no link.
Each kind has its own keys, so that no token works as another kind.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

import msgspec
from aiohttp import web

from gateway.actions.signing import Signers
from gateway.errors import AwardTokenError, NoTokenReason

_NO_TOKEN_REASONS = {reason.value: reason for reason in NoTokenReason}
_NO_LINK = 0


class _Payload(msgspec.Struct, frozen=True, array_like=True):
    merchant_id: str
    customer_id: int
    link_id: int


class LinkTokens:
    """Makes and reads both kinds. `keys`: newest first; the first signs, all verify. `life_s`: of each token.

    A token that is absent, forged, expired, another merchant's or of another form raises AwardTokenError.
    """

    def __init__(self, keys: Sequence[bytes], *, life_s: float) -> None:
        self._links, self._unlinks = (
            _Kind([hmac.digest(key, purpose, "sha256") for key in keys], life_s=life_s)
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


class _Kind:
    def __init__(self, keys: Sequence[bytes], *, life_s: float) -> None:
        self._signers = Signers(keys, _Payload, "token")
        self._life_s = life_s

    def make(self, payload: _Payload) -> str:
        return self._signers.sign(payload)

    def parse(self, text: str | None, merchant_id: str, now: datetime) -> _Payload:
        if text is None or text in _NO_TOKEN_REASONS:
            why = _NO_TOKEN_REASONS.get(text or "")
            raise AwardTokenError("the panel has no such token", is_absent=True, why=why)
        signed = self._signers.read(text, merchant_id)
        if (now - signed.made_time).total_seconds() > self._life_s:
            raise AwardTokenError("the token is too old", made_time=signed.made_time)
        return signed.payload
