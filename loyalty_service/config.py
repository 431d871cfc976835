"""Settings: one frozen value, read from the environment once."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet

from loyalty_service.valkey_url import VALKEY_SCHEMES, ValkeyUrlError, check_valkey_url
from runtime.database_url import DATABASE_URL_FORM, DatabaseUrlError, parse_database_url
from runtime.proxy import HttpProxy, ProxyUrlError, parse_proxy_url

DEFAULT_LISTEN = "127.0.0.1:50051"
MEMORY_URL = "memory://"
# Of 50 requests each process must have the two that a member and their coupons take.
MAX_REPLICAS = 25
LOG_LEVELS = ("debug", "info", "warning", "error")


class ConfigError(Exception):
    """A setting keeps the process from starting. One line: which one, and how to change it. Holds no secret."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What the process runs with. Times in seconds.

    `award_answer_s`: an AwardPoints caller is answered by then, the call to the provider may run to `award_timeout_s`.
    `award_repeat_window_s`: the same points for the same member on the same ticket within it are one award.
    `reversal_window_s`: how long after it was applied an award can be taken back. `snapshots_url`: MEMORY_URL, or the
    store that the fleet shares, as in check_valkey_url; it may hold a password. `metrics_listen`: where /metrics is
    served over HTTP; None: nowhere. `replicas`: processes that share a provider's token without a shared store.
    `http_proxy`: the way out to the provider.
    """

    database_url: str
    secret_keys: tuple[str, ...]
    api_key: str | None = None
    listen: str = DEFAULT_LISTEN
    snapshots_url: str = MEMORY_URL
    snapshots_capacity: int = 10_000
    hold_time_s: float = 900.0
    stale_if_error_s: float = 86_400.0
    read_timeout_s: float = 1.6
    award_answer_s: float = 2.5
    award_timeout_s: float = 10.0
    award_repeat_window_s: float = 600.0
    reversal_window_s: float = 1800.0
    metrics_listen: str | None = None
    replicas: int = 1
    http_proxy: HttpProxy | None = None
    log_level: str = "info"

    def __repr__(self) -> str:
        """Without the secrets, so that no log and no traceback has them."""
        return f"Config(listen={self.listen!r}, snapshots_url={_scheme(self.snapshots_url)!r})"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Config":
        """Read the LOYALTY_… settings. Raises ConfigError for the first one that is missing or malformed."""
        keys = _required(environ, "LOYALTY_SECRET_KEYS", "comma-separated Fernet keys")
        config = cls(
            listen=environ.get("LOYALTY_LISTEN", "").strip() or DEFAULT_LISTEN,
            database_url=_parse_database_url(_required(environ, "LOYALTY_DATABASE_URL", DATABASE_URL_FORM)),
            secret_keys=_parse_keys(keys),
            api_key=_parse_api_key(_secret(environ, "LOYALTY_API_KEY")),
            snapshots_url=_parse_snapshots_url(_secret(environ, "LOYALTY_SNAPSHOTS_URL") or MEMORY_URL),
            snapshots_capacity=_whole(environ, "LOYALTY_SNAPSHOTS_CAPACITY", 10_000, 1, 10_000_000),
            hold_time_s=_number(environ, "LOYALTY_HOLD_TIME_S", 900, 0, 86_400),
            stale_if_error_s=_number(environ, "LOYALTY_STALE_IF_ERROR_S", 86_400, 0, 604_800),
            read_timeout_s=_number(environ, "LOYALTY_READ_TIMEOUT_S", 1.6, 0.05, 60),
            award_answer_s=_number(environ, "LOYALTY_AWARD_ANSWER_S", 2.5, 0.05, 60),
            award_timeout_s=_number(environ, "LOYALTY_AWARD_TIMEOUT_S", 10, 0.1, 60),
            award_repeat_window_s=_number(environ, "LOYALTY_AWARD_REPEAT_WINDOW_S", 600, 0, 86_400),
            reversal_window_s=_number(environ, "LOYALTY_REVERSAL_WINDOW_S", 1800, 0, 86_400),
            metrics_listen=environ.get("LOYALTY_METRICS_LISTEN", "").strip() or None,
            replicas=_whole(environ, "LOYALTY_REPLICAS", 1, 1, MAX_REPLICAS),
            http_proxy=_parse_proxy(_secret(environ, "LOYALTY_HTTP_PROXY")),
            log_level=_parse_log_level(environ.get("LOYALTY_LOG_LEVEL", "").strip() or "info"),
        )
        host, _ = parse_listen(config.listen)
        if config.metrics_listen is not None:
            parse_listen(config.metrics_listen, "LOYALTY_METRICS_LISTEN")
        if config.api_key is None and not _is_loopback(host):
            raise ConfigError(
                f"LOYALTY_LISTEN {config.listen} is not the loopback: set LOYALTY_API_KEY, or listen on 127.0.0.1"
            )
        return config


def parse_listen(listen: str, name: str = "LOYALTY_LISTEN") -> tuple[str, int]:
    """`host:port` or `[v6]:port`; port 0 takes any free one. Raises ConfigError for the setting `name`."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:  # noqa: PLR2004  the largest port
        raise ConfigError(f"{name} must be host:port, for example {DEFAULT_LISTEN}")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    """The value of `name`, or the content of the file that `name`_FILE names; None where neither is set."""
    value, path = environ.get(name, "").strip(), environ.get(f"{name}_FILE", "").strip()
    if value and path:
        raise ConfigError(f"{name} and {name}_FILE are both set: keep one of them")
    if not path:
        return value or None
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}_FILE cannot be read ({type(error).__name__}): name a readable file") from error
    if not value:
        raise ConfigError(f"{name}_FILE names an empty file: put the value into it")
    return value


