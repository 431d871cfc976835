"""What TRIFFT let a shop's token do, by operation."""

from datetime import datetime

import msgspec

from loyalty_service.domain.findings import OperationFinding
from loyalty_service.trifft.answers import Refusal
from loyalty_service.trifft.observations.evidence import Evidence

OPERATIONS = ("probe", "find_member", "get_member", "list_coupons", "credit", "debit", "list_movements")


class Operation(msgspec.Struct):
    """`evidence`: whether the profile's path and its answer fit. `refusal`: a 401 or 403, until it is accepted."""

    evidence: Evidence = msgspec.field(default_factory=Evidence)
    accept_time: datetime | None = None
    refusal: Refusal | None = None
    refuse_time: datetime | None = None

    def accept(self, time: datetime) -> None:
        """Note a 2xx."""
        self.accept_time, self.refusal = time, None

    def refuse(self, refusal: Refusal, time: datetime) -> None:
        self.refusal, self.refuse_time = refusal, time

    def describe(self, name: str) -> OperationFinding:
        if self.refusal is None:
            return OperationFinding(operation=name, accept_time=self.accept_time)
        return OperationFinding(
            operation=name,
            accept_time=self.accept_time,
            refuse_status=self.refusal.status,
            refuse_time=self.refuse_time,
            missing_role=self.refusal.missing_role,
        )
