"""The imports of the process that all others are forked from.

They are frozen, so that no fork walks or copies them.
"""

import gc
import importlib
import pkgutil

import gateway.__main__
import gateway.cli
import loyalty_service.__main__  # noqa: F401  the other process
import sandbox.__main__  # noqa: F401  the stand-ins
import tests.forked  # noqa: F401  what every fork runs

for module in pkgutil.walk_packages(gateway.cli.__path__, "gateway.cli."):
    importlib.import_module(module.name)  # a command's modules load late

gc.collect()
gc.freeze()
