"""The loyalty service as a command asks it: what it refuses becomes the line that an operator reads."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from gateway.cli.errors import CommandError, UsageError
from gateway.config import Config
from gateway.errors import LoyaltyCallError
from gateway.installation.advice import get_advice
from gateway.loyalty_client import LoyaltyClient

TIMEOUT_S = 10.0
_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


@asynccontextmanager
async def open_loyalty(
    config: Config, merchant_id: str, options: Mapping[str, str] = _NO_OPTIONS
) -> AsyncGenerator[LoyaltyClient]:
    """A client for one command about one shop. `options`: which of them fills a field of the request.

    What fails in the block is raised as CommandError, or as UsageError where a value is at fault.
    """
    async with LoyaltyClient(config.loyalty_target, config.loyalty_key) as loyalty:
        try:
            yield loyalty
        except LoyaltyCallError as error:
            raise explain_refused(error, merchant_id, options) from error


def explain_refused(
    error: LoyaltyCallError, merchant_id: str, options: Mapping[str, str] = _NO_OPTIONS
) -> CommandError | UsageError:
    if error.reason == "BAD_VALUE" and error.field:
        words = error.message.removeprefix(error.field).strip()
        return UsageError(f"{options.get(error.field) or _read_field(error.field)} {words}")
    advice = get_advice(error.reason, merchant_id, error.metadata.get("award_id", "AWARD"))
    return CommandError(f"{error.message} ({error.reason}): {advice}")


def _read_field(field: str) -> str:
    """Of what no option fills, for people: "page size"."""
    return field.rpartition(".")[2].replace("_", " ")
