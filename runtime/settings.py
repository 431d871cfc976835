"""A process's settings: declared in one struct, and read from the environment once.

Each field of a `Settings` is annotated with a Form, which parses its text. Its name in the environment is the prefix
and the field's name in capitals. A test compares the tables of docs/settings.md with these declarations.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from cryptography.fernet import Fernet

from runtime.database_url import DATABASE_URL_FORM, parse_database_url
from runtime.proxy import parse_proxy_url

_MAX_PORT = 65_535


class ConfigError(ValueError):
    """A setting is missing or wrong. The message is one line that names it and says what to do.

    It contains no secret.
    """


class Listen(msgspec.Struct, frozen=True):
    """An address to listen on. Port 0: a free port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Form(msgspec.Struct, frozen=True):
    """The form of a setting's text. `words`: its unit and range for people.

    `parse` makes the value; the message of its ValueError completes "SETTING …". A secret is never shown, and may be in
    a file.
    """

    words: str
    parse: Callable[[str], object]
    is_secret: bool = False


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """`default`: msgspec.NODEFAULT if it must be set."""

    field: str
    name: str
    form: Form
    default: object

    def read(self, environ: Mapping[str, str]) -> object:
        """Return its value, or its default. An empty text counts as unset. Raises ConfigError."""
        text = self._read_text(environ)
        if not text and self.default is msgspec.NODEFAULT:
            or_file = f", or {self.name}_FILE," if self.form.is_secret else ""
            raise ConfigError(f"{self.name} is not set: set it{or_file} to {self.form.words}")
        try:
            return self.form.parse(text) if text else self.default
        except ValueError as error:
            # Raised without its cause, which may quote a secret.
            raise ConfigError(f"{self.name} {error}") from None

    def _read_text(self, environ: Mapping[str, str]) -> str:
        text = environ.get(self.name, "").strip()
        path = environ.get(f"{self.name}_FILE", "").strip() if self.form.is_secret else ""
        if text and path:
            raise ConfigError(f"{self.name} and {self.name}_FILE are both set: keep one of them")
        if not path:
            return text
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = type(error).__name__
            raise ConfigError(
                f"{self.name}_FILE cannot be read ({reason}): check the path and its permissions"
            ) from None
        if not text:
            raise ConfigError(f"{self.name}_FILE names an empty file: put the value into it")
        return text


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The base of a process's settings."""

    PREFIX: ClassVar[str]

    def __repr__(self) -> str:
        """Leaves out the secrets, so that no log and no traceback shows them."""
        shown = [one.field for one in list_settings(type(self)) if not one.form.is_secret]
        return f"{type(self).__name__}({', '.join(f'{field}={getattr(self, field)!r}' for field in shown)})"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises ConfigError for the first setting that is missing or malformed."""
        return cls(**{setting.field: setting.read(environ) for setting in list_settings(cls)})


def list_settings(settings: type[Settings]) -> list[Setting]:
    """List the settings in the order of their declaration."""
    return [
        Setting(
            field=field.name,
            name=f"{settings.PREFIX}{field.name.upper()}",
            form=_find_form(field.type),
            default=field.default,
        )
        for field in msgspec.structs.fields(settings)
    ]


def _find_form(annotation: Any) -> Form:  # noqa: ANN401 - a type of any kind
    if get_origin(annotation) is not Annotated:
        raise TypeError(f"{annotation} has no Form")
    form: Form = get_args(annotation)[1]
    return form


def seconds(least: float, most: float) -> Form:
    return Form(f"s, {least:.10g} to {most:.10g}", lambda text: _parse_number(text, least, most))


def count(unit: str, least: int, most: int) -> Form:
    return Form(f"{unit}, {least} to {most}", lambda text: _parse_whole(text, least, most))


def choice(*words: str) -> Form:
    return Form(", ".join(words), lambda text: _parse_choice(text, words))


def text_of(words: str) -> Form:
    """The form of any text; `words` describe it."""
    return Form(words, str)


def _parse_number(text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise ValueError(f"must be a number of seconds from {least:.10g} to {most:.10g}")
    return number


def _parse_whole(text: str, least: int, most: int) -> int:
    number = int(text) if text.isascii() and text.isdecimal() else -1
    if not least <= number <= most:
        raise ValueError(f"must be a whole number from {least} to {most}")
    return number


def _parse_choice(text: str, words: tuple[str, ...]) -> str:
    if text.lower() not in words:
        raise ValueError(f"must be one of: {', '.join(words)}")
    return text.lower()


def _parse_listen(text: str) -> Listen:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > _MAX_PORT:
        raise ValueError("must be host:port, for example 127.0.0.1:8080")
    return Listen(host, int(port))


def _parse_bearer_key(text: str) -> str:
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("must be printable ASCII without spaces: it is sent in a header")
    return text


def _parse_fernet_keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    for place, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            raise ValueError(f"has a key {place} that is not 32 random bytes in URL-safe base64") from None
    if not keys:
        raise ValueError("has no key: make one with Fernet.generate_key()")
    return keys


def _check_database_url(text: str) -> str:
    """Check that the URL names a known engine; other faults show when the database is opened."""
    parse_database_url(text)
    return text


def _parse_public_url(text: str) -> str:
    url = text.rstrip("/")
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address, or a bad port
        is_whole = False
    if not is_whole or "?" in url or "#" in url or not all("!" <= one <= "~" and one not in "{}" for one in url):
        raise ValueError(
            "must be an http(s) URL in ASCII without query, braces or spaces, for example https://edge.example"
        )
    return url


LISTEN = Form("host:port", _parse_listen)
BEARER_KEY = Form("printable ASCII without spaces", _parse_bearer_key, is_secret=True)
FERNET_KEYS = Form("Fernet keys, comma-separated", _parse_fernet_keys, is_secret=True)
DATABASE_URL = Form(DATABASE_URL_FORM, _check_database_url, is_secret=True)
PROXY_URL = Form("http://[user:password@]host:port", parse_proxy_url, is_secret=True)
PUBLIC_URL = Form("http(s) URL", _parse_public_url)
LOG_LEVEL = choice("debug", "info", "warning", "error")
