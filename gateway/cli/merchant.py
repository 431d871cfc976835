"""`trifft-gorgias merchant`: adds, lists, changes and removes shops."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from gateway.cli.arguments import AllowPrivateUrl, Json, MerchantId, read_secret
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.loyalty import TIMEOUT_S, list_pages, open_loyalty
from gateway.cli.merchant_settings import (
    DEDUCTION_FIELD,
    REASONS_FIELD,
    SETTINGS_OPTIONS,
    MerchantSettings,
    describe_country,
    describe_freshness,
    describe_limits,
    describe_reasons,
    render_country,
    render_settings,
)
from gateway.cli.output import print_json, print_line, print_table
from gateway.cli.settings import load_config
from gateway.cli.times import find_zone, render_timestamp, show_timestamp
from gateway.cli.verify import (
    ABOUT_VERIFY,
    describe_verification,
    print_unverified,
    render_verification,
    verify,
)
from gateway.errors import LoyaltyCallError
from gateway.installation.advice import render_install_command
from protos.loyalty.v1 import loyalty_pb2 as pb

_PROBE_TIMEOUT_S = 20.0
# The option that fills each field of the request.
_OPTIONS = {
    "merchant.merchant_id": "ID",
    "merchant.provider_url": "--trifft-url",
    "provider_token": "--trifft-token-file",
    **SETTINGS_OPTIONS,
}
# The columns of a list for people.
_COLUMNS = (
    "shop",
    "TRIFFT",
    "time zone",
    "country",
    "locale",
    "most points",
    "reasons",
    "held for",
    "verified",
    "since",
)
_AS_IT_IS = MerchantSettings()

TrifftUrl = Annotated[str, Parameter(help="Origin of TRIFFT's API: https://api.trifft.io")]
TrifftTokenFile = Annotated[Path, Parameter(help="File whose first line is the project's API token.")]
NoProbe = Annotated[bool, Parameter(negative="", help="Do not ask TRIFFT whether the token works.")]
app = App(name="merchant")
app.command(verify, help=ABOUT_VERIFY)


@app.command(help="Add a shop. TRIFFT is asked at once whether the token works.")
async def add(  # noqa: PLR0913 - one argument per option
    merchant_id: MerchantId,
    /,
    *,
    trifft_url: TrifftUrl,
    trifft_token_file: TrifftTokenFile,
    settings: MerchantSettings = _AS_IT_IS,
    no_probe: NoProbe = False,
    allow_private_url: AllowPrivateUrl = False,
) -> None:
    merchant = pb.Merchant(merchant_id=merchant_id, provider_url=trifft_url)
    settings.write(merchant)
    request = pb.CreateMerchantRequest(
        merchant=merchant,
        provider_token=read_secret(trifft_token_file, "--trifft-token-file"),
        skip_probe=no_probe,
        allow_private_url=allow_private_url,
    )
    async with open_loyalty(merchant_id, _OPTIONS) as loyalty:
        with _doubt_given():
            added = await loyalty.create_merchant(request, timeout_s=_PROBE_TIMEOUT_S)
    probed = "" if no_probe else ": TRIFFT accepts the token"
    print_line(f"{merchant_id} added{probed}. Next: {render_install_command(merchant_id)}")
    print_unverified(added)


@app.command(name="list", help="List the shops.")
async def list_all(*, json: Json = False) -> None:
    async with open_loyalty() as loyalty:
        pages = list_pages(lambda token: loyalty.list_merchants(page_token=token, timeout_s=TIMEOUT_S))
        merchants = [merchant async for page in pages for merchant in page.merchants]
    if json:
        print_json([_render(merchant) for merchant in merchants])
    elif merchants:
        print_table(_COLUMNS, (_list_cells(merchant) for merchant in merchants))
    else:
        print_line("No shop yet. Add one: trifft-gorgias merchant add ID --trifft-url ORIGIN --trifft-token-file F")


@app.command(help="Change a shop. What is not given stays as it is.")
async def update(  # noqa: PLR0913 - one argument per option
    merchant_id: MerchantId,
    /,
    *,
    trifft_url: TrifftUrl | None = None,
    trifft_token_file: TrifftTokenFile | None = None,
    settings: MerchantSettings = _AS_IT_IS,
    no_probe: NoProbe = False,
    allow_private_url: AllowPrivateUrl = False,
) -> None:
    merchant = pb.Merchant(merchant_id=merchant_id, provider_url=trifft_url or "")
    fields = [*(["provider_url"] if trifft_url is not None else []), *settings.write(merchant)]
    if not fields and trifft_token_file is None:
        raise UsageError("no change is given: see trifft-gorgias merchant update --help")
    request = pb.UpdateMerchantRequest(
        merchant=merchant,
        provider_token=read_secret(trifft_token_file, "--trifft-token-file") if trifft_token_file else "",
        skip_probe=no_probe,
        allow_private_url=allow_private_url,
    )
    changes_buttons = not {REASONS_FIELD, DEDUCTION_FIELD}.isdisjoint(fields)
    install_command = await _find_install_command(merchant_id) if changes_buttons else ""
    async with open_loyalty(merchant_id, _OPTIONS) as loyalty:
        with _doubt_given():
            changed = await loyalty.update_merchant(request, fields, timeout_s=_PROBE_TIMEOUT_S)
    print_line(f"{merchant_id} changed.")
    if not {"provider_url", "profile"}.isdisjoint(fields) or request.provider_token:
        print_unverified(changed)
    if install_command:
        _print_buttons(merchant, fields, install_command)


@app.command(help="Remove a shop that is uninstalled. Its token goes, its awards stay on record.")
async def remove(merchant_id: MerchantId, /) -> None:
    if await _find_install_command(merchant_id):
        raise CommandError(f"{merchant_id} is installed in Gorgias: trifft-gorgias uninstall {merchant_id} first")
    async with open_loyalty(merchant_id) as loyalty:
        await loyalty.delete_merchant(merchant_id, timeout_s=TIMEOUT_S)
    print_line(f"{merchant_id} removed.")


async def _find_install_command(merchant_id: str) -> str:
    """The command that brings an installed widget up to date; empty if the shop is not installed."""
    from gateway.cli.installation import open_stores  # noqa: PLC0415 - slow to load, and seldom needed here
    from gateway.installation.checks import render_reinstall_command  # noqa: PLC0415 - as above

    async with open_stores(load_config()) as stores:
        installation = await stores.installations.get(merchant_id)
    return "" if installation is None else render_reinstall_command(installation)


@contextmanager
def _doubt_given() -> Generator[None]:
    """While a token or an address is being set, the error is about the value just given."""
    try:
        yield
    except LoyaltyCallError as error:
        if error.reason == "BAD_VALUE" and "private" in error.message:
            error.message += " (--allow-private-url)"
        if not error.reason.startswith("PROVIDER_"):
            raise
        advice = {
            "PROVIDER_CREDENTIALS": "check --trifft-url and the token in --trifft-token-file, or use --no-probe",
            "PROVIDER_CONTRACT": "check --trifft-url, correct that line with --profile, or use --no-probe",
        }.get(error.reason, "check --trifft-url, try again, or use --no-probe")
        raise CommandError(f"{error.message} ({error.reason}): {advice}") from error


def _print_buttons(merchant: pb.Merchant, fields: Sequence[str], install_command: str) -> None:
    """Tell what agents still see in an installed widget after these fields changed."""
    if REASONS_FIELD in fields:
        meanwhile = ", and an award without one of these reasons is refused," if merchant.award_reasons else ""
        print_line(f"The button in Gorgias asks as before{meanwhile} until you run: {install_command}")
    if DEDUCTION_FIELD in fields and merchant.max_points_per_deduction:
        print_line(f'The button "Remove points" is in Gorgias once you have run: {install_command}')
    elif DEDUCTION_FIELD in fields:
        print_line(f'A button "Remove points" in Gorgias is refused, and stays until you run: {install_command}')


def _render(merchant: pb.Merchant) -> dict[str, object]:
    zone = find_zone(merchant.time_zone)
    return {
        "merchant_id": merchant.merchant_id,
        "trifft_url": merchant.provider_url,
        "admin_member_url": merchant.admin_member_url or None,
        "time_zone": merchant.time_zone,
        **render_country(merchant),
        "locale": merchant.locale,
        "profile": merchant.profile or None,
        **render_settings(merchant),
        **render_verification(merchant.verification, zone),
        "create_time": render_timestamp(merchant.create_time, zone),
        "update_time": render_timestamp(merchant.update_time, zone),
    }


def _list_cells(merchant: pb.Merchant) -> tuple[str, ...]:
    return (
        merchant.merchant_id,
        merchant.provider_url,
        merchant.time_zone,
        describe_country(merchant),
        merchant.locale,
        describe_limits(merchant),
        describe_reasons(merchant),
        describe_freshness(merchant),
        describe_verification(merchant.verification),
        show_timestamp(merchant.create_time, find_zone(merchant.time_zone)),
    )
