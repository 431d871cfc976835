"""Looks up what a row's notes are about. An award that was just told is not asked for again."""

import time
from collections.abc import Callable

from gateway.links.store import LinkStore
from gateway.loyalty_client import LoyaltyClient
from gateway.merchants import Merchants
from gateway.notes.service import Notes
from gateway.outbox.entries import Entry
from gateway.outbox.subject import AwardSubject, LinkSubject, Subject, fetch_award
from protos.loyalty.v1 import loyalty_pb2 as pb

# How long an award that was told counts. Later, it may be undone, or its member erased.
_TOLD_S = 5.0


class Subjects:
    def __init__(
        self,
        client: LoyaltyClient,
        merchants: Merchants,
        links: LinkStore,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._merchants = merchants
        self._links = links
        self._notes = Notes(client, merchants)
        # Awards by merchant and request, each with the time when it was told, oldest first.
        self._told: dict[tuple[str, str], tuple[pb.Award, float]] = {}
        self._clock = clock

    def tell(self, award: pb.Award) -> None:
        """Keep an award that has just become APPLIED, its last state, so that its note does not ask for it."""
        self._forget_old()
        self._told.pop((award.merchant_id, award.request_id), None)
        self._told[award.merchant_id, award.request_id] = award, self._clock()

    async def fetch(self, entry: Entry) -> Subject:
        """Raises LoyaltyCallError and DatabaseError."""
        if entry.link is not None:
            kind, link_id = entry.link
            return LinkSubject(await self._links.get_by_id(entry.merchant_id, link_id), kind, self._merchants)
        # Another process may have taken the row that it was told for, and a later press opened it again.
        self._forget_old()
        award, _ = self._told.pop((entry.merchant_id, entry.request_id), (None, 0.0))
        if award is None:
            request = pb.GetAwardRequest(merchant_id=entry.merchant_id, request_id=entry.request_id)
            award = await fetch_award(self._client, request)
        return AwardSubject(award, self._client, self._notes)

    def _forget_old(self) -> None:
        oldest_s = self._clock() - _TOLD_S
        while self._told and next(iter(self._told.values()))[1] < oldest_s:
            del self._told[next(iter(self._told))]
