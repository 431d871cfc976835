"""Settings of the loyalty service."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from loyalty_service.valkey_url import VALKEY_SCHEMES, check_valkey_url
from runtime.hosts import is_loopback
from runtime.proxy import HttpProxy
from runtime.settings import (
    BEARER_KEY,
    DATABASE_URL,
    FERNET_KEYS,
    LISTEN,
    LOG_LEVEL,
    PROXY_URL,
    ConfigError,
    Form,
    Listen,
    Settings,
    count,
    seconds,
)

DAY_S = 86_400.0
MEMORY_URL = "memory://"


def _check_snapshots_url(url: str) -> str:
    if url == MEMORY_URL:
        return url
    if url.partition("://")[0] not in VALKEY_SCHEMES:
        raise ValueError(
            "must be memory://, or begin with redis://, rediss:// or unix://, for example redis://valkey:6379/0"
        )
    check_valkey_url(url)
    return url


SNAPSHOTS_URL = Form("memory://, redis://…, rediss://…, unix://…", _check_snapshots_url, is_secret=True)


class Config(Settings, frozen=True, kw_only=True):
    """All settings of the service, `LOYALTY_…`.

    `snapshots_url`: MEMORY_URL, or the store that the fleet shares. `award_answer_s`: within this time an AwardPoints
    caller is answered; the call to the provider may run for `award_timeout_s`. `award_repeat_window_s`: within this
    time, the same points for the same member on the same ticket are one award. `reversal_window_s`: how long after it
    was applied an award can be taken back. `http_proxy`: the proxy for requests to the provider. `replicas`: the
    processes that share a token's rate without a shared store; at most 25, since each needs two of the 50 requests, for
    a member and their coupons. `metrics_listen`: where /metrics is served over HTTP; None: nowhere.
    """

    PREFIX: ClassVar[str] = "LOYALTY_"

    listen: Annotated[Listen, LISTEN] = Listen("127.0.0.1", 50051)
    database_url: Annotated[str, DATABASE_URL]
    secret_keys: Annotated[tuple[str, ...], FERNET_KEYS]
    api_key: Annotated[str | None, BEARER_KEY] = None
    snapshots_url: Annotated[str, SNAPSHOTS_URL] = MEMORY_URL
    snapshots_capacity: Annotated[int, count("entries", 1, 10_000_000)] = 10_000
    hold_time_s: Annotated[float, seconds(0, DAY_S)] = 900.0
    stale_if_error_s: Annotated[float, seconds(0, 7 * DAY_S)] = DAY_S
    read_timeout_s: Annotated[float, seconds(0.05, 60)] = 1.6
    award_answer_s: Annotated[float, seconds(0.05, 60)] = 2.5
    award_timeout_s: Annotated[float, seconds(0.1, 60)] = 10.0
    award_repeat_window_s: Annotated[float, seconds(0, DAY_S)] = 600.0
    reversal_window_s: Annotated[float, seconds(0, DAY_S)] = 1800.0
    http_proxy: Annotated[HttpProxy | None, PROXY_URL] = None
    replicas: Annotated[int, count("processes", 1, 25)] = 1
    metrics_listen: Annotated[Listen | None, LISTEN] = None
    log_level: Annotated[Literal["debug", "info", "warning", "error"], LOG_LEVEL] = "info"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        config = super().from_env(environ)
        if config.api_key is None and not is_loopback(config.listen.host):
            raise ConfigError(
                f"LOYALTY_LISTEN {config.listen} is not the loopback: set LOYALTY_API_KEY, or listen on 127.0.0.1"
            )
        return config
