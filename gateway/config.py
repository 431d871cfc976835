"""Settings of the gateway, read from the environment once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from runtime.database_url import DATABASE_URL_FORM, DatabaseUrlError, parse_database_url
from runtime.proxy import HttpProxy, ProxyUrlError, parse_proxy_url

DAY_S = 86_400.0

_Choice = TypeVar("_Choice", bound=str)


class ConfigError(ValueError):
    """A setting is missing or wrong. The message is one line that names the setting and says what to do."""


class Listen(msgspec.Struct, frozen=True):
    """Where to listen. Port 0 takes a free one."""

    host: str
    port: int


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All that the gateway can be told. Times are in seconds. `http_proxy`: the way out to Gorgias."""

    listen: Listen = Listen("127.0.0.1", 8080)
    database_url: str
    loyalty_target: str = "127.0.0.1:50051"
    loyalty_key: str = ""
    public_url: str = "http://127.0.0.1:8080"
    secret_keys: tuple[str, ...]
    widget_timeout_s: float = 2.0
    read_timeout_s: float = 1.8
    action_timeout_s: float = 4.0
    max_staleness_s: float = 1.0
    award_token_life_s: float = 30 * DAY_S
    actions_per_minute: int = 120
    gorgias_requests: int = 20
    http_proxy: HttpProxy | None = None
    refusal_status: Literal["4xx", "200"] = "4xx"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __repr__(self) -> str:
        """Without secrets, so that no log has them."""
        return f"Config(listen={self.listen!r}, loyalty_target={self.loyalty_target!r}, public_url={self.public_url!r})"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Config":
        """Read `GATEWAY_…`. Raises ConfigError."""
        settings = _Settings(environ)
        default = {field.name: field.default for field in msgspec.structs.fields(cls)}
        return cls(
            listen=settings.listen("GATEWAY_LISTEN", default["listen"]),
            database_url=settings.database_url("GATEWAY_DATABASE_URL"),
            loyalty_target=settings.text("GATEWAY_LOYALTY_TARGET", default["loyalty_target"]),
            loyalty_key=settings.bearer_key("GATEWAY_LOYALTY_KEY"),
            public_url=settings.url("GATEWAY_PUBLIC_URL", default["public_url"]),
            secret_keys=_split_keys(
                settings.required_secret("GATEWAY_SECRET_KEYS", "one or more Fernet keys, separated by commas")
            ),
            widget_timeout_s=settings.seconds("GATEWAY_WIDGET_TIMEOUT_S", default["widget_timeout_s"]),
            read_timeout_s=settings.seconds("GATEWAY_READ_TIMEOUT_S", default["read_timeout_s"]),
            action_timeout_s=settings.seconds("GATEWAY_ACTION_TIMEOUT_S", default["action_timeout_s"]),
            max_staleness_s=settings.seconds("GATEWAY_MAX_STALENESS_S", default["max_staleness_s"]),
            award_token_life_s=settings.seconds("GATEWAY_AWARD_TOKEN_LIFE_S", default["award_token_life_s"]),
            actions_per_minute=settings.count("GATEWAY_ACTIONS_PER_MINUTE", default["actions_per_minute"]),
            gorgias_requests=settings.count("GATEWAY_GORGIAS_REQUESTS", default["gorgias_requests"]),
            http_proxy=settings.proxy("GATEWAY_HTTP_PROXY"),
            refusal_status=settings.choice("GATEWAY_REFUSAL_STATUS", ("4xx", "200"), default["refusal_status"]),
            log_level=settings.choice("GATEWAY_LOG_LEVEL", ("debug", "info", "warning", "error"), default["log_level"]),
        )


CONFIG = web.AppKey("config", Config)


class _Settings:
    """Typed reading of one environment; an empty value counts as unset."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str) -> str:
        return self._environ.get(name, "").strip() or default

    def secret(self, name: str) -> str:
        """The value, or the content of the file that `<name>_FILE` names."""
        path = self.text(f"{name}_FILE", "")
        value = self.text(name, "")
        if path and value:
            raise ConfigError(f"{name} and {name}_FILE are both set: keep one of them")
        if not path:
            return value
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{name}_FILE cannot be read ({type(error).__name__}): check the path and its mode"
            ) from None

    def bearer_key(self, name: str) -> str:
        value = self.secret(name)
        if not all("!" <= character <= "~" for character in value):
            raise ConfigError(f"{name} must be printable ASCII without spaces: it is sent in a header")
        return value

    def required_secret(self, name: str, form: str) -> str:
        value = self.secret(name)
        if not value:
            raise ConfigError(f"{name} is not set: set it (or {name}_FILE) to {form}")
        return value

    def database_url(self, name: str) -> str:
        """Of an engine that there is; what else may be wrong with it is seen when it is opened."""
        value = self.required_secret(name, DATABASE_URL_FORM)
        try:
            parse_database_url(value)
        except DatabaseUrlError as error:
            raise ConfigError(f"{name} {error}") from None
        return value

    def listen(self, name: str, default: Listen) -> Listen:
        value = self.text(name, "")
        if not value:
            return default
        host, _, port = value.rpartition(":")
        if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:  # noqa: PLR2004 - the highest port
            raise ConfigError(f"{name} must be host:port, for example 127.0.0.1:8080")
        return Listen(host.strip("[]"), int(port))

    def url(self, name: str, default: str) -> str:
        value = self.text(name, default).rstrip("/")
        if not _is_plain_url(value):
            raise ConfigError(
                f"{name} must be an http(s) URL in ASCII without query, braces or spaces, for example https://edge.example"
            )
        return value

    def proxy(self, name: str) -> HttpProxy | None:
        value = self.secret(name)
        try:
            return parse_proxy_url(value) if value else None
        except ProxyUrlError as error:
            raise ConfigError(f"{name} must be {error}") from None

    def seconds(self, name: str, default: float) -> float:
        try:
            value = float(self.text(name, str(default)))
        except ValueError:
            value = -1.0
        if not 0 < value < float("inf"):
            raise ConfigError(f"{name} must be a number of seconds above 0, for example {default:g}")
        return value

    def count(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdigit()) or int(value) == 0:
            raise ConfigError(f"{name} must be a whole number above 0, for example {default}")
        return int(value)

    def choice(self, name: str, choices: tuple[_Choice, ...], default: _Choice) -> _Choice:
        value = self.text(name, default)
        for choice in choices:
            if choice == value:
                return choice
        raise ConfigError(f"{name} must be one of: {', '.join(choices)}")


def _split_keys(text: str) -> tuple[str, ...]:
    return tuple(key.strip() for key in text.split(",") if key.strip())


def _is_plain_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that are no address, or a port that is none
        return False
    return (
        is_whole and not (parts.query or parts.fragment) and all("!" <= one <= "~" and one not in "{}" for one in text)
    )
