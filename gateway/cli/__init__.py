"""The operator's command, `trifft-gorgias`: a file or a room for each group of commands. Its entry point is `main`."""

from gateway.cli.main import main

__all__ = ["main"]
