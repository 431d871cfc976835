"""The service as a process whose reconciliation runs ten times as often.

The module has few imports, since every start of the process pays for them.
"""

from loyalty_service import __main__ as service
from loyalty_service.awards.reconciliation import loop


def main() -> int:
    loop.PASS_S /= 10
    return service.main()
