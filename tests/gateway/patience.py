"""A busy machine is no database, Gorgias or loyalty service that does not answer: what is waited for briefly.

A module with few imports: a process that is patient pays for them at its start.
"""

import importlib

from gateway import __main__ as gateway

PATIENCE_S = 20.0
WAITS = (
    ("gateway.app", "_MERCHANT_TIMEOUT_S"),
    ("gateway.customers.own_addresses", "_WAIT_S"),
    ("gateway.events.service", "_CLOSE_TIMEOUT_S"),
    ("gateway.installation.accounts", "LOOKUP_TIMEOUT_S"),
    ("gateway.installation.credentials", "WAIT_S"),
    ("gateway.installation.public_url", "TIMEOUT_S"),
    ("gateway.links.service", "_WAIT_S"),
    ("gateway.notes.service", "TIMEOUT_S"),
    ("gateway.outbox.subject", "TIMEOUT_S"),
)


def main() -> int:
    """Run the gateway as a process that is patient, too."""
    for module, name in WAITS:
        setattr(importlib.import_module(module), name, PATIENCE_S)
    return gateway.main()
