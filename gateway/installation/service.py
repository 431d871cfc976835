"""Installs and uninstalls in a Gorgias account: one integration, and one widget with its buttons.

Every step can be repeated. The credential is committed before Gorgias gets it, so the next run finds what an
interrupted run left in Gorgias.
"""

from collections.abc import Sequence

import msgspec

from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.widget_url import WIDGET_ROUTE
from gateway.gorgias.wire import (
    INTEGRATION_NAME,
    TICKET_CONTEXT,
    Integration,
    Node,
    Widget,
    render_integration,
    render_integration_update,
    render_widget,
    render_widget_update,
)
from gateway.installation.buttons import Buttons
from gateway.installation.differences import find_integration_differences, find_widget_differences
from gateway.installation.mailboxes import record_mailboxes
from gateway.installation.store import Installation, InstallationStore, Target, hash_credential
from gateway.widget.template import render_template


class InstallError(Exception):
    """The shop cannot be installed like this. The message says what to do instead."""


class Changes(msgspec.Struct, frozen=True):
    """The changes that a run made in Gorgias, in words for operators; empty: nothing had to change."""

    words: tuple[str, ...]


def render_installed_template(installation: Installation, buttons: Buttons) -> Node:
    """The template that this installation's widget should have. `buttons`: the shop's."""
    return render_template(
        variant=installation.template,
        public_url=installation.public_url,
        credential=installation.credential,
        buttons=buttons,
    )


async def install(
    store: InstallationStore, client: GorgiasClient, merchant_id: str, target: Target, buttons: Buttons
) -> Changes:
    """Create or update what differs from the target. `client` calls the target's account.

    `buttons`: the shop's present ones.

    Raises InstallError, GorgiasError, DatabaseError, SecretKeyError; after any of them, run it again.
    """
    installation = await store.get(merchant_id)
    if installation is not None and installation.gorgias_url != target.gorgias_url:
        raise InstallError(
            f"{merchant_id} is installed in {installation.gorgias_url}: uninstall it there first "
            f"(trifft-gorgias uninstall {merchant_id})"
        )
    # Try the key before storing it: a key that Gorgias refuses must not replace one that works.
    listed = await client.list_integrations()
    installation = await _commit(store, merchant_id, target)
    kept, *doubles = await find_ours(store, installation, listed) or [await _create_integration(client, installation)]
    if installation.widget_id is not None and kept.integration_id != installation.integration_id:
        # A person deleted its integration. Remove the widget now: nothing finds it once the record names another
        # integration.
        await client.delete_widget(installation.widget_id)
    await store.record(merchant_id, integration_id=kept.integration_id, widget_id=installation.widget_id)
    is_new = kept not in listed
    # Update the widget before the integration. If the widget's header is masked, only the integration's URL shows an
    # old credential, so an interrupted run must leave that one unchanged.
    widget, widget_words = await _place_widget(client, installation, kept, buttons, is_new=is_new)
    await store.record(merchant_id, integration_id=kept.integration_id, widget_id=widget.widget_id)
    address_words = await record_mailboxes(store, client, installation)
    if is_new:
        return Changes((f"integration {kept.integration_id} created", *widget_words, *address_words))
    words = [*await _mend_integration(client, installation, kept), *await _remove_doubles(client, doubles)]
    return Changes((*words, *widget_words, *address_words))


async def uninstall(store: InstallationStore, client: GorgiasClient, installation: Installation) -> None:
    """Remove widget, integration and record; what is gone already is no error. `client` calls its account.

    Raises GorgiasError and DatabaseError; the record stays until all else is gone.
    """
    for integration in await find_ours(store, installation, await client.list_integrations()):
        await _remove(client, integration)
    if installation.widget_id is not None:
        await client.delete_widget(installation.widget_id)
    await store.delete(installation.merchant_id)


async def find_ours(
    store: InstallationStore, installation: Installation, listed: Sequence[Integration]
) -> list[Integration]:
    """Find the integrations of this installation, the one on record first.

    They have its number or its credential. Or they remain from a lost record: they have our name, our address and a
    credential that no shop has.
    """
    ours = []
    for integration in listed:
        is_recorded = integration.integration_id == installation.integration_id
        if is_recorded or integration.credential == installation.credential:
            ours.append(integration)
        elif integration.name == INTEGRATION_NAME and integration.url.startswith(
            f"{installation.public_url}{WIDGET_ROUTE}?"
        ):
            owner = await store.find_merchant_id(hash_credential(integration.credential))
            ours += [integration] if owner is None else []
    return sorted(ours, key=lambda one: (one.integration_id != installation.integration_id, one.integration_id))


async def _commit(store: InstallationStore, merchant_id: str, target: Target) -> Installation:
    if not await store.add(merchant_id, target):
        await store.update(merchant_id, target)
    installation = await store.get(merchant_id)
    if installation is None:
        raise InstallError(f"{merchant_id} was uninstalled meanwhile: run it again")
    return installation


async def _create_integration(client: GorgiasClient, installation: Installation) -> Integration:
    body = render_integration(public_url=installation.public_url, credential=installation.credential)
    return await client.create_integration(body)


async def _mend_integration(client: GorgiasClient, installation: Installation, kept: Integration) -> list[str]:
    public_url, credential = installation.public_url, installation.credential
    differences = find_integration_differences(kept, public_url=public_url, credential=credential)
    if not differences:
        return []
    body = render_integration_update(public_url=public_url, credential=credential)
    await client.update_integration(kept.integration_id, body)
    return [f"integration {kept.integration_id} updated: {', '.join(differences)}"]


async def _remove_doubles(client: GorgiasClient, doubles: Sequence[Integration]) -> list[str]:
    """Remove duplicates, which a lost answer of Gorgias leaves."""
    for double in doubles:
        await _remove(client, double)
    return [f"integration {double.integration_id} removed: a duplicate" for double in doubles]


async def _place_widget(
    client: GorgiasClient, installation: Installation, integration: Integration, buttons: Buttons, *, is_new: bool
) -> tuple[Widget, list[str]]:
    integration_id = integration.integration_id
    is_credential_ours = is_new or integration.credential == installation.credential
    template = render_installed_template(installation, buttons)
    listed = [one for one in await client.list_widgets(integration_id) if one.context == TICKET_CONTEXT]
    if not listed:
        created = await client.create_widget(render_widget(integration_id=integration_id, template=template))
        return created, [f"widget {created.widget_id} created"]
    kept, *doubles = sorted(listed, key=lambda one: (one.widget_id != installation.widget_id, one.widget_id))
    words = []
    differences = find_widget_differences(kept, template=template, is_credential_ours=is_credential_ours)
    if differences:
        body = render_widget_update(integration_id=integration_id, template=template)
        await client.update_widget(kept.widget_id, body)
        words.append(f"widget {kept.widget_id} updated: {', '.join(differences)}")
    for double in doubles:
        await client.delete_widget(double.widget_id)
        words.append(f"widget {double.widget_id} removed: a duplicate")
    return kept, words


async def _remove(client: GorgiasClient, integration: Integration) -> None:
    for widget in await client.list_widgets(integration.integration_id):
        await client.delete_widget(widget.widget_id)
    await client.delete_integration(integration.integration_id)
