"""`GET /gorgias/probe`: proves to `trifft-gorgias check` that this deployment is behind the public URL."""

import msgspec
from aiohttp import hdrs, web

from gateway.errors import CredentialError
from gateway.installation.probe import SAMPLE, Answer, ProbeKeys
from runtime.version import VERSION

PROBE_KEYS = web.AppKey("probe_keys", ProbeKeys)


async def handle_probe(request: web.Request) -> web.Response:
    """Raises CredentialError for all but a question that was asked with our secret keys."""
    question = request.app[PROBE_KEYS].find_question(request.query.get("nonce", ""), request.query.get("key", ""))
    if question is None:
        raise CredentialError
    answer = Answer(
        proof=question.proof,
        version=VERSION,
        has_header=request.headers.get(hdrs.AUTHORIZATION) == question.header,
        has_sample=request.raw_path.endswith(SAMPLE),
    )
    return web.Response(
        body=msgspec.json.encode(answer), content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"}
    )
