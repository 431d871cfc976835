"""A ticket event: one call of the widget, and what became of it."""

import enum

import msgspec

# Statuses of panels, as far as other packages ask for them.
NO_IDENTITY, UNAVAILABLE = "no_identity", "unavailable"
WITH_DATA = frozenset({"member", "blocked"})


class Source(enum.StrEnum):
    """Where the ticket's e-mail address came from."""

    URL = "url"
    ENCODED_URL = "encoded_url"
    URL_HAS_NONE = "url_has_none"
    GORGIAS = "gorgias"
    GORGIAS_HAS_NONE = "gorgias_has_none"
    # Gorgias was asked, and did not say in time whose the ticket is.
    NOT_SAID = "not_said"
    # A link decides: the address does not count.
    LINK = "link"


class Others(enum.StrEnum):
    """The result for the customer's other addresses, where the ticket's e-mail did not decide."""

    SEARCHED = "searched"
    # The customer has none by which a member can be found.
    NONE = "none"
    TOO_MANY = "too_many"
    NOT_SAID = "not_said"


class Event(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """Is filled while the call is answered, so that a call that fails has all until then. Names nobody.

    `time_ms`: when the call came. `ticket_id`, `customer_id`: Gorgias', None where the URL does not say. `url`: a
    UrlForm. `source`: a Source; empty if the call did not get so far. `others`: an Others; empty: Gorgias was not asked
    for the customer's addresses. `found_by`: by what the member was found: email, other_email, phone, link.
    `lookup_ms`: how long Gorgias was asked; `loyalty_ms`: how long the loyalty service was. None: not at all.
    `data_age_ms`: how long before the call the read of TRIFFT began, negative where it was made for this call.
    `reason`: why there is no data, or old data; with a `message` for operators. `buttons`: those that could be pressed:
    "add", "remove", "undo".

    `member_id` is kept in memory only; the table has a keyed hash of it. A new field needs a default, since older rows
    lack it.
    """

    merchant_id: str = ""
    time_ms: int = 0
    request_id: str = ""
    ticket_id: int | None = None
    customer_id: int | None = None
    url: str = ""
    source: str = ""
    others: str = ""
    found_by: str = ""
    lookup_ms: int | None = None
    loyalty_ms: int | None = None
    member_id: str = ""
    data_age_ms: int | None = None
    reason: str = ""
    message: str = ""
    status: str = ""
    buttons: str = ""
    answer_ms: int = 0

    @property
    def is_stale(self) -> bool:
        """Whether the panel had old data."""
        return bool(self.reason) and self.status in WITH_DATA

    @property
    def has_failed(self) -> bool:
        """Whether TRIFFT, or one of us, did not answer: there was no data, or only old data."""
        return bool(self.reason) and (self.status in WITH_DATA or self.status == UNAVAILABLE)
