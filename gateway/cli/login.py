"""Who types a command."""

import getpass
import os
import socket


def get_login() -> str:
    """The operating system's user at this machine: "jo@ops-1". A claim like any other."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"user-{os.getuid()}"  # a container may run as a number without a name
    return f"{name}@{socket.gethostname()}"
