"""The settings of a start on one machine: from the environment, with embedded defaults below one folder."""

import errno
import fcntl
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from deploy.addresses import SettingError, choose_addresses, render_reachable
from deploy.key_files import make_fernet_key, make_password, make_secret_file
from runtime.database_url import make_sqlite_url

PREFIXES = ("LOYALTY_", "GATEWAY_", "SANDBOX_")
LISTENS = {
    "LOYALTY_LISTEN": "127.0.0.1:50051",
    "LOYALTY_METRICS_LISTEN": "127.0.0.1:50052",
    "GATEWAY_LISTEN": "127.0.0.1:8080",
    "SANDBOX_LISTEN": "127.0.0.1:8090",
}
KEYS = {"LOYALTY_SECRET_KEYS": "loyalty.db", "GATEWAY_SECRET_KEYS": "gateway.db"}
"""Each key file, with the data that cannot be read without it."""


class LocalFolder:
    """One folder with all data of a start. Raises SettingError if it cannot be written or is in use."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            (self.path / "log").mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / "secrets").mkdir(mode=0o700, exist_ok=True)
            for folder in (self.path, self.path / "log", self.path / "secrets"):
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            self._lock = (self.path / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise SettingError(_explain(self.path, error)) from None
        if not _try_lock(self._lock):
            raise SettingError(
                f"VAR: the service in {self.path} is already running: stop it first, or set VAR to another folder"
            )

    def make_settings(self, environ: Mapping[str, str]) -> dict[str, str]:
        """All settings of the three processes; secrets as names of files. Makes missing secrets.

        A value or a file in `environ` takes precedence. Raises SettingError.
        """
        given = {name: value for name, value in environ.items() if name.startswith(PREFIXES) and value.strip()}
        listens = choose_addresses({name: given.get(name, default) for name, default in LISTENS.items()})
        loyalty, gateway = (render_reachable(listens[name]) for name in ("LOYALTY_LISTEN", "GATEWAY_LISTEN"))
        defaults = {
            "LOYALTY_DATABASE_URL": make_sqlite_url(self.path / "loyalty.db"),
            "LOYALTY_SNAPSHOTS_URL": "memory://",
            "GATEWAY_DATABASE_URL": make_sqlite_url(self.path / "gateway.db"),
            "GATEWAY_LOYALTY_TARGET": loyalty,
            "GATEWAY_PUBLIC_URL": f"http://{gateway}",
            "SANDBOX_STATE_FILE": str(self.path / "sandbox.json"),
        }
        settings = given | listens | {name: value for name, value in defaults.items() if not _has(given, name)}
        try:
            return settings | self._make_secrets(settings)
        except OSError as error:
            raise SettingError(_explain(self.path, error)) from None

    def write(self, name: str, content: str) -> None:
        """Replace a file of the folder in one step, readable by its owner only. Raises OSError."""
        draft = self.path / f"{name}.draft"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
        draft.replace(self.path / name)

    def _make_secrets(self, settings: dict[str, str]) -> dict[str, str]:
        folder = self.path / "secrets"
        made = {}
        for name, data in KEYS.items():
            if _has(settings, name):
                continue
            path = folder / name.lower()
            if not path.exists() and (self.path / data).exists():
                raise SettingError(
                    f"{name}_FILE: {path} is missing, and {self.path / data} cannot be read without it: "
                    f"put it back, set {name}, or remove {self.path} to start anew"
                )
            make_secret_file(path, make_fernet_key)
            made[f"{name}_FILE"] = str(path)
        if not _has(settings, "LOYALTY_API_KEY"):
            make_secret_file(folder / "loyalty_api_key", make_password)
            made["LOYALTY_API_KEY_FILE"] = str(folder / "loyalty_api_key")
        if not _has(settings, "GATEWAY_LOYALTY_KEY"):
            for suffix in ("", "_FILE"):
                if key := (settings | made).get(f"LOYALTY_API_KEY{suffix}"):
                    made[f"GATEWAY_LOYALTY_KEY{suffix}"] = key
        return made


def render_settings(settings: Mapping[str, str]) -> str:
    """One `NAME=value` a line, quoted for a shell."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(settings.items()))


def make_environment(environ: Mapping[str, str], settings: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    """A process's environment: the machine's, and only the settings with one of `prefixes`."""
    kept = {name: value for name, value in environ.items() if not name.startswith(PREFIXES)}
    own = {name: value for name, value in settings.items() if name.startswith(prefixes)}
    return kept | own | {"PYTHONUNBUFFERED": "1"}


def _has(settings: Mapping[str, str], name: str) -> bool:
    return name in settings or f"{name}_FILE" in settings


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _explain(path: Path, error: OSError) -> str:
    return f"VAR: {path} cannot be written ({error.strerror}): make it writable, or set VAR to another folder"
