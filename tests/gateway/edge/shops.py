"""Two shops on record: in a database made once, of which each gateway of the tests gets a copy."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from cryptography.fernet import Fernet

from gateway.database import open_database
from gateway.installation.store import InstallationStore, Target
from gateway.installation.webhook_secrets import WebhookSecrets
from runtime.encryption import SecretKeys
from sandbox.gorgias.seed import make_accounts
from tests.gateway.helpdesk import PUBLIC_URL

KEY = Fernet.generate_key().decode()
KEYS = SecretKeys([KEY])
# Nobody listens on the discard port, so a connection is refused at once.
NOWHERE = "http://127.0.0.1:9"


async def install_shops(path: Path) -> None:
    """`acme` and `bloom`, with users that the stand-in knows and a secret for their webhooks, but Gorgias nowhere."""
    async with open_database(f"sqlite:///{path}") as database:
        for merchant_id, account in make_accounts(None, time.time, lambda: None).items():
            target = Target(
                gorgias_url=f"{NOWHERE}/{merchant_id}",
                gorgias_user=account.profile.api_user,
                gorgias_key=account.profile.api_key,
                template="list",
                public_url=PUBLIC_URL,
            )
            await InstallationStore(database, KEYS).add(merchant_id, target)
            await WebhookSecrets(database, KEYS).make(merchant_id)


def move_acme(path: Path, gorgias: Target) -> None:
    """To where Gorgias is in this test, with the user that is on record."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "UPDATE installations SET gorgias_url = ?, writes_notes = ? WHERE merchant_id = 'acme'",
            (gorgias.gorgias_url, gorgias.writes_notes),
        )


def read_secrets(path: Path) -> dict[str, tuple[str, str]]:
    """By shop: its credential, and the secret of its webhooks."""
    query = "SELECT merchant_id, credential_encrypted, webhook_secret_encrypted FROM installations"
    with closing(sqlite3.connect(path)) as database:
        return {shop: (KEYS.decrypt(one), KEYS.decrypt(other)) for shop, one, other in database.execute(query)}
