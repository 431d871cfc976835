"""Calls of the widget, on a running gateway."""

from tests.gateway.edge.fixtures import *  # noqa: F403  the module's list says which names
