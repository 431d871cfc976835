"""Why a customer is not linked, or not unlinked."""

from gateway.errors import GatewayError
from gateway.links.link import Link


class LinkExistsError(GatewayError):
    """The customer is linked to another member: `link`."""

    def __init__(self, link: Link) -> None:
        super().__init__("LINK_EXISTS", "the customer is linked to another member")
        self.link = link


class LinkGoneError(GatewayError):
    """The link to remove was never there, or is not the customer's any more."""

    def __init__(self) -> None:
        super().__init__("LINK_GONE", "the customer has no such link")


class LinkLimitError(GatewayError):
    """`most`: how many links the agent may make in a day."""

    def __init__(self, most: int) -> None:
        super().__init__("LINK_LIMIT", f"an agent may link {most} customers in a day")
        self.most = most
