"""How often one call may search the provider."""

from loyalty_service.domain.errors import SearchesExhaustedError

MAX_SEARCHES = 5


class Searches:
    """`count`: the searches that the call has made so far, of at most `limit`."""

    def __init__(self, limit: int = MAX_SEARCHES) -> None:
        self._limit = limit
        self.count = 0

    def take(self) -> None:
        """Before each search. Raises SearchesExhaustedError if the call may make no more."""
        if self.count >= self._limit:
            raise SearchesExhaustedError(self.count)
        self.count += 1
