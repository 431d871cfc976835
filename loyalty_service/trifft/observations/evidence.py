"""What speaks for and against one assumption about TRIFFT."""

from datetime import datetime

from loyalty_service.domain.findings import ContractLine, ContractState

# What was confirmed once is contradicted by so many in a row: one answer of a proxy's proves nothing.
_IN_A_ROW = 3
# A 404 may be about the member, a 400 about the amount. After so many, with no fitting answer ever, it is the path.
_MISSES = 3


class Evidence:
    """The newest evidence counts."""

    def __init__(self) -> None:
        self._is_confirmed = False
        self._against = self._misses = 0
        self._problem = ""
        self._last_time: datetime | None = None

    def confirm(self, time: datetime) -> None:
        self._is_confirmed, self._last_time = True, time
        self._against = self._misses = 0

    def contradict(self, problem: str, time: datetime) -> None:
        """`problem`: a sentence that names the profile's line."""
        self._against += 1
        self._problem, self._last_time = problem, time

    def miss(self, problem: str, time: datetime) -> None:
        """Note what contradicts it only if nothing ever confirms it."""
        self._misses += 1
        if not self._is_confirmed and self._misses >= _MISSES:
            self.contradict(problem, time)

    def judge(self, assumption: str) -> ContractLine:
        is_contradicted = self._against >= (_IN_A_ROW if self._is_confirmed else 1)
        state = ContractState.CONTRADICTED if is_contradicted else ContractState.NOT_SEEN
        if self._is_confirmed and not is_contradicted:
            state = ContractState.CONFIRMED
        return ContractLine(
            assumption=assumption,
            state=state,
            problem=self._problem if is_contradicted else "",
            last_time=self._last_time,
        )
