"""The question whose member a ticket's customer is, and the finding of a search for them."""

import enum

import msgspec

from gateway.customers.address import AskGorgias, Customer
from gateway.customers.candidates import Candidates
from gateway.customers.identity import Identity
from gateway.customers.memory import Unanswered
from gateway.errors import LoyaltyCallError
from gateway.links.link import Link
from protos.loyalty.v1 import loyalty_pb2 as pb


class TicketEmail(enum.StrEnum):
    """The state of the ticket's e-mail address in a search."""

    # Not looked for: a link decides, or Gorgias did not say whose the ticket is.
    UNKNOWN = "unknown"
    ABSENT = "absent"
    OWN = "own"
    NOBODYS = "nobodys"
    NO_ADDRESS = "no_address"
    # It names a member, or several; or TRIFFT did not say.
    ASKED = "asked"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A customer whose member is wanted. `ticket_id`, `customer_id`: as the call names them; the first may be any text.

    `customer`: as far as the call says who it is.

    `country`: the shop's, for phone numbers without one.
    """

    merchant_id: str
    country: str
    ticket_id: str
    customer_id: int | None
    customer: Customer | AskGorgias
    request_id: str = ""


class Finding(msgspec.Struct, kw_only=True):
    """The result of a search. The search fills it step by step: one that ends early keeps what it has found.

    `customer`: None if Gorgias did not say who it is. `link`: the customer's; `is_link_unread`: our own database did
    not say it, and the search went on without. `snapshot`, `found_by`: the member. `candidates`: the customer's other
    addresses; None if Gorgias was not asked for them, or did not say them. `unanswered`: why it did not say something.
    `error`: the answer of the loyalty service that decided. `nobody`: its last answer that there is nobody. `lookup_s`,
    `loyalty_s`: how long Gorgias and the loyalty service were asked; None: not at all.
    """

    customer: Customer | None = None
    link: Link | None = None
    is_link_unread: bool = False
    email: TicketEmail = TicketEmail.UNKNOWN
    candidates: Candidates | None = None
    unanswered: Unanswered | None = None
    snapshot: pb.Snapshot | None = None
    found_by: Identity | None = None
    error: LoyaltyCallError | None = None
    nobody: LoyaltyCallError | None = None
    lookup_s: float | None = None
    loyalty_s: float | None = None

    @property
    def is_partly_known(self) -> bool:
        """Whether the ticket's e-mail names nobody, and it is not known whether another address does."""
        is_cut = self.candidates is not None and not self.candidates.is_whole
        return is_cut or self.unanswered is not None or (self.error is not None and self.candidates is not None)
