"""Makes the secrets of a demo: Fernet keys and passwords, each in a file that only its owner can read."""

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet


def make_fernet_key() -> str:
    return Fernet.generate_key().decode()


def make_password() -> str:
    return secrets.token_urlsafe(32)


def make_secret_file(path: Path, make_secret: Callable[[], str]) -> None:
    """Write a new secret (mode 0600) if the file does not exist. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return
    # The file appears in one step: nobody could decrypt with a half-written key.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{make_secret()}\n")
    draft.replace(path)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        make_secret_file(Path(name), make_fernet_key)
