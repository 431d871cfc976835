"""`trifft-gorgias merchant`: which shops there are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.arguments import parse_merchant_id, read_secret, read_text
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.freshness import FRESHNESS_OPTIONS, Freshness, describe_freshness, render_freshness
from gateway.cli.loyalty import TIMEOUT_S, explain_refused, open_loyalty
from gateway.cli.output import print_json, print_line, print_table, read_timestamp, render_text, render_time
from gateway.cli.policy import (
    DEDUCTION_FIELD,
    POLICY_OPTIONS,
    REASONS_FIELD,
    Policy,
    describe_limits,
    describe_reasons,
    render_policy,
)
from gateway.cli.settings import load_config
from gateway.cli.zone import find_zone
from gateway.config import Config
from gateway.errors import LoyaltyCallError
from gateway.installation.advice import render_install_command
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

PROBE_TIMEOUT_S = 20.0

# Which option fills a field of the request.
_OPTIONS = {
    "merchant.merchant_id": "ID",
    "merchant.provider_url": "--trifft-url",
    "merchant.admin_member_url": "--admin-member-url",
    "merchant.time_zone": "--time-zone",
    "merchant.locale": "--locale",
    "merchant.profile": "--profile",
    "profile": "--profile",
    "provider_token": "--trifft-token-file",
    **POLICY_OPTIONS,
    **FRESHNESS_OPTIONS,
}

MerchantId = Annotated[str, Parameter(name="ID", help="The shop: one DNS label, for example acme.")]
TrifftUrl = Annotated[str, Parameter(help="Origin of TRIFFT's API, https://api.trifft.io")]
TrifftTokenFile = Annotated[Path | None, Parameter(help="File whose first line is the project's API token.")]
AdminMemberUrl = Annotated[str, Parameter(help="https address of a member in TRIFFT Admin, with one {member_id}.")]
TimeZone = Annotated[str, Parameter(help="Zone of the times that agents read, Europe/Bratislava. UTC unless set.")]
Locale = Annotated[str, Parameter(help="Locale of the numbers that agents read, sk. en unless set.")]
ProfileFile = Annotated[Path | None, Parameter(help="TOML file with the lines of the wire profile that differ.")]
NoProbe = Annotated[bool, Parameter(negative="", help="Do not ask TRIFFT whether the token works.")]
AllowPrivateUrl = Annotated[bool, Parameter(negative="", help="Take a URL that is not https to a public name.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


async def add(  # noqa: PLR0913 - one argument per option
    merchant_id: MerchantId,
    /,
    *,
    trifft_url: TrifftUrl,
    trifft_token_file: Annotated[Path, Parameter(help="File whose first line is the project's API token.")],
    admin_member_url: AdminMemberUrl = "",
    time_zone: TimeZone = "",
    locale: Locale = "",
    profile: ProfileFile = None,
    policy: Policy | None = None,
    freshness: Freshness | None = None,
    no_probe: NoProbe = False,
    allow_private_url: AllowPrivateUrl = False,
) -> None:
    """Add a shop; TRIFFT is asked at once whether the token works."""
    merchant = pb.Merchant(
        merchant_id=parse_merchant_id(merchant_id),
        provider_url=trifft_url,
        admin_member_url=admin_member_url,
        time_zone=time_zone,
        locale=locale,
        profile=read_text(profile, "--profile") if profile else "",
    )
    (policy or Policy()).write(merchant)
    (freshness or Freshness()).write(merchant)
    request = pb.CreateMerchantRequest(
        merchant=merchant,
        provider_token=read_secret(trifft_token_file, "--trifft-token-file"),
        skip_probe=no_probe,
        allow_private_url=allow_private_url,
    )
    async with _open_loyalty(load_config()) as loyalty:
        try:
            await loyalty.create_merchant(request, timeout_s=PROBE_TIMEOUT_S)
        except LoyaltyCallError as error:
            raise _explain_refused(error, merchant_id) from error
    probed = "" if no_probe else ": TRIFFT takes the token"
    print_line(f"{merchant_id} added{probed}. Next: {render_install_command(merchant_id)}")


async def list_all(*, json: Json = False) -> None:
    """List the shops."""
    merchants: list[pb.Merchant] = []
    async with _open_loyalty(load_config()) as loyalty:
        page_token = ""
        while True:
            page = await loyalty.list_merchants(page_token=page_token, timeout_s=TIMEOUT_S)
            merchants += page.merchants
            page_token = page.next_page_token
            if not page_token:
                break
    if json:
        print_json([_render(merchant) for merchant in merchants])
    elif merchants:
        print_table(
            ("shop", "TRIFFT", "time zone", "locale", "most points", "reasons", "held for", "since"),
            (
                (
                    one.merchant_id,
                    one.provider_url,
                    one.time_zone,
                    one.locale,
                    describe_limits(one),
                    describe_reasons(one),
                    describe_freshness(one),
                    read_timestamp(one.create_time, find_zone(one.time_zone)),
                )
                for one in merchants
            ),
        )
    else:
        print_line("No shop yet. Add one: trifft-gorgias merchant add ID --trifft-url ORIGIN --trifft-token-file F")


async def update(  # noqa: PLR0913 - one argument per option
    merchant_id: MerchantId,
    /,
    *,
    trifft_url: TrifftUrl | None = None,
    trifft_token_file: TrifftTokenFile = None,
    admin_member_url: AdminMemberUrl | None = None,
    time_zone: TimeZone | None = None,
    locale: Locale | None = None,
    profile: ProfileFile = None,
    policy: Policy | None = None,
    freshness: Freshness | None = None,
    no_probe: NoProbe = False,
    allow_private_url: AllowPrivateUrl = False,
) -> None:
    """Change a shop; what is not given stays as it is."""
    given = {
        "provider_url": trifft_url,
        "admin_member_url": admin_member_url,
        "time_zone": time_zone,
        "locale": locale,
        "profile": read_text(profile, "--profile") if profile else None,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    merchant = pb.Merchant(merchant_id=parse_merchant_id(merchant_id))
    for field, value in changes.items():
        setattr(merchant, field, value)
    fields = [*changes, *(policy or Policy()).write(merchant), *(freshness or Freshness()).write(merchant)]
    if not fields and trifft_token_file is None:
        raise UsageError("nothing to change is given: see trifft-gorgias merchant update --help")
    request = pb.UpdateMerchantRequest(
        merchant=merchant,
        provider_token=read_secret(trifft_token_file, "--trifft-token-file") if trifft_token_file else "",
        skip_probe=no_probe,
        allow_private_url=allow_private_url,
    )
    config = load_config()
    changes_buttons = not {REASONS_FIELD, DEDUCTION_FIELD}.isdisjoint(fields)
    install_command = await _find_install_command(config, merchant_id) if changes_buttons else ""
    async with _open_loyalty(config) as loyalty:
        try:
            await loyalty.update_merchant(request, fields, timeout_s=PROBE_TIMEOUT_S)
        except LoyaltyCallError as error:
            raise _explain_refused(error, merchant_id) from error
    print_line(f"{merchant_id} changed.")
    if install_command:
        _print_buttons(merchant, fields, install_command)


def _print_buttons(merchant: pb.Merchant, fields: Sequence[str], install_command: str) -> None:
    """What agents still see of an installed widget, now that these fields have changed."""
    if REASONS_FIELD in fields:
        meanwhile = ", and an award without one of these reasons is refused," if merchant.award_reasons else ""
        print_line(f"The button in Gorgias asks as before{meanwhile} until you run: {install_command}")
    if DEDUCTION_FIELD in fields and merchant.max_points_per_deduction:
        print_line(f'The button "Remove points" is in Gorgias once you have run: {install_command}')
    elif DEDUCTION_FIELD in fields:
        print_line(f'A button "Remove points" in Gorgias is refused, and stays until you run: {install_command}')


async def remove(merchant_id: MerchantId, /) -> None:
    """Remove a shop and its token; its awards stay on record. Uninstall it first."""
    parse_merchant_id(merchant_id)
    config = load_config()
    if await _find_install_command(config, merchant_id):
        raise CommandError(f"{merchant_id} is installed in Gorgias: trifft-gorgias uninstall {merchant_id} first")
    async with open_loyalty(config, merchant_id) as loyalty:
        await loyalty.delete_merchant(merchant_id, timeout_s=TIMEOUT_S)
    print_line(f"{merchant_id} removed.")


async def _find_install_command(config: Config, merchant_id: str) -> str:
    """What brings the widget of an installed shop up to date; empty where it is not installed."""
    from gateway.cli.stores import open_stores  # noqa: PLC0415 - slow to load, and seldom needed here
    from gateway.installation.checks import render_reinstall_command  # noqa: PLC0415 - likewise

    async with open_stores(config) as (store, _):
        installation = await store.get(merchant_id)
    return "" if installation is None else render_reinstall_command(installation)


def _open_loyalty(config: Config) -> LoyaltyClient:
    return LoyaltyClient(config.loyalty_target, config.loyalty_key)


def _explain_refused(error: LoyaltyCallError, merchant_id: str) -> CommandError | UsageError:
    """While a token or an address is being set, it is the one just given that is wrong."""
    if error.reason == "BAD_VALUE" and "private" in error.message:
        error.message += " (--allow-private-url)"
    advice = "check --trifft-url, try again, or use --no-probe"
    if error.reason == "PROVIDER_CREDENTIALS":
        advice = "check --trifft-url and the token in --trifft-token-file, or use --no-probe"
    elif error.reason == "PROVIDER_CONTRACT":
        advice = "check --trifft-url, correct that line with --profile, or use --no-probe"
    elif not error.reason.startswith("PROVIDER_"):
        return explain_refused(error, merchant_id, _OPTIONS)
    return CommandError(f"{error.message} ({error.reason}): {advice}")


def _render(merchant: pb.Merchant) -> dict[str, object]:
    zone = find_zone(merchant.time_zone)
    return {
        "merchant_id": merchant.merchant_id,
        "trifft_url": merchant.provider_url,
        "admin_member_url": render_text(merchant.admin_member_url),
        "time_zone": merchant.time_zone,
        "locale": merchant.locale,
        "profile": render_text(merchant.profile),
        **render_policy(merchant),
        **render_freshness(merchant),
        "create_time": render_time(merchant.create_time, zone),
        "update_time": render_time(merchant.update_time, zone),
    }
