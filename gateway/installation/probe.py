"""The probe of the public URL: a question that only a holder of the secret keys can ask, and the proof that answers it.

The proof shows that a process with the same secret keys has answered. A stranger who repeats a probe
learns nothing new.
"""

import hmac
import secrets

import msgspec

from runtime.encryption import SecretKeys

PROBE_ROUTE = "/gorgias/probe"
# As an address may stand in a widget's URL. A server in front that spells it otherwise would spoil addresses, too.
SAMPLE = "&email=a+b%2Bc%40d"
_PURPOSE = "probe of the public URL"
_NONCE_BYTES = 16


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """`key`: shows that we may ask. `proof`: what only this deployment can answer."""

    nonce: str
    key: str
    proof: str

    @property
    def query(self) -> str:
        return f"nonce={self.nonce}&key={self.key}{SAMPLE}"

    @property
    def header(self) -> str:
        """The value of the Authorization header, which a button's press needs."""
        return f"Bearer {self.key}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What arrived: `has_header`, the Authorization header; `has_sample`, the query as it was sent."""

    proof: str
    version: str
    has_header: bool
    has_sample: bool


class ProbeKeys:
    def __init__(self, keys: SecretKeys) -> None:
        self._keys = keys.derive(_PURPOSE)

    def make_question(self) -> Question:
        return _make_question(self._keys[0], secrets.token_urlsafe(_NONCE_BYTES))

    def find_question(self, nonce: str, key: str) -> Question | None:
        """Find the question that was asked with one of these keys."""
        questions = [_make_question(one, nonce) for one in self._keys]
        return next((one for one in questions if hmac.compare_digest(one.key.encode(), key.encode())), None)


def _make_question(secret: bytes, nonce: str) -> Question:
    key, proof = (hmac.digest(secret, f"{part} {nonce}".encode(), "sha256").hex() for part in ("key", "proof"))
    return Question(nonce=nonce, key=key, proof=proof)
