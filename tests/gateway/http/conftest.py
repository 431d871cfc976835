"""What every request passes, on a running gateway."""

from tests.gateway.edge.fixtures import (
    edge,
    folder,
    gateway,
    helpdesk,
    loyalty,
    own_gateway,
    patience,
    pytest_itemcollected,
    scripted,
    shop,
)

__all__ = [
    "edge",
    "folder",
    "gateway",
    "helpdesk",
    "loyalty",
    "own_gateway",
    "patience",
    "pytest_itemcollected",
    "scripted",
    "shop",
]
