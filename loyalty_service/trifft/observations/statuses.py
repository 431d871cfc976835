"""Counts the statuses of members that the profile does not know: such a member gets no points."""

import re

from loyalty_service.domain.findings import StatusCount
from loyalty_service.trifft.observations.lines import LATELY

# A profile's status may have few words; more of them are free text.
MAX_WORDS = 20
# A status is a word or two. Anything else may be a person's data, found by a wrong line.
_WORD = re.compile(r"[^\W\d_](?:[^\W_]|[ _-]){0,39}")
_OTHER = ""


class UnknownStatuses:
    """Of one shop. Counts are halved at 1,000, so that they tell of the last members."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def note(self, text: str) -> None:
        """`text`: as a panel shows it."""
        word = text if _WORD.fullmatch(text) else _OTHER
        if word not in self._counts and len(self._counts) >= MAX_WORDS:
            word = _OTHER
        self._counts[word] = self._counts.get(word, 0) + 1
        if sum(self._counts.values()) >= LATELY:
            self._counts = {known: count // 2 for known, count in self._counts.items() if count > 1}

    def list(self) -> tuple[StatusCount, ...]:
        """The most frequent first."""
        counts = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(StatusCount(word=word, count=count) for word, count in counts)
