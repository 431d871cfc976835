"""The service as a process, whose reconciliation makes ten passes in the time of one.

A module of its own with few imports: every start of the process pays for them.
"""

from loyalty_service import __main__ as service
from loyalty_service.awards.reconciliation import loop


def main() -> int:
    loop.PASS_S /= 10
    return service.main()