def _required(environ: Mapping[str, str], name: str, example: str) -> str:
    value = _secret(environ, name)
    if value is None:
        raise ConfigError(f"{name} is not set: set it, or {name}_FILE, to {example}")
    return value


def _parse_database_url(url: str) -> str:
    """Of an engine that there is; what else may be wrong with it is seen when it is opened."""
    try:
        parse_database_url(url)
    except DatabaseUrlError as error:
        raise ConfigError(f"LOYALTY_DATABASE_URL {error}") from None
    return url


def _parse_keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    for place, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            # The cause stays out of the chain: it may quote the key.
            raise ConfigError(
                f"LOYALTY_SECRET_KEYS: key {place} is no Fernet key; it must be 32 random bytes in URL-safe base64"
            ) from None
    if not keys:
        raise ConfigError("LOYALTY_SECRET_KEYS holds no key: set it to comma-separated Fernet keys")
    return keys


def _parse_api_key(key: str | None) -> str | None:
    if key is not None and not all("!" <= character <= "~" for character in key):
        raise ConfigError("LOYALTY_API_KEY must be printable ASCII without spaces: callers send it in a header")
    return key


def _parse_snapshots_url(url: str) -> str:
    if url == MEMORY_URL:
        return url
    if _scheme(url) not in VALKEY_SCHEMES:
        raise ConfigError(
            "LOYALTY_SNAPSHOTS_URL must be memory://, or begin with redis://, rediss:// or unix://, "
            "for example redis://valkey:6379/0"
        )
    try:
        check_valkey_url(url)
    except ValkeyUrlError as error:
        raise ConfigError(f"LOYALTY_SNAPSHOTS_URL {error}") from None
    return url


def _parse_proxy(text: str | None) -> HttpProxy | None:
    try:
        return parse_proxy_url(text) if text else None
    except ProxyUrlError as error:
        raise ConfigError(f"LOYALTY_HTTP_PROXY must be {error}") from None


def _number(environ: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return float(default)
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise ConfigError(f"{name} must be a number from {least:.10g} to {most:.10g}")
    return number


def _whole(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    number = _number(environ, name, default, least, most)
    if number != int(number):
        raise ConfigError(f"{name} must be a whole number from {least} to {most}")
    return int(number)


def _parse_log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ConfigError(f"LOYALTY_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}")
    return text.lower()


def _scheme(url: str) -> str:
    scheme, colon, _ = url.partition("://")
    return scheme if colon else ""
