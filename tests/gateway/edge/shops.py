"""A shop on record, in a database made once. A test's own gateway gets a copy of it."""

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
# No server listens on the discard port, so connections are refused at once.
NOWHERE = "http://127.0.0.1:9"


async def install_acme(path: Path) -> None:
    """Install `acme` with the stand-in's user and a secret for webhooks. Its Gorgias is nowhere."""
    profile = make_accounts(None, time.time, lambda: None)["acme"].profile
    target = Target(
        gorgias_url=NOWHERE,
        gorgias_user=profile.api_user,
        gorgias_key=profile.api_key,
        template="list",
        public_url=PUBLIC_URL,
    )
    async with open_database(f"sqlite:///{path}") as database:
        await InstallationStore(database, KEYS).add("acme", target)
        await WebhookSecrets(database, KEYS).make("acme")


def move_acme(path: Path, gorgias: Target) -> None:
    """Set the Gorgias of this test. The user on record stays."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "UPDATE installations SET gorgias_url = ?, writes_notes = ? WHERE merchant_id = 'acme'",
            (gorgias.gorgias_url, gorgias.writes_notes),
        )


def read_secrets(path: Path) -> tuple[str, str]:
    """Return its credential, and the secret of its webhooks."""
    query = "SELECT credential_encrypted, webhook_secret_encrypted FROM installations"
    with closing(sqlite3.connect(path)) as database:
        credential, webhook_secret = database.execute(query).fetchone()
    return KEYS.decrypt(credential), KEYS.decrypt(webhook_secret)
