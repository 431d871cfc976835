"""Checks all shops, some at a time. One shop's failure never stops the rest."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.check_shop import Checker, ShopChecks
from gateway.cli.errors import CommandError
from gateway.cli.loyalty import TIMEOUT_S, list_pages
from gateway.errors import LoyaltyCallError
from gateway.installation.advice import get_advice
from gateway.installation.checks import WORST_FIRST, Check, CheckState
from runtime.encryption import SecretKeyError

# Each shop has its own account and token, so their rates are no bound; the machine and the loyalty service are.
_AT_ONCE = 20
_SHOP_TIMEOUT_S = 60.0
# The check of a shop that was not done.
_NOT_DONE = "check"


async def check_all(checker: Checker, *, mends: bool) -> list[ShopChecks]:
    """Check all shops, worst first. Raises CommandError if it cannot be known which shops there are."""
    merchant_ids = await _list_shops(checker)
    free = asyncio.Semaphore(_AT_ONCE)
    with _show_progress(len(merchant_ids)) as note_done:

        async def check(merchant_id: str) -> ShopChecks:
            async with free:
                found = await _check_one(checker, merchant_id, mends=mends)
            note_done()
            return found

        shops = await asyncio.gather(*map(check, merchant_ids))
    return sorted(shops, key=lambda one: (WORST_FIRST.index(one.state), one.merchant_id))


async def _list_shops(checker: Checker) -> list[str]:
    """List the shops that are known on either side: a shop that is known on one side only is a finding."""
    merchant_ids = set(await checker.stores.installations.list_ids())
    try:
        pages = list_pages(lambda token: checker.loyalty.list_merchants(page_token=token, timeout_s=TIMEOUT_S))
        async for page in pages:
            merchant_ids |= {merchant.merchant_id for merchant in page.merchants}
    except LoyaltyCallError as error:
        raise CommandError(f"{error.message} ({error.reason}): {get_advice(error.reason, 'ID')}") from error
    return sorted(merchant_ids)


async def _check_one(checker: Checker, merchant_id: str, *, mends: bool) -> ShopChecks:
    try:
        async with asyncio.timeout(_SHOP_TIMEOUT_S):
            return await checker.check(merchant_id, mends=mends)
    except TimeoutError:
        detail = f"was not done within {_SHOP_TIMEOUT_S:g} s"
        return _make_not_done(merchant_id, detail, is_whole=True)
    except SecretKeyError as error:
        return _make_not_done(merchant_id, f"GATEWAY_SECRET_KEYS {error}", is_whole=False)
    except Exception as error:  # noqa: BLE001 - the boundary of one shop: the others are still to be checked
        return _make_not_done(merchant_id, f"could not be done ({type(error).__name__})", is_whole=False)


def _make_not_done(merchant_id: str, detail: str, *, is_whole: bool) -> ShopChecks:
    advice = f"alone it may tell more: trifft-gorgias check {merchant_id}"
    check = Check(name=_NOT_DONE, state=CheckState.FAILED, detail=detail, advice=advice)
    return ShopChecks(merchant_id=merchant_id, checks=(check,), is_whole=is_whole)


@contextmanager
def _show_progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal's standard error; elsewhere nothing. Call what it yields once for each shop."""
    console = Console(stderr=True)
    columns = (TextColumn("checking shops"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
