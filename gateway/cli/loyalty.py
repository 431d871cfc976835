"""Calls of a command to the loyalty service. An error becomes one line for the operator."""

import getpass
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC
from types import MappingProxyType
from typing import Protocol, TypeVar

from gateway.cli.errors import CommandError, UsageError
from gateway.cli.output import print_hint
from gateway.cli.settings import load_config
from gateway.cli.times import Zone, find_zone
from gateway.errors import LoyaltyCallError
from gateway.installation.advice import get_advice
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

TIMEOUT_S = 10.0


class _Page(Protocol):
    next_page_token: str


_PageT = TypeVar("_PageT", bound=_Page)


@asynccontextmanager
async def open_loyalty(
    merchant_id: str = "ID", options: Mapping[str, str] = MappingProxyType({})
) -> AsyncGenerator[LoyaltyClient]:
    """A client for one command about one shop, or about all. `options`: the option of each field of the request.

    An error in the block becomes a CommandError, or a UsageError if a value is at fault.
    """
    config = load_config()
    async with LoyaltyClient(config.loyalty_target, config.loyalty_key) as loyalty:
        try:
            yield loyalty
        except LoyaltyCallError as error:
            if error.reason == "BAD_VALUE" and error.field:
                words = error.message.removeprefix(error.field).strip()
                raise UsageError(f"{options.get(error.field) or _read_field(error.field)} {words}") from error
            raise CommandError(explain(error, merchant_id)) from error


def explain(error: LoyaltyCallError, merchant_id: str) -> str:
    """What happened, and what to do."""
    advice = get_advice(error.reason, merchant_id, error.metadata.get("award_id", "AWARD"))
    return f"{error.message} ({error.reason}): {advice}"


async def list_pages(fetch: Callable[[str], Awaitable[_PageT]]) -> AsyncGenerator[_PageT]:
    """List page after page. `fetch` gets one page by its token; the first page's token is empty."""
    page_token = ""
    while True:
        page = await fetch(page_token)
        yield page
        page_token = page.next_page_token
        if not page_token:
            return


async def fetch_zone(loyalty: LoyaltyClient, merchant_id: str) -> Zone:
    """Get the shop's zone. For a removed shop with awards on record it is UTC, and a hint says so.

    Raises LoyaltyCallError, also if there never was such a shop.
    """
    try:
        return find_zone((await loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)).time_zone)
    except LoyaltyCallError as error:
        if error.reason != "MERCHANT_NOT_FOUND":
            raise
    await loyalty.list_awards(merchant_id, page_size=1, timeout_s=TIMEOUT_S)
    print_hint(f"{merchant_id} was removed, and its time zone with it: days and times are UTC.")
    return UTC


async def find_merchant(loyalty: LoyaltyClient, merchant_id: str) -> pb.Merchant | None:
    """None: there is no such shop, or the loyalty service cannot be called."""
    try:
        return await loyalty.get_merchant(merchant_id, timeout_s=TIMEOUT_S)
    except LoyaltyCallError:
        return None


def get_login() -> str:
    """The person who types the command: the operating system's user at this machine, "jo@ops-1". Not verified."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"user-{os.getuid()}"  # a container may run as a number without a name
    return f"{name}@{socket.gethostname()}"


def _read_field(field: str) -> str:
    """Name a field that no option fills, for people: "page size"."""
    return field.rpartition(".")[2].replace("_", " ")
