"""Calls of the shop's webhooks, on a running gateway."""

from tests.gateway.edge.fixtures import gateway, loyalty, migrated, patience, scripted

__all__ = ["gateway", "loyalty", "migrated", "patience", "scripted"]
