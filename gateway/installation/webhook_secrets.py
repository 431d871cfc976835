"""The secret that a shop's webhooks send: one per installation, deleted with it.

It is stored encrypted, as the widget's credential is, so that it can be shown again: an operator who adds a webhook
must not have to change all others. The risk is small: the secret only makes us read TRIFFT again.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update

from gateway.installation.store import INSTALLATIONS, hash_credential
from runtime.database import Database
from runtime.encryption import SecretKeys

SECRET_PREFIX = "tgw_"  # noqa: S105 - a prefix, no secret
# How long the old secret is still accepted: nobody can change all webhooks at once.
FORMER_LIFE = timedelta(days=1)
_SECRET_BYTES = 32
_row = INSTALLATIONS.c


class WebhookSecrets:
    """Every method raises DatabaseError if the database does not answer."""

    def __init__(
        self, database: Database, keys: SecretKeys, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._keys = keys
        self._now = now

    async def make(self, merchant_id: str) -> None:
        """Make an installation's first secret. Does nothing if there is a secret, or no installation."""
        await self._write(merchant_id, _row.webhook_sha256.is_(None))

    async def rotate(self, merchant_id: str) -> datetime:
        """Make a new secret. The old one is accepted until the returned time."""
        expire_time = self._now() + FORMER_LIFE
        former = {"webhook_former_sha256": _row.webhook_sha256, "webhook_former_expire_time": expire_time}
        await self._write(merchant_id, **former)
        return expire_time

    async def find_merchant_id(self, secret_sha256: bytes, /) -> str | None:
        """Find the merchant whose present or old secret has this hash."""
        is_former = and_(_row.webhook_former_sha256 == secret_sha256, _row.webhook_former_expire_time > self._now())
        query = select(_row.merchant_id).where(or_(_row.webhook_sha256 == secret_sha256, is_former))
        return await self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())

    async def _write(self, merchant_id: str, *conditions: Any, **values: object) -> None:  # noqa: ANN401 - SQL
        secret = SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        values |= {"webhook_secret_encrypted": self._keys.encrypt(secret), "webhook_sha256": hash_credential(secret)}
        change = update(INSTALLATIONS).where(_row.merchant_id == merchant_id, *conditions).values(values)
        await self._database.write(lambda connection: connection.execute(change))
