"""By what a member was found for a customer."""

import enum

import msgspec

from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.addresses import make_email_key
from runtime.phones import make_phone_key


class FoundBy(enum.StrEnum):
    """The ticket's e-mail address, another of the customer's, a phone number of theirs, or an agent's link."""

    EMAIL = "email"
    OTHER_EMAIL = "other_email"
    PHONE = "phone"
    LINK = "link"


# As the ledger names them.
IDENTIFIED_BY = {
    FoundBy.EMAIL: pb.IDENTIFIED_BY_EMAIL,
    FoundBy.OTHER_EMAIL: pb.IDENTIFIED_BY_OTHER_EMAIL,
    FoundBy.PHONE: pb.IDENTIFIED_BY_PHONE,
    FoundBy.LINK: pb.IDENTIFIED_BY_LINK,
}


class Identity(msgspec.Struct, frozen=True):
    """`text`: the address as written, a phone number in E.164; for a link the member's id."""

    kind: FoundBy
    text: str

    @property
    def key(self) -> str:
        """Equal for two spellings of one address, and only for those."""
        match self.kind:
            case FoundBy.EMAIL | FoundBy.OTHER_EMAIL:
                return make_email_key(self.text)
            case FoundBy.PHONE:
                return make_phone_key(self.text)
            case FoundBy.LINK:
                return self.text
