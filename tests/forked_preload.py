"""What the process that all others are forked from imports. Frozen, no fork has to walk or copy it."""

import gc
import importlib
import pkgutil

import gateway.__main__
import gateway.cli
import loyalty_service.__main__  # noqa: F401  the other process
import sandbox.__main__  # noqa: F401  the stand-ins
import tests.forked  # noqa: F401  what every fork runs

for module in pkgutil.walk_packages(gateway.cli.__path__, "gateway.cli."):
    importlib.import_module(module.name)  # a command's own is loaded late

gc.collect()
gc.freeze()
