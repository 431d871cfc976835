"""Settings of the gateway."""

from typing import Annotated, ClassVar, Literal

from aiohttp import web

from runtime.proxy import HttpProxy
from runtime.settings import (
    BEARER_KEY,
    DATABASE_URL,
    FERNET_KEYS,
    LISTEN,
    LOG_LEVEL,
    PROXY_URL,
    PUBLIC_URL,
    Listen,
    Settings,
    choice,
    count,
    seconds,
    text_of,
)

DAY_S = 86_400.0


class Config(Settings, frozen=True, kw_only=True):
    """All settings of the gateway, `GATEWAY_…`. `http_proxy`: the proxy for requests to Gorgias."""

    PREFIX: ClassVar[str] = "GATEWAY_"

    listen: Annotated[Listen, LISTEN] = Listen("127.0.0.1", 8080)
    database_url: Annotated[str, DATABASE_URL]
    secret_keys: Annotated[tuple[str, ...], FERNET_KEYS]
    loyalty_target: Annotated[str, text_of("gRPC target")] = "127.0.0.1:50051"
    loyalty_key: Annotated[str, BEARER_KEY] = ""
    public_url: Annotated[str, PUBLIC_URL] = "http://127.0.0.1:8080"
    widget_timeout_s: Annotated[float, seconds(0.1, 60)] = 2.0
    read_timeout_s: Annotated[float, seconds(0.1, 60)] = 1.8
    action_timeout_s: Annotated[float, seconds(0.1, 60)] = 4.0
    max_staleness_s: Annotated[float, seconds(0, DAY_S)] = 1.0
    award_token_life_s: Annotated[float, seconds(60, 365 * DAY_S)] = 30 * DAY_S
    links_per_agent_day: Annotated[int, count("links", 1, 1_000_000)] = 20
    actions_per_minute: Annotated[int, count("presses in a minute", 1, 1_000_000)] = 120
    gorgias_requests: Annotated[int, count("requests in 20 s", 1, 1_000_000)] = 40
    http_proxy: Annotated[HttpProxy | None, PROXY_URL] = None
    refusal_status: Annotated[Literal["4xx", "200"], choice("4xx", "200")] = "4xx"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], LOG_LEVEL] = "info"


CONFIG = web.AppKey("config", Config)
