"""The gateway's own database, as a command reads it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from gateway.config import Config
from gateway.database import open_database
from gateway.installation.store import InstallationStore
from gateway.installation.webhook_secrets import WebhookSecrets
from gateway.tickets.store import NoteStore
from runtime.encryption import SecretKeys


@asynccontextmanager
async def open_stores(config: Config) -> AsyncGenerator[tuple[InstallationStore, NoteStore]]:
    """The installations on record, and the notes that their tickets are to get."""
    keys = SecretKeys(config.secret_keys)
    async with open_database(config.database_url) as database:
        yield InstallationStore(database, keys), NoteStore(database)


@asynccontextmanager
async def open_webhook_secrets(config: Config) -> AsyncGenerator[tuple[InstallationStore, WebhookSecrets]]:
    """The installations on record, and the secrets of their webhooks."""
    keys = SecretKeys(config.secret_keys)
    async with open_database(config.database_url) as database:
        yield InstallationStore(database, keys), WebhookSecrets(database, keys)
