"""The gateway before a scripted loyalty service."""

from tests.gateway.edge.fixtures import gateway, loyalty, migrated, patience, scripted

__all__ = ["gateway", "loyalty", "migrated", "patience", "scripted"]
