"""Members' states, held between reads of the provider. Entry point: `open_snapshots`."""

from loyalty_service.snapshots.opening import open_snapshots

__all__ = ["open_snapshots"]
