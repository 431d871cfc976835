"""Signs what a button's token says, with the time, and reads it back: only we can make a token.

<base64url of a JSON list>.<time>.<signature>. The list begins with the shop.
"""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

import msgspec
from itsdangerous import BadSignature, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode
from itsdangerous.signer import SigningAlgorithm

from gateway.errors import AwardTokenError

_MAX_TOKEN_CHARS = 1024


class OfShop(Protocol):
    """The signed fields."""

    @property
    def merchant_id(self) -> str: ...


_Payload = TypeVar("_Payload", bound=OfShop)


class Signed(msgspec.Struct, Generic[_Payload], frozen=True):
    """The content of a token that we made for this shop, when, and the key that signed it."""

    payload: _Payload
    made_time: datetime
    key: bytes


class _Sha256(SigningAlgorithm):
    """The same HMAC-SHA256 as itsdangerous makes, in one call of OpenSSL."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


class Signers(Generic[_Payload]):
    """Tokens of one kind. `keys`: newest first; the first signs, all verify. `name` is for messages."""

    def __init__(self, keys: Sequence[bytes], form: type[_Payload], name: str) -> None:
        self._decoder = msgspec.json.Decoder(form)
        self._name = name
        # The keys are already derived for this purpose; a salt would add nothing.
        self._signers = [(TimestampSigner(key, key_derivation="none", algorithm=_Sha256()), key) for key in keys]

    @property
    def newest_key(self) -> bytes:
        """The key that signs."""
        return self._signers[0][1]

    def sign(self, payload: object) -> str:
        return self._signers[0][0].sign(base64_encode(msgspec.json.encode(payload))).decode("ascii")

    def read(self, text: str, merchant_id: str) -> Signed[_Payload]:
        """Raises AwardTokenError if it is forged, another shop's, or of an older form."""
        if len(text) <= _MAX_TOKEN_CHARS:
            for signer, key in self._signers:
                try:
                    signed, made_time = signer.unsign(text.encode(errors="replace"), return_timestamp=True)
                except BadSignature:
                    continue
                return self._open(signed, made_time.replace(tzinfo=made_time.tzinfo or UTC), key, merchant_id)
        raise AwardTokenError(self._foreign)

    def _open(self, signed: bytes, made_time: datetime, key: bytes, merchant_id: str) -> Signed[_Payload]:
        try:
            payload = self._decoder.decode(base64_decode(signed))
        except msgspec.ValidationError:  # our signature, but another release's form
            raise AwardTokenError(f"the {self._name} has another form", made_time=made_time) from None
        if not hmac.compare_digest(payload.merchant_id.encode(), merchant_id.encode()):
            raise AwardTokenError(self._foreign)
        return Signed(payload, made_time, key)

    @property
    def _foreign(self) -> str:
        return f"the {self._name} is not one of ours for this shop"
