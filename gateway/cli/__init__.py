"""The operator's command, `trifft-gorgias`. Its entry point is `main`."""

from gateway.cli.main import main

__all__ = ["main"]
