"""The machine of a run."""

import importlib.metadata
import os
import platform
from pathlib import Path

import msgspec

_PACKAGES = ("aiohttp", "grpcio", "uvloop", "protobuf", "msgspec", "aiocache")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """`load`: other processes that wanted to run in the minute before; above 0 it means noise."""

    cores: int
    processor: str
    system: str
    python: str
    packages: dict[str, str]
    load: float


def read_machine() -> Machine:
    return Machine(
        cores=os.cpu_count() or 1,
        processor=_read_processor(),
        system=f"{platform.system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
        load=round(os.getloadavg()[0], 2),
    )


def _read_processor() -> str:
    """The processor as Linux names it; elsewhere as the platform does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
