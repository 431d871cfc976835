"""Records of other programs in an account, which our programs must not change."""

from typing import Any

import msgspec


class ForeignRecords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Records of any shape, as the lists show them. They fire nothing and cannot be fetched one by one."""

    integrations: list[Any] = []
    widgets: list[Any] = []


ODD = ForeignRecords(
    integrations=[
        {"id": 901, "type": "http", "name": None, "http": {"url": None, "headers": None, "triggers": None}},
        {"id": 902, "type": "http", "name": "Parcels", "http": {"url": "http://[", "headers": [{"key": "X"}]}},
        {"id": "903", "type": "http", "name": 7, "http": None, "deactivated_datetime": 0},
        {"id": None, "type": "http", "name": "No number", "http": {"url": 5, "triggers": ["ticket-created"]}},
        {"id": 905, "type": "http", "name": ["TRIFFT Loyalty"], "http": [1]},
        None,
    ],
    widgets=[
        {"id": 911, "integration_id": None, "context": None, "template": None},
        {"id": "912", "integration_id": "901", "context": 5, "template": {"widgets": None}},
        {"id": {}, "integration_id": [], "template": "none"},
        "a widget",
    ],
)
"""The records that a person switches on at the page."""
