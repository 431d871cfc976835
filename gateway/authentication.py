"""Whose widget is asking: the credential in a request, and the merchant it belongs to."""

from aiohttp import web

from gateway.database import DatabaseError
from gateway.errors import CredentialError, StoreUnavailableError
from gateway.installation.credentials import Credentials

CREDENTIALS = web.AppKey("credentials", Credentials)
MERCHANT_ID = web.RequestKey("merchant_id", str)
_SCHEME = "bearer "


async def authenticate(request: web.Request) -> str:
    """The merchant whose credential the request carries, in the header or in the query.

    Gorgias is reported to lose custom headers at times, so the query counts where there is no header. Raises
    CredentialError, and StoreUnavailableError while the store is down and the credential is not known yet.
    """
    header = request.headers.get("Authorization", "")
    credential = header[len(_SCHEME) :] if header.lower().startswith(_SCHEME) else request.query.get("token", "")
    try:
        merchant_id = await request.app[CREDENTIALS].find(credential.strip())
    except DatabaseError:
        raise StoreUnavailableError from None
    if merchant_id is None:
        raise CredentialError
    request[MERCHANT_ID] = merchant_id
    return merchant_id
