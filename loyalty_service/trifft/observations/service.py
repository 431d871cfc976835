"""What was observed of all shops, and the findings that it comes to."""

from collections import OrderedDict

from loyalty_service.domain.findings import BreakerFinding, Findings, RateFinding
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock
from loyalty_service.metrics import Metrics
from loyalty_service.trifft.observations.contract import list_contract
from loyalty_service.trifft.observations.observed import Observed
from loyalty_service.trifft.profile import Profile

# More merchants than one process is expected to serve; the most recent ones are kept.
MAX_MERCHANTS = 1000


class Observations:
    """Since this process started, or since the merchant's URL, token or profile changed."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._merchants: OrderedDict[tuple[str, str], Observed] = OrderedDict()

    def open(self, merchant: Merchant) -> Observed:
        key = merchant.merchant_id, merchant.generation
        observed = self._merchants.get(key)
        if observed is None:
            observed = self._merchants[key] = Observed(merchant.merchant_id, self._clock, self._metrics)
            if len(self._merchants) > MAX_MERCHANTS:
                self._merchants.popitem(last=False)
        else:
            self._merchants.move_to_end(key)
        return observed

    def find(
        self, merchant: Merchant, profile: Profile, *, rate: RateFinding, breaker: BreakerFinding | None
    ) -> Findings:
        observed = self.open(merchant)
        lines = observed.lines.list(profile)
        return Findings(
            since_time=observed.since_time,
            unreadable_fields=observed.lines.list_unreadable(profile),
            line_findings=lines,
            operation_findings=tuple(
                one.describe(name, self._clock.now())
                for name, one in observed.operations.items()
                if name != "list_movements" or profile.list_movements.path
            ),
            rate=rate,
            breaker=breaker,
            unknown_statuses=observed.statuses.list(),
            contract=list_contract(observed, merchant, profile, lines),
        )
