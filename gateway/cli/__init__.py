"""The operator's command, `trifft-gorgias`: a file or a package for each group of commands. Entry point: `main`."""

from gateway.cli.main import main

__all__ = ["main"]
