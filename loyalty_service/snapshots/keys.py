"""Names under which things are held: keyed hashes, so that a key names nobody in clear."""

import hashlib

from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant

SECRET_BYTES = 32
_DIGEST_BYTES = 16


class Keys:
    """The merchant's generation is in each key: what was held under an older one is never found again."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make_merchant_key(self, merchant: Merchant) -> str:
        """In clear: a shop is nobody."""
        return f"{merchant.merchant_id}\0{merchant.generation}"

    def make_identity_key(self, merchant: Merchant, identity: Identity) -> str:
        """The same for all spellings of an identity."""
        return self._hash(merchant, identity.kind, identity.key)

    def make_member_key(self, merchant: Merchant, member_id: str) -> str:
        return self._hash(merchant, "member_id", member_id)

    def _hash(self, merchant: Merchant, kind: str, value: str) -> str:
        # Only the last part may hold a NUL, so that no two lists of parts are the same text.
        text = f"{self.make_merchant_key(merchant)}\0{kind}\0{value}"
        return hashlib.blake2b(
            text.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES, key=self._secret
        ).hexdigest()
