"""The secret that the processes of a fleet share, stored in their database."""

import secrets

from sqlalchemy import Column, Connection, MetaData, Table, Text, select

from loyalty_service.snapshots.keys import SECRET_BYTES
from runtime.database import Database
from runtime.encryption import SecretKeys
from runtime.sql import make_insert

_NAME = "snapshots"

# As the migrations create it.
fleet_secrets = Table("fleet_secrets", MetaData(), Column("name", Text, primary_key=True), Column("encrypted", Text))


async def load_secret(database: Database, keys: SecretKeys) -> bytes:
    """Load the secret of 32 bytes; the first process makes it. A rotation of the secret keys does not change it.

    Raises SecretKeyError.
    """

    def load(connection: Connection) -> str | None:
        return connection.scalar(select(fleet_secrets.c.encrypted).where(fleet_secrets.c.name == _NAME))

    def keep(connection: Connection) -> None:
        encrypted = keys.encrypt(secrets.token_hex(SECRET_BYTES))
        row = make_insert(connection, fleet_secrets).values(name=_NAME, encrypted=encrypted)
        connection.execute(row.on_conflict_do_nothing())

    kept = await database.read(load)
    if kept is None:
        await database.write(keep)
        kept = await database.read(load)
    return bytes.fromhex(keys.decrypt(str(kept)))
