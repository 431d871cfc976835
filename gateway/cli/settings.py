"""Where the operator's command takes its settings from: one place for all of them."""

import os
from collections.abc import Mapping
from pathlib import Path

from gateway.config import Config, ConfigError

PROJECT = Path(__file__).resolve().parents[2]
PREFIX = "GATEWAY_"


def load_config(environ: Mapping[str, str] = os.environ, project: Path = PROJECT) -> Config:
    """From the environment if it has any of the gateway's settings, else from what `make run` left in `var/`.

    Raises ConfigError.
    """
    if any(name.startswith(PREFIX) for name in environ):
        return Config.from_env(environ)
    path = project / "var" / "settings.env"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            "no settings: set GATEWAY_DATABASE_URL, GATEWAY_SECRET_KEYS and the others, or start `make run` once"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__}): check its mode") from None
    return Config.from_env(parse_settings(text))


def parse_settings(text: str) -> dict[str, str]:
    """Lines of NAME=value; empty ones and those that begin with # say nothing."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}
