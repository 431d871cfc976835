"""Readiness probe: `python -m deploy.probes PLACE` asks a server once and exits with 0 (ready) or 1."""

import http.client
import os
import sys
import urllib.request

from runtime.channels import DIRECT

_TIMEOUT_S = 2.0
_OK = 200
# The servers are on this machine or beside it: a proxy of the user's must not be used.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_http_ready(url: str) -> bool:
    try:
        with OPENER.open(url, timeout=_TIMEOUT_S) as answer:
            return bool(answer.status == _OK)
    except (OSError, http.client.HTTPException):
        return False


def is_grpc_ready(target: str) -> bool:
    """Ask the standard health service about the whole server."""
    # Otherwise gRPC warns on the standard error of a process that starts children later.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    import grpc  # noqa: PLC0415 - slow to load: while the processes load theirs
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415 - as above

    with grpc.insecure_channel(target, options=DIRECT) as channel:
        try:
            health = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)  # type: ignore[attr-defined]  # its stubs lack it
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def is_ready(place: str) -> bool:
    """`place` is a URL that answers 200, or the host:port of a gRPC server."""
    return is_http_ready(place) if "://" in place else is_grpc_ready(place)


if __name__ == "__main__":
    sys.exit(0 if is_ready(sys.argv[1]) else 1)
