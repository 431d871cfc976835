"""The installations on record: one row per merchant, its secrets encrypted."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    column,
    delete,
    insert,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.exc import IntegrityError

from gateway.installation.activity import Activity
from gateway.installation.columns import Texts, UtcDateTime
from runtime.database import Database
from runtime.encryption import SecretKeys

CREDENTIAL_PREFIX = "tg_"
_CREDENTIAL_BYTES = 32

Template = Literal["list", "conservative"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The installation that an operator asks for: account, user and template. URLs have no trailing slash.

    `writes_notes`: awards leave a note in their ticket. `own_addresses`: e-mail addresses of the shop itself, beside
    those that Gorgias names.
    """

    gorgias_url: str
    gorgias_user: str
    gorgias_key: str
    template: Template
    public_url: str
    writes_notes: bool = True
    own_addresses: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Leaves out the key and the user's e-mail."""
        return f"Target({self.gorgias_url!r})"


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """One merchant's widget in one Gorgias account.

    `gorgias_key`, `credential` and `webhook_secret` are unencrypted here. `integration_id` and `widget_id` are Gorgias'
    numbers, None until they are known. `own_addresses`: set by an operator; `gorgias_addresses`: of the account's
    e-mail integrations when it was installed last. `webhook_secret` is None until one is made. `last_event_time`: when
    Gorgias last called the widget, `last_status` the answer's status; `last_webhook_time` is when the last webhook
    came, `last_webhook` its event. `refused_webhook_count`: webhooks with a missing or wrong secret since then, the
    last at `refused_webhook_time`.
    """

    merchant_id: str
    gorgias_url: str
    gorgias_user: str
    gorgias_key: str
    credential: str
    integration_id: int | None
    widget_id: int | None
    template: Template
    public_url: str
    writes_notes: bool
    own_addresses: tuple[str, ...]
    gorgias_addresses: tuple[str, ...]
    webhook_secret: str | None
    last_event_time: datetime | None
    last_status: str | None
    last_error_time: datetime | None
    last_error: str | None
    last_webhook_time: datetime | None
    last_webhook: str | None
    refused_webhook_time: datetime | None
    refused_webhook_count: int
    create_time: datetime
    update_time: datetime

    def __repr__(self) -> str:
        """Leaves out the secrets and the user's e-mail, so that no log and no traceback shows them."""
        return f"Installation({self.merchant_id!r}, {self.gorgias_url!r})"


# Other tables' statements join it to know whether a merchant is installed.
INSTALLATIONS = Table(
    "installations",
    MetaData(),
    Column("merchant_id", String, primary_key=True),
    Column("gorgias_url", Text),
    Column("gorgias_user", Text),
    Column("gorgias_key_encrypted", Text),
    Column("credential_encrypted", Text),
    Column("credential_sha256", LargeBinary),
    Column("integration_id", BigInteger),
    Column("widget_id", BigInteger),
    Column("template", String),
    Column("public_url", Text),
    Column("writes_notes", Boolean),
    Column("own_addresses", Texts),
    Column("gorgias_addresses", Texts),
    Column("last_event_time", UtcDateTime),
    Column("last_status", String),
    Column("last_error_time", UtcDateTime),
    Column("last_error", Text),
    Column("webhook_secret_encrypted", Text),
    Column("webhook_sha256", LargeBinary),
    Column("webhook_former_sha256", LargeBinary),
    Column("webhook_former_expire_time", UtcDateTime),
    Column("last_webhook_time", UtcDateTime),
    Column("last_webhook", String),
    Column("refused_webhook_time", UtcDateTime),
    Column("refused_webhook_count", BigInteger),
    Column("create_time", UtcDateTime),
    Column("update_time", UtcDateTime),
)
_row = INSTALLATIONS.c
# They belong to the installed account: another account has tickets and customers with the same numbers.
_OF_ACCOUNT = tuple(
    table(name, column("merchant_id"))
    for name in ("ticket_notes", "ticket_events", "gorgias_sights", "customer_links", "customer_link_channels")
)


def make_credential() -> str:
    """A new widget credential: 256 random bits."""
    return CREDENTIAL_PREFIX + secrets.token_urlsafe(_CREDENTIAL_BYTES)


def hash_credential(credential: str) -> bytes:
    """The key for looking up a credential. A credential is random, so a plain hash does not reveal it."""
    return hashlib.sha256(credential.encode()).digest()


