"""Installs into a Gorgias account, and removes: one integration, one widget with its button.

Every step can be repeated. The credential is committed before Gorgias is told, so what an interrupted run left in
Gorgias carries it, and the next run finds it again.
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
from gateway.installation.differences import find_integration_differences, find_widget_differences
from gateway.installation.store import Installation, InstallationStore, Target, hash_credential
from gateway.widget.template import render_template


class InstallError(Exception):
    """It cannot be done as asked. The message says what to do instead."""


class Changes(msgspec.Struct, frozen=True):
    """What a run changed in Gorgias, in words for an operator; empty: all was in place."""

    words: tuple[str, ...]


def render_installed_template(installation: Installation, reasons: Sequence[str]) -> Node:
    """The template that this installation's widget should have. `reasons`: the shop's, for which points are given."""
    return render_template(
        variant=installation.template,
        public_url=installation.public_url,
        credential=installation.credential,
        reasons=reasons,
    )


async def install(
    store: InstallationStore, client: GorgiasClient, merchant_id: str, target: Target, reasons: Sequence[str]
) -> Changes:
    """Put everything in place; where it is already, change nothing. `client` speaks to the target's account.

    `reasons`: the shop's, from which the button lets agents choose; none: it does not ask.

    Raises InstallError, GorgiasError, DatabaseError, SecretKeyError; after any of them, run it again.
    """
    installation = await store.get(merchant_id)
    if installation is not None and installation.gorgias_url != target.gorgias_url:
        raise InstallError(
            f"{merchant_id} is installed in {installation.gorgias_url}: uninstall it there first "
            f"(trifft-gorgias uninstall {merchant_id})"
        )
    # Before anything is kept: a key that Gorgias refuses must not replace one that works.
    listed = await client.list_integrations()
    installation = await _commit(store, merchant_id, target)
    ours = await find_ours(store, installation, listed)
    integration, words = await _place_integration(client, installation, ours)
    if installation.widget_id is not None and integration.integration_id != installation.integration_id:
        # Its integration was deleted by hand: once the record names another, nothing would find this widget again.
        await client.delete_widget(installation.widget_id)
    await store.record(merchant_id, integration_id=integration.integration_id, widget_id=installation.widget_id)
    widget, widget_words = await _place_widget(client, installation, integration.integration_id, reasons)
    await store.record(merchant_id, integration_id=integration.integration_id, widget_id=widget.widget_id)
    return Changes((*words, *widget_words))


async def uninstall(store: InstallationStore, client: GorgiasClient, installation: Installation) -> None:
    """Remove widget, integration and record; what is gone already is no error. `client` speaks to its account.

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
    """The integrations of this installation, the one on record first.

    They have its number or its credential; or they are left over from a record that is lost: our name, our address, and
    a credential that nobody has.
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


async def _place_integration(
    client: GorgiasClient, installation: Installation, ours: Sequence[Integration]
) -> tuple[Integration, list[str]]:
    """Keep the first of ours, as it should be; the others are doubles that a lost answer left."""
    public_url, credential = installation.public_url, installation.credential
    if not ours:
        body = render_integration(public_url=public_url, credential=credential)
        created = await client.create_integration(body)
        return created, [f"integration {created.integration_id} created"]
    kept, *doubles = ours
    words = []
    differences = find_integration_differences(kept, public_url=public_url, credential=credential)
    if differences:
        body = render_integration_update(public_url=public_url, credential=credential)
        await client.update_integration(kept.integration_id, body)
        words.append(f"integration {kept.integration_id} updated: {', '.join(differences)}")
    for double in doubles:
        await _remove(client, double)
        words.append(f"integration {double.integration_id} removed: a double")
    return kept, words


async def _place_widget(
    client: GorgiasClient, installation: Installation, integration_id: int, reasons: Sequence[str]
) -> tuple[Widget, list[str]]:
    template = render_installed_template(installation, reasons)
    listed = [one for one in await client.list_widgets(integration_id) if one.context == TICKET_CONTEXT]
    if not listed:
        created = await client.create_widget(render_widget(integration_id=integration_id, template=template))
        return created, [f"widget {created.widget_id} created"]
    kept, *doubles = sorted(listed, key=lambda one: (one.widget_id != installation.widget_id, one.widget_id))
    words = []
    differences = find_widget_differences(kept, template=template)
    if differences:
        body = render_widget_update(integration_id=integration_id, template=template)
        await client.update_widget(kept.widget_id, body)
        words.append(f"widget {kept.widget_id} updated: {', '.join(differences)}")
    for double in doubles:
        await client.delete_widget(double.widget_id)
        words.append(f"widget {double.widget_id} removed: a double")
    return kept, words


async def _remove(client: GorgiasClient, integration: Integration) -> None:
    for widget in await client.list_widgets(integration.integration_id):
        await client.delete_widget(widget.widget_id)
    await client.delete_integration(integration.integration_id)
