"""`trifft-gorgias award`: points given by support."""

from gateway.cli.arguments import parse_merchant_id
from gateway.cli.errors import CommandError
from gateway.cli.merchant import Json, MerchantId
from gateway.cli.output import print_json, print_line, print_table, read_timestamp, render_time
from gateway.cli.settings import load_config
from gateway.errors import LoyaltyCallError
from gateway.installation.advice import get_advice
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_PAGE_SIZE = 1000
_TIMEOUT_S = 10.0


async def list_all(merchant_id: MerchantId, /, *, json: Json = False) -> None:
    """List a shop's awards, newest first."""
    parse_merchant_id(merchant_id)
    config = load_config()
    async with LoyaltyClient(config.loyalty_target, config.loyalty_key) as loyalty:
        try:
            awards = await _fetch_all(loyalty, merchant_id)
        except LoyaltyCallError as error:
            advice = get_advice(error.reason, merchant_id)
            raise CommandError(f"{error.message} ({error.reason}): {advice}") from error
    if json:
        print_json([_render(award) for award in awards])
    elif awards:
        columns = ("award", "state", "points", "member", "ticket", "agent (claimed)", "note", "made")
        print_table(columns, (_list_cells(award) for award in awards))
    else:
        print_line(f"{merchant_id} has no awards yet.")


async def _fetch_all(loyalty: LoyaltyClient, merchant_id: str) -> list[pb.Award]:
    awards: list[pb.Award] = []
    page_token = ""
    while True:
        page = await loyalty.list_awards(merchant_id, page_size=_PAGE_SIZE, page_token=page_token, timeout_s=_TIMEOUT_S)
        awards += page.awards
        page_token = page.next_page_token
        if not page_token:
            return awards


def _render(award: pb.Award) -> dict[str, object]:
    return {
        "award_id": award.award_id,
        "state": _render_state(award),
        "points": award.points,
        "member_id": award.member_id,
        "ticket_id": award.ticket_id,
        "note": award.note,
        "claimed_agent_email": award.claimed_agent_email,
        "claimed_agent_name": award.claimed_agent_name,
        "request_id": award.request_id,
        "rejection_reason": pb.ErrorReason.Name(award.rejection_reason) if award.rejection_reason else None,
        "retryable": award.retryable,
        "delayed": award.delayed,
        "balance": award.balance.points_balance if award.HasField("balance") else None,
        "provider_reference": award.provider_reference,
        "create_time": render_time(award.create_time),
        "update_time": render_time(award.update_time),
    }


def _render_state(award: pb.Award) -> str:
    return pb.AwardState.Name(award.state).removeprefix("AWARD_STATE_").lower()


def _list_cells(award: pb.Award) -> tuple[str, ...]:
    agent = award.claimed_agent_name or award.claimed_agent_email
    made = read_timestamp(award.create_time)
    points = f"+{award.points}"
    return (award.award_id, _render_state(award), points, award.member_id, award.ticket_id, agent, award.note, made)
