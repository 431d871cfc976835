"""Members' states, held between reads of the provider. Entry point: `open_snapshots`."""

from loyalty_service.snapshots.opening import Fleet, open_snapshots

__all__ = ["Fleet", "open_snapshots"]
