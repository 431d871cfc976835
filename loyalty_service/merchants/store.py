"""Merchants in the database, with encrypted tokens; those in use are also kept in memory."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Row, delete, select, update

from loyalty_service.domain.errors import MerchantExistsError, MerchantNotFoundError
from loyalty_service.domain.limits import LIMIT_FIELDS, Limits
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock
from loyalty_service.domain.verification import VerifiedMember
from loyalty_service.merchants.parse import is_merchant_id
from loyalty_service.merchants.proofs import MakeFingerprint, ProofColumns
from loyalty_service.merchants.table import merchants
from runtime.database import Database, DatabaseError
from runtime.encryption import SecretKeys
from runtime.shared_tasks import SharedTasks
from runtime.sql import make_insert, now_ms

REVALIDATE_S = 5.0
# How long a read of a merchant in memory waits for a slow database.
WAIT_S = 0.25

logger = structlog.get_logger()


class MerchantStore:
    """Answers from memory for at most 5 s; for an id that is not there it asks the database. Own writes show at once.

    While the database does not answer in time, a merchant in memory stays usable: a sidebar needs no ledger.
    """

    def __init__(
        self, database: Database, keys: SecretKeys, clock: Clock, *, make_fingerprint: MakeFingerprint
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._proofs = ProofColumns(keys, make_fingerprint)
        self._held: dict[str, tuple[Merchant, float]] = {}
        self._lookups = SharedTasks[str, None]()
        self._writes = 0

    async def get(self, merchant_id: str) -> Merchant:
        """Raises MerchantNotFoundError."""
        held = self._held.get(merchant_id)
        if held is not None and self._clock.monotonic() - held[1] < REVALIDATE_S:
            return held[0]
        if not is_merchant_id(merchant_id):
            raise MerchantNotFoundError
        if held is not None:
            lookup = self._lookups.join(merchant_id, lambda: self._look_again(merchant_id))
            done, _ = await asyncio.wait({lookup}, timeout=WAIT_S)
            for one in done:
                one.result()
            held = self._held.get(merchant_id)
        return await self._ask(merchant_id) if held is None else held[0]

    async def _ask(self, merchant_id: str) -> Merchant:
        """Raises MerchantNotFoundError."""
        asked, writes = self._clock.monotonic(), self._writes
        query = select(merchants).where(merchants.c.merchant_id == merchant_id)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        if row is None:
            self._held.pop(merchant_id, None)
            raise MerchantNotFoundError
        merchant = self._read_row(row)
        if writes == self._writes:  # otherwise this may be older than our own write
            self._held[merchant_id] = (merchant, asked)
        return merchant

    async def _look_again(self, merchant_id: str) -> None:
        try:
            await self._ask(merchant_id)
        except MerchantNotFoundError:
            return  # it is not in memory any more
        except DatabaseError:
            logger.warning("merchant_not_revalidated", merchant_id=merchant_id)

    async def list_after(self, merchant_id: str, count: int) -> list[Merchant]:
        """At most `count` merchants whose id is above `merchant_id`, by id."""
        after = merchants.c.merchant_id > merchant_id
        query = select(merchants).where(after).order_by(merchants.c.merchant_id).limit(count)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [self._read_row(row) for row in rows]

    async def add(self, merchant: Merchant) -> Merchant:
        """Raises MerchantExistsError. Times are the database's."""
        values = self._spell(msgspec.structs.asdict(merchant))
        if merchant.verification is not None:
            proven_by = merchant.verification.verified_by
            values |= self._proofs.spell(merchant.provider_url, merchant.profile, verified_by=proven_by, member=None)
        values |= {"create_time_ms": now_ms(), "update_time_ms": now_ms()}

        def insert(connection: Connection) -> Row[Any] | None:
            row = make_insert(connection, merchants).values(values).on_conflict_do_nothing()
            return connection.execute(row.returning(merchants.c.merchant_id)).first()

        if await self._database.write(insert) is None:
            raise MerchantExistsError(merchant.merchant_id)
        return await self._get_written(merchant.merchant_id)

    async def change(self, merchant_id: str, changes: Mapping[str, object]) -> Merchant:
        """Write fields by their names in Merchant, and limits by their names in LIMIT_FIELDS.

        Raises MerchantNotFoundError.
        """
        values = self._spell(changes) | {"update_time_ms": now_ms()}
        query = update(merchants).where(merchants.c.merchant_id == merchant_id).values(values)
        await self._database.write(lambda connection: connection.execute(query))
        return await self._get_written(merchant_id)

    async def verify(self, merchant: Merchant, *, verified_by: str, member: VerifiedMember) -> bool:
        """Keep that the merchant's points were proven. False: its way to the provider has changed meanwhile."""
        is_same = (merchants.c.merchant_id == merchant.merchant_id, merchants.c.generation == merchant.generation)
        values = self._proofs.spell(merchant.provider_url, merchant.profile, verified_by=verified_by, member=member)
        query = update(merchants).where(*is_same).values(values)
        count = await self._database.write(lambda connection: connection.execute(query).rowcount)
        self._forget(merchant.merchant_id)
        return count > 0

    async def forget_member(self, merchant_id: str, member_id: str) -> None:
        """Forget the member who proved the merchant's points, if it is this one. The proof stays.

        Raises MerchantNotFoundError.
        """
        held = (await self._ask(merchant_id)).verification
        if held is None or held.member is None or held.member.member_id != member_id:
            return
        query = update(merchants).where(merchants.c.merchant_id == merchant_id).values(verified_member_encrypted="")
        await self._database.write(lambda connection: connection.execute(query))
        self._forget(merchant_id)

    async def remove(self, merchant_id: str) -> None:
        """Raises MerchantNotFoundError."""
        query = delete(merchants).where(merchants.c.merchant_id == merchant_id)
        removed_count = await self._database.write(lambda connection: connection.execute(query).rowcount)
        self._forget(merchant_id)
        if removed_count == 0:
            raise MerchantNotFoundError

    async def _get_written(self, merchant_id: str) -> Merchant:
        self._forget(merchant_id)
        return await self.get(merchant_id)

    def _forget(self, merchant_id: str) -> None:
        self._writes += 1
        self._held.pop(merchant_id, None)

    def _spell(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Fields of a Merchant as columns, without the times, which the database sets."""
        columns = {name: value for name, value in fields.items() if name in merchants.c}
        if "provider_token" in fields:
            columns["provider_token_encrypted"] = self._keys.encrypt(str(fields["provider_token"]))
        if isinstance(limits := fields.get("limits"), Limits):
            columns |= {field: getattr(limits, name) for field, name in LIMIT_FIELDS.items()}
        if "award_reasons" in fields:
            columns["award_reasons"] = msgspec.json.encode(fields["award_reasons"]).decode()
        return columns

    def _read_row(self, row: Row[Any]) -> Merchant:
        values = dict(row._mapping)  # noqa: SLF001  SQLAlchemy documents this name for a row as a mapping
        token = self._keys.decrypt(str(values.pop("provider_token_encrypted")))
        for name in ("create_time", "update_time"):
            values[name] = datetime.fromtimestamp(values.pop(f"{name}_ms") / 1000, UTC)
        limits = Limits(**{name: values.pop(field) for field, name in LIMIT_FIELDS.items()})
        values["award_reasons"] = msgspec.json.decode(values["award_reasons"], type=tuple[str, ...])
        verification = self._proofs.pop(values)
        return Merchant(**values, limits=limits, provider_token=token, verification=verification)


def make_generation() -> str:
    """Random, so that nothing held under an older one is ever found."""
    return secrets.token_hex(8)
