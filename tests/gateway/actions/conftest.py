"""Presses of buttons, on a running gateway."""

from tests.gateway.edge.fixtures import gateway, installed, loyalty, patience, scripted

__all__ = ["gateway", "installed", "loyalty", "patience", "scripted"]
