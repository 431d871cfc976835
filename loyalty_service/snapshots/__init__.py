"""Members' snapshots, held between reads of TRIFFT. Imports the domain, and no other package of the service."""

from loyalty_service.snapshots.service import open_snapshots
from loyalty_service.snapshots.stores.valkey import SharedStore

__all__ = ["SharedStore", "open_snapshots"]
