"""Looks a person up by all their identities: in groups, of which the first that finds anybody decides."""

import asyncio
from collections.abc import Sequence

import msgspec

from loyalty_service.domain.errors import BadValueError, LoyaltyError, MemberAmbiguousError, MemberNotFoundError
from loyalty_service.domain.member import Identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import HeldSnapshot, Snapshots
from loyalty_service.domain.searches import Searches

_Answer = HeldSnapshot | LoyaltyError


class NamedIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """An identity, and the place in the request that errors name: "identity_groups[1].identities[0]"."""

    identity: Identity
    place: str


class FoundPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A member, and the first identity of the group by which they were found; both counted from 0."""

    held: HeldSnapshot
    group_number: int
    number: int


class PersonFinder:
    """Finds by one call's terms: `max_staleness_s` as for a single identity, `searches` for all identities together.

    `end_time`: of the event loop, when the call must be answered.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        merchant: Merchant,
        searches: Searches,
        *,
        max_staleness_s: float | None,
        end_time: float,
    ) -> None:
        self._snapshots = snapshots
        self._merchant = merchant
        self._searches = searches
        self._max_staleness_s = max_staleness_s
        self._end_time = end_time

    async def find(self, groups: Sequence[Sequence[NamedIdentity]]) -> FoundPerson:
        """Raises MemberNotFoundError, MemberAmbiguousError, SearchesExhaustedError, ProviderError, BadValueError.

        A group answers as a whole: where one of its identities could not be asked, the others decide nothing, since
        that one may name another member. A kind that TRIFFT cannot search for names nobody.
        """
        seen, times, unsearchable = set[tuple[str, str]](), [], list[BadValueError]()
        for group_number, group in enumerate(groups):
            new: dict[int, NamedIdentity] = {}
            for number, named in enumerate(group):
                key = named.identity.kind, named.identity.key
                if key not in seen:
                    new[number] = named
                seen.add(key)
            answers = dict(zip(new, await asyncio.gather(*map(self._ask, new.values())), strict=True))
            found = self._decide(answers)
            if found is not None:
                first = next(number for number, answer in answers.items() if isinstance(answer, HeldSnapshot))
                return FoundPerson(held=found, group_number=group_number, number=first)
            times += [one.fetch_time for one in answers.values() if isinstance(one, MemberNotFoundError)]
            unsearchable += [one for one in answers.values() if isinstance(one, BadValueError)]
        if not times:
            raise unsearchable[0]
        raise MemberNotFoundError(min(times), search_count=self._searches.count)

    def _decide(self, answers: dict[int, _Answer]) -> HeldSnapshot | None:
        """The group's one member; None: it found nobody."""
        found, support_ids, times = list[HeldSnapshot](), dict[str, str](), []
        for answer in answers.values():
            match answer:
                case HeldSnapshot(snapshot=snapshot):
                    found.append(answer)
                    support_ids[snapshot.member.member_id] = snapshot.member.support_id
                    times.append(snapshot.fetch_time)
                case MemberAmbiguousError():
                    support_ids |= answer.support_ids
                    times.append(answer.fetch_time)
                case LoyaltyError() if not isinstance(answer, MemberNotFoundError | BadValueError):
                    raise answer
        if len(support_ids) > 1:
            raise MemberAmbiguousError(support_ids, min(times), search_count=self._searches.count)
        # An old answer, if there is one: it says so.
        return next((one for one in found if one.stale_reason), found[0]) if found else None

    async def _ask(self, named: NamedIdentity) -> _Answer:
        try:
            return await self._snapshots.get(
                self._merchant,
                named.identity,
                max_staleness_s=self._max_staleness_s,
                timeout_s=max(0.0, self._end_time - asyncio.get_running_loop().time()),
                searches=self._searches,
            )
        except BadValueError as error:  # the merchant's profile cannot search for this kind
            return BadValueError(error.field.replace("identity", named.place, 1), error.description)
        except LoyaltyError as error:
            return error
