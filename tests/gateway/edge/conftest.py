"""The gateway before a scripted loyalty service."""

from tests.gateway.edge.fixtures import gateway, installed, loyalty, patience, scripted

__all__ = ["gateway", "installed", "loyalty", "patience", "scripted"]
