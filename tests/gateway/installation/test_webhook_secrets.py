"""Each installation has a secret for webhooks, which goes with it, and which can be replaced."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from gateway.installation.credentials import Credentials
from gateway.installation.store import InstallationStore, hash_credential
from gateway.installation.webhook_secrets import FORMER_LIFE, SECRET_PREFIX, WebhookSecrets
from runtime.database import Database
from runtime.encryption import SecretKeys
from tests.databases import OpenDatabase
from tests.gateway.installation.test_store import TARGET
from tests.statements import fetch_rows

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def database(each_open: OpenDatabase) -> Database:
    """A database of each engine in turn."""
    return each_open.database


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(now=NOON)


@pytest.fixture
def webhook_secrets(database: Database, keys: SecretKeys, clock: SimpleNamespace) -> WebhookSecrets:
    return WebhookSecrets(database, keys, now=lambda: clock.now)


async def read_secret(store: InstallationStore, merchant_id: str = "acme") -> str:
    installation = await store.get(merchant_id)
    assert installation is not None
    assert installation.webhook_secret is not None
    return installation.webhook_secret


async def test_secret_is_made_once_and_names_its_shop(
    store: InstallationStore, webhook_secrets: WebhookSecrets, database: Database
) -> None:
    for merchant_id in ("acme", "bloom"):
        await store.add(merchant_id, TARGET)
        await webhook_secrets.make(merchant_id)
    secret = await read_secret(store)
    await webhook_secrets.make("acme")
    assert await read_secret(store) == secret
    assert await webhook_secrets.find_merchant_id(hash_credential(secret)) == "acme"
    assert await webhook_secrets.find_merchant_id(hash_credential(await read_secret(store, "bloom"))) == "bloom"
    assert secret not in repr(await fetch_rows(database, "SELECT * FROM installations"))
    assert secret not in repr(await store.get("acme"))


async def test_widget_s_credential_is_not_accepted_as_a_webhook_s_secret(
    store: InstallationStore, webhook_secrets: WebhookSecrets
) -> None:
    await store.add("acme", TARGET)
    await webhook_secrets.make("acme")
    installation = await store.get("acme")
    assert installation is not None
    assert await webhook_secrets.find_merchant_id(hash_credential(installation.credential)) is None
    assert await store.find_merchant_id(hash_credential(await read_secret(store))) is None


async def test_former_secret_is_accepted_for_a_day(
    store: InstallationStore, webhook_secrets: WebhookSecrets, clock: SimpleNamespace
) -> None:
    await store.add("acme", TARGET)
    await webhook_secrets.make("acme")
    oldest = await read_secret(store)
    assert await webhook_secrets.rotate("acme") == NOON + FORMER_LIFE
    newest = await read_secret(store)
    clock.now = NOON + FORMER_LIFE - timedelta(seconds=1)
    assert await webhook_secrets.find_merchant_id(hash_credential(oldest)) == "acme"
    clock.now = NOON + FORMER_LIFE
    assert await webhook_secrets.find_merchant_id(hash_credential(oldest)) is None
    assert await webhook_secrets.find_merchant_id(hash_credential(newest)) == "acme"


async def test_second_rotation_removes_a_leaked_secret(
    store: InstallationStore, webhook_secrets: WebhookSecrets
) -> None:
    await store.add("acme", TARGET)
    await webhook_secrets.make("acme")
    leaked = await read_secret(store)
    for _ in range(2):
        await webhook_secrets.rotate("acme")
    assert await webhook_secrets.find_merchant_id(hash_credential(leaked)) is None


async def test_secret_outlives_a_new_install_and_goes_with_an_uninstall(
    store: InstallationStore, webhook_secrets: WebhookSecrets
) -> None:
    await store.add("acme", TARGET)
    await webhook_secrets.make("acme")
    secret = await read_secret(store)
    await store.update("acme", TARGET)
    assert await read_secret(store) == secret
    await store.delete("acme")
    assert await webhook_secrets.find_merchant_id(hash_credential(secret)) is None
    await webhook_secrets.make("acme")
    assert await store.get("acme") is None


async def test_known_secret_is_found_in_memory_and_a_widget_s_credential_is_never_looked_up(
    store: InstallationStore, webhook_secrets: WebhookSecrets
) -> None:
    await store.add("acme", TARGET)
    await webhook_secrets.make("acme")
    installation, secret = await store.get("acme"), await read_secret(store)
    assert installation is not None
    async with Credentials(webhook_secrets, prefix=SECRET_PREFIX) as known:
        assert await known.find(secret) == "acme"
        await store.delete("acme")
        assert await known.find(secret) == "acme", "within 5 s"
        assert await known.find(installation.credential) is None
