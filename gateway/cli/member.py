"""`trifft-gorgias member`: one person of a shop's loyalty programme."""

from gateway.cli.arguments import parse_merchant_id
from gateway.cli.errors import CommandError
from gateway.cli.loyalty import TIMEOUT_S, explain_refused
from gateway.cli.member_record import list_fields, render_snapshot
from gateway.cli.merchant import Json, MerchantId
from gateway.cli.output import print_fields, print_json
from gateway.cli.settings import load_config
from gateway.cli.who import WHO_OPTIONS, Who
from gateway.cli.zone import fetch_zone
from gateway.errors import LoyaltyCallError
from gateway.loyalty_client import LoyaltyClient


async def show(merchant_id: MerchantId, /, *, who: Who | None = None, json: Json = False) -> None:
    """Show a member as TRIFFT has them now."""
    parse_merchant_id(merchant_id)
    named = who or Who()
    identity, config = named.read(), load_config()
    async with LoyaltyClient(config.loyalty_target, config.loyalty_key) as loyalty:
        try:
            snapshot = await loyalty.find_member(merchant_id, identity, max_staleness_s=0, timeout_s=TIMEOUT_S)
            zone = await fetch_zone(loyalty, merchant_id)
        except LoyaltyCallError as error:
            if error.reason == "MEMBER_NOT_FOUND":
                raise CommandError(f"{merchant_id} has no loyalty member with this {named.words}") from error
            if error.reason == "MEMBER_AMBIGUOUS":
                count = error.metadata.get("member_count", "several")
                words = f"{count} members of {merchant_id} have this {named.words}: merge them in TRIFFT"
                raise CommandError(words) from error
            raise explain_refused(error, merchant_id, WHO_OPTIONS) from error
    if json:
        print_json(render_snapshot(snapshot, zone))
    else:
        print_fields(list_fields(snapshot, zone))
