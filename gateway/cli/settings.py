"""The settings of the operator's command."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from gateway.config import Config
from runtime.settings import ConfigError

PROJECT = Path(__file__).resolve().parents[2]


def load_config(environ: Mapping[str, str] = os.environ, project: Path = PROJECT) -> Config:
    """Load the settings from the environment if it has any, otherwise from the file that `make run` left in `var/`.

    Raises ConfigError.
    """
    if any(name.startswith(Config.PREFIX) for name in environ):
        return Config.from_env(environ)
    path = project / "var" / "settings.env"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            "no settings: set GATEWAY_DATABASE_URL, GATEWAY_SECRET_KEYS and the others, or start `make run` once"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__}): check its permissions") from None
    try:
        return Config.from_env(parse_settings(text))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_settings(text: str) -> dict[str, str]:
    """Parse lines of NAME=value as a shell reads them: quotes around a value, comments after a #. Raises ValueError."""
    pairs = (word.partition("=") for word in shlex.split(text, comments=True))
    return {name: value for name, _, value in pairs}
