"""Settings of the stand-ins, from the environment."""

from collections.abc import Mapping
from pathlib import Path

import msgspec


class ConfigError(Exception):
    """A setting cannot be used; the text is one line that names it."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`port` 0 lets the system choose. `state_file`: None keeps everything in memory only."""

    host: str
    port: int
    state_file: Path | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Config":
        """Raises ConfigError."""
        listen = environ.get("SANDBOX_LISTEN") or "127.0.0.1:8090"
        host, separator, port = listen.rpartition(":")
        if not separator or not host or not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
            raise ConfigError(f"SANDBOX_LISTEN is {listen!r}, it must be host:port, for example 127.0.0.1:8090")
        state_file = environ.get("SANDBOX_STATE_FILE")
        return cls(
            host=host.removeprefix("[").removesuffix("]"),
            port=int(port),
            state_file=Path(state_file) if state_file else None,
        )
