"""Error bodies, authentication and rate limits of the REST API, before each route."""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from sandbox.gorgias.account import Account
from sandbox.gorgias.errors import GorgiasError, make_error
from sandbox.gorgias.faults import Exchanges
from sandbox.gorgias.rate import API_KEY_LIMIT, OAUTH2_LIMIT, RETRY_AFTER_S, Limit

ACCOUNT = web.RequestKey("account", Account)
CALL_LIMIT_HEADER = "X-Gorgias-Account-Api-Call-Limit"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Admission:
    """Admits a request and sets `request[ACCOUNT]`. An account has one leaky bucket for each kind of credential."""

    def __init__(self, accounts: Mapping[str, Account], exchanges: Exchanges) -> None:
        self._accounts = accounts
        self._exchanges = exchanges

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await self._admit(request, handler)
        except GorgiasError as error:
            return make_error(error.status, error.message, error.data)
        except web.HTTPException as error:
            return make_error(error.status, error.reason)

    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        account = self._accounts.get(request.match_info.get("account", ""))
        if account is None:
            raise GorgiasError(404, "There is no such account.")
        limit = _find_limit(request.headers.get("Authorization", ""), account)
        if limit is None:
            response: web.StreamResponse = make_error(401, "Authorization required.")
            response.headers["WWW-Authenticate"] = 'Basic realm="Gorgias"'
            return response
        bucket = account.buckets[limit]
        if bucket.admit() or not account.state.switches.rate_limit:
            request[ACCOUNT] = account
            response = await self._exchanges.run(request, account.faults, lambda: _answer(request, handler))
        else:
            response = make_error(429, "Too many requests.")
            response.headers["Retry-after"] = str(RETRY_AFTER_S)
        response.headers[CALL_LIMIT_HEADER] = bucket.get_level()
        return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except GorgiasError as error:
        return make_error(error.status, error.message, error.data)


def _find_limit(authorization: str, account: Account) -> Limit | None:
    scheme, _, credential = authorization.partition(" ")
    profile = account.profile
    if scheme.lower() == "bearer" and _equal(credential.strip(), profile.oauth_token):
        return OAUTH2_LIMIT
    if scheme.lower() != "basic":
        return None
    try:
        given = base64.b64decode(credential, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return API_KEY_LIMIT if _equal(given, f"{profile.api_user}:{profile.api_key}") else None


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
