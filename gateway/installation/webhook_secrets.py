"""The secret that a shop's webhooks carry: one per installation, gone with it.

Kept encrypted, as the widget's credential is, so that it can be shown again: each of the shop's webhooks wants it, and
whoever adds one more must not have to change all others. What it opens is small: it makes us ask again.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update

from gateway.installation.store import INSTALLATIONS, hash_credential
from runtime.database import Database
from runtime.encryption import SecretKeys

SECRET_PREFIX = "tgw_"  # noqa: S105 - what all begin with
# For as long the secret before a new one is taken, too: nobody pastes it into all webhooks at once.
FORMER_LIFE = timedelta(days=1)
_SECRET_BYTES = 32
_row = INSTALLATIONS.c


class WebhookSecrets:
    """Every method raises DatabaseError when the database does not answer."""

    def __init__(
        self, database: Database, keys: SecretKeys, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._keys = keys
        self._now = now

    async def make(self, merchant_id: str) -> None:
        """A first secret for an installation; does nothing where there is one, or no installation."""
        await self._write(merchant_id, _row.webhook_sha256.is_(None))

    async def rotate(self, merchant_id: str) -> datetime:
        """A new secret; the one before is taken until the time that is returned."""
        expire_time = self._now() + FORMER_LIFE
        former = {"webhook_former_sha256": _row.webhook_sha256, "webhook_former_expire_time": expire_time}
        await self._write(merchant_id, **former)
        return expire_time

    async def find_merchant_id(self, secret_sha256: bytes, /) -> str | None:
        """Whose secret has this hash, now or a short while ago."""
        is_former = and_(_row.webhook_former_sha256 == secret_sha256, _row.webhook_former_expire_time > self._now())
        query = select(_row.merchant_id).where(or_(_row.webhook_sha256 == secret_sha256, is_former))
        return await self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())

    async def _write(self, merchant_id: str, *conditions: Any, **values: object) -> None:  # noqa: ANN401 - SQL
        secret = SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        values |= {"webhook_secret_encrypted": self._keys.encrypt(secret), "webhook_sha256": hash_credential(secret)}
        change = update(INSTALLATIONS).where(_row.merchant_id == merchant_id, *conditions).values(values)
        await self._database.write(lambda connection: connection.execute(change))