class InstallationStore:
    """Every method raises DatabaseError if the database does not answer."""

    def __init__(
        self, database: Database, keys: SecretKeys, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._keys = keys
        self._now = now

    async def ping(self) -> None:
        """Run a trivial query."""
        await self._database.read(lambda connection: connection.execute(select(1)).one())

    async def check_keys(self) -> None:
        """Raises SecretKeyError if the secret keys do not belong to this database."""
        query = select(_row.credential_encrypted).limit(1)
        encrypted = await self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())
        if encrypted is not None:
            self._keys.decrypt(encrypted)

    async def get(self, merchant_id: str) -> Installation | None:
        """Raises SecretKeyError if the row was written with a key that is no longer set."""
        query = select(INSTALLATIONS).where(_row.merchant_id == merchant_id)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else self._parse(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name for it

    async def list_ids(self) -> list[str]:
        """List all merchants that are installed."""
        query = select(_row.merchant_id).order_by(_row.merchant_id)
        return list(await self._database.read(lambda connection: connection.scalars(query).all()))

    async def find_merchant_id(self, credential_sha256: bytes) -> str | None:
        """Find the merchant whose credential has this hash."""
        query = select(_row.merchant_id).where(_row.credential_sha256 == credential_sha256)
        return await self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())

    async def list_own_addresses(self, merchant_id: str) -> list[str]:
        """List the shop's own e-mail addresses, set or from Gorgias."""
        query = select(_row.own_addresses, _row.gorgias_addresses).where(_row.merchant_id == merchant_id)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return [] if row is None else [*row[0], *row[1]]

    async def add(self, merchant_id: str, target: Target) -> bool:
        """Add a merchant with a new credential. False: it exists already and was not changed."""
        credential = make_credential()
        now = self._now()
        values = {
            "merchant_id": merchant_id,
            "gorgias_url": target.gorgias_url,
            "credential_encrypted": self._keys.encrypt(credential),
            "credential_sha256": hash_credential(credential),
            "create_time": now,
            "update_time": now,
            **self._render_target(target),
        }
        try:
            await self._database.write(lambda connection: connection.execute(insert(INSTALLATIONS).values(values)))
        except IntegrityError:
            return False
        return True

    async def update(self, merchant_id: str, target: Target) -> None:
        """Store all fields of the target but the account. Encrypts all secrets again with the newest key."""
        installation = await self.get(merchant_id)
        if installation is None:
            return
        encrypted = {"credential_encrypted": self._keys.encrypt(installation.credential)}
        if installation.webhook_secret is not None:
            encrypted["webhook_secret_encrypted"] = self._keys.encrypt(installation.webhook_secret)
        await self._set(merchant_id, **encrypted, **self._render_target(target))

    async def record(self, merchant_id: str, *, integration_id: int | None, widget_id: int | None) -> None:
        """Store Gorgias' numbers of the integration and the widget."""
        await self._set(merchant_id, integration_id=integration_id, widget_id=widget_id)

    async def record_gorgias_addresses(self, merchant_id: str, addresses: Sequence[str]) -> None:
        """Store the addresses of the account's e-mail integrations."""
        await self._set(merchant_id, gorgias_addresses=tuple(addresses))

    async def record_activity(self, activities: dict[str, Activity]) -> None:
        """Store the last events by merchant. An older event never replaces a newer one."""
        installed = select(_row.merchant_id).where(_row.merchant_id.in_(activities))

        def record(connection: Connection) -> None:
            # In a fixed order, so that two processes cannot deadlock.
            for merchant_id in sorted(connection.scalars(installed)):
                activity = activities[merchant_id]
                for time_column, time, values in (
                    (_row.last_event_time, activity.event_time, {"last_status": activity.status}),
                    (_row.last_error_time, activity.error_time, {"last_error": activity.error}),
                    (
                        _row.last_webhook_time,
                        activity.webhook_time,
                        {"last_webhook": activity.webhook, "refused_webhook_count": 0},
                    ),
                    (
                        _row.refused_webhook_time,
                        activity.refused_time,
                        {"refused_webhook_count": _row.refused_webhook_count + activity.refused_count},
                    ),
                ):
                    if time is not None:
                        newer = or_(time_column.is_(None), time_column <= time)
                        connection.execute(
                            update(INSTALLATIONS)
                            .where(_row.merchant_id == merchant_id, newer)
                            .values({time_column.name: time, **values})
                        )

        await self._database.write(record)

    async def delete(self, merchant_id: str) -> None:
        """Delete a merchant, its pending notes, ticket events and links. Does nothing if there is no such merchant."""

        def forget(connection: Connection) -> None:
            connection.execute(delete(INSTALLATIONS).where(_row.merchant_id == merchant_id))
            for kept in _OF_ACCOUNT:
                connection.execute(delete(kept).where(kept.c.merchant_id == merchant_id))

        await self._database.write(forget)

    def _render_target(self, target: Target) -> dict[str, object]:
        return {
            "gorgias_user": target.gorgias_user,
            "gorgias_key_encrypted": self._keys.encrypt(target.gorgias_key),
            "template": target.template,
            "public_url": target.public_url,
            "writes_notes": target.writes_notes,
            "own_addresses": target.own_addresses,
        }

    async def _set(self, merchant_id: str, **values: object) -> None:
        change = update(INSTALLATIONS).where(_row.merchant_id == merchant_id)
        change = change.values(update_time=self._now(), **values)
        await self._database.write(lambda connection: connection.execute(change))

    def _parse(self, row: RowMapping) -> Installation:
        values: dict[str, Any] = {name: row[name] for name in Installation.__struct_fields__ if name in row}
        webhook_secret = row["webhook_secret_encrypted"]
        return Installation(
            **values,
            webhook_secret=None if webhook_secret is None else self._keys.decrypt(webhook_secret),
            gorgias_key=self._keys.decrypt(row["gorgias_key_encrypted"]),
            credential=self._keys.decrypt(row["credential_encrypted"]),
        )
