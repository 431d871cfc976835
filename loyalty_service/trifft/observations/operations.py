"""What TRIFFT let a shop's token do, by operation."""

from datetime import datetime, timedelta

import msgspec

from loyalty_service.domain.findings import OperationFinding
from loyalty_service.trifft.answers import Refusal
from loyalty_service.trifft.observations.evidence import Evidence

OPERATIONS = ("probe", "find_member", "get_member", "list_coupons", "credit", "debit", "list_movements")
# A failure tells of nothing later, since nobody may have asked again.
_LATELY = timedelta(hours=1)


class Operation(msgspec.Struct):
    """`evidence`: whether the profile's path and its answer fit. `refusal`: a 401 or 403, until it is accepted.

    `failures`: 5xx and answers that never came, in a row.
    """

    evidence: Evidence = msgspec.field(default_factory=Evidence)
    accept_time: datetime | None = None
    refusal: Refusal | None = None
    refuse_time: datetime | None = None
    failures: int = 0
    fail_time: datetime | None = None

    def accept(self, time: datetime) -> None:
        """Note a 2xx."""
        self.accept_time, self.refusal, self.failures = time, None, 0

    def refuse(self, refusal: Refusal, time: datetime) -> None:
        self.refusal, self.refuse_time = refusal, time

    def fail(self, time: datetime) -> None:
        self.failures += 1
        self.fail_time = time

    def describe(self, name: str, now: datetime) -> OperationFinding:
        refusal = self.refusal
        is_failing = self.fail_time is not None and self.failures > 0 and now - self.fail_time < _LATELY
        return OperationFinding(
            operation=name,
            accept_time=self.accept_time,
            refuse_status=refusal.status if refusal else 0,
            refuse_time=self.refuse_time if refusal else None,
            missing_role=refusal.missing_role if refusal else "",
            fail_count=self.failures if is_failing else 0,
            fail_time=self.fail_time if is_failing else None,
        )
