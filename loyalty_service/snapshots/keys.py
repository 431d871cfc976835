"""Keys of held entries: keyed hashes, so that a key does not show an identity."""

import hashlib

from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant

SECRET_BYTES = 32
_DIGEST_BYTES = 16


class Keys:
    """Each key depends on the merchant's generation: entries of an older generation are never found."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make_merchant_key(self, merchant: Merchant) -> str:
        """Not hashed: a merchant's id is not personal data."""
        return f"{merchant.merchant_id}\0{merchant.generation}"

    def make_identity_key(self, merchant: Merchant, identity: Identity) -> str:
        """The key of an identity, the same for all its spellings."""
        return self._hash(merchant, name_kind(merchant, identity), identity.key)

    def make_member_key(self, merchant: Merchant, member_id: str) -> str:
        return self._hash(merchant, "member_id", member_id)

    def _hash(self, merchant: Merchant, kind: str, value: str) -> str:
        # Only the last part may contain a NUL, so that different parts never make the same text.
        text = f"{self.make_merchant_key(merchant)}\0{kind}\0{value}"
        return hashlib.blake2b(
            text.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES, key=self._secret
        ).hexdigest()


def name_kind(merchant: Merchant, identity: Identity) -> str:
    """The kind of an identity; of a phone number, also the country in which the members' numbers were read."""
    return f"phone/{merchant.dialling_country}" if identity.kind == "phone" else identity.kind
