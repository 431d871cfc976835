"""Invalidations that the shared store could not be told."""

from collections.abc import Awaitable, Callable


class Undelivered:
    """Of at most `capacity` members; where there are more, of all that a merchant has."""

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._members: dict[str, str] = {}
        self._merchants: set[str] = set()

    def __len__(self) -> int:
        return len(self._members) + len(self._merchants)

    def add(self, member_key: str, merchant_key: str) -> None:
        if merchant_key in self._merchants:
            return
        self._members[member_key] = merchant_key
        if len(self._members) > self._capacity:
            self._add_merchant(merchant_key)

    async def deliver(
        self, forget: Callable[[str], Awaitable[None]], invalidate: Callable[[str, str], Awaitable[None]]
    ) -> None:
        """All of them, `forget` for a merchant and `invalidate` for a member. What fails stays, and its error goes on.

        Each is taken out before it is sent: one that is added again meanwhile is another one, and is sent again.
        """
        while self._merchants:
            merchant_key = self._merchants.pop()
            try:
                await forget(merchant_key)
            except BaseException:
                self._add_merchant(merchant_key)
                raise
        while self._members:
            member_key, merchant_key = self._members.popitem()
            try:
                await invalidate(member_key, merchant_key)
            except BaseException:
                self.add(member_key, merchant_key)
                raise

    def _add_merchant(self, merchant_key: str) -> None:
        self._merchants.add(merchant_key)
        self._members = {member: merchant for member, merchant in self._members.items() if merchant != merchant_key}
