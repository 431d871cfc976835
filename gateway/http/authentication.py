"""Authenticates a widget's request: its credential, and the merchant that this belongs to."""

from aiohttp import web

from gateway.errors import CredentialError, StoreUnavailableError
from gateway.gorgias.widget_url import find_token
from gateway.installation.credentials import Credentials
from runtime.database import DatabaseError

CREDENTIALS = web.AppKey("credentials", Credentials)
MERCHANT_ID = web.RequestKey("merchant_id", str)
_SCHEME = "bearer "


async def authenticate(request: web.Request) -> str:
    """The merchant whose credential the request carries.

    Raises CredentialError, and StoreUnavailableError if the store is down and the credential is not in memory.
    """
    try:
        merchant_id = await request.app[CREDENTIALS].find(find_credential(request))
    except DatabaseError:
        raise StoreUnavailableError from None
    if merchant_id is None:
        raise CredentialError
    request[MERCHANT_ID] = merchant_id
    return merchant_id


def find_credential(request: web.Request) -> str:
    """The credential from the header, or from the query: Gorgias is reported to lose custom headers at times."""
    header = request.headers.get("Authorization", "")
    is_there = header.lower().startswith(_SCHEME)
    return header[len(_SCHEME) :].strip() if is_there else find_token(request.raw_path)
