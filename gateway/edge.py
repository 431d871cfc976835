"""What the handlers work with: everything that is open while the gateway runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from gateway.actions.limiter import ActionsLimiter
from gateway.actions.token import AwardTokens
from gateway.config import Config
from gateway.database import DatabaseError
from gateway.errors import CredentialError, StoreUnavailableError
from gateway.installation.activity import Activity
from gateway.installation.credentials import Credentials
from gateway.installation.store import InstallationStore
from gateway.loyalty_client import LoyaltyClient
from gateway.merchants import Merchants
from gateway.metrics import Metrics

MERCHANT_ID = web.RequestKey("merchant_id", str)
REQUEST_ID = web.RequestKey("request_id", str)
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Opened by `create_app`, in the order in which they depend on each other."""

    config: Config
    metrics: Metrics
    now: Callable[[], datetime]
    store: InstallationStore
    credentials: Credentials
    activity: Activity
    client: LoyaltyClient
    merchants: Merchants
    tokens: AwardTokens
    limiter: ActionsLimiter


EDGE = web.AppKey("edge", Edge)


async def authenticate(request: web.Request) -> str:
    """The merchant whose credential the request carries, in the header or in the query.

    Gorgias is reported to lose custom headers at times, so the query counts where there is no header. Raises
    CredentialError, and StoreUnavailableError while the store is down and the credential is not known yet.
    """
    header = request.headers.get("Authorization", "")
    credential = header[len(_SCHEME) :] if header.lower().startswith(_SCHEME) else request.query.get("token", "")
    try:
        merchant_id = await request.app[EDGE].credentials.find(credential.strip())
    except DatabaseError:
        raise StoreUnavailableError from None
    if merchant_id is None:
        raise CredentialError
    request[MERCHANT_ID] = merchant_id
    return merchant_id
