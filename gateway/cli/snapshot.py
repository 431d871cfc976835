"""`trifft-gorgias snapshot`: what is held of a member between reads of TRIFFT."""

from datetime import timedelta

from cyclopts import App
from google.protobuf.duration_pb2 import Duration

from gateway.cli.arguments import Json, MerchantId
from gateway.cli.loyalty import TIMEOUT_S, fetch_zone, open_loyalty
from gateway.cli.member import NOBODY, WHO_OPTIONS, Who
from gateway.cli.member_record import list_fields, render_snapshot
from gateway.cli.output import print_fields, print_json, print_line
from gateway.cli.settings import load_config
from gateway.cli.times import Zone, render_timestamp, show_time
from gateway.wording.times import parse_time
from protos.loyalty.v1 import loyalty_pb2 as pb

app = App(name="snapshot")


@app.command(help="Show what is held of a member, and since when. TRIFFT is not asked.")
async def show(merchant_id: MerchantId, /, *, who: Who = NOBODY, json: Json = False) -> None:
    identity = who.read()
    async with open_loyalty(merchant_id, WHO_OPTIONS) as loyalty:
        found = await loyalty.get_held_snapshot(merchant_id, identity, timeout_s=TIMEOUT_S)
        zone = await fetch_zone(loyalty, merchant_id)
    max_staleness_s = load_config().max_staleness_s
    if json:
        print_json(_render(found, max_staleness_s, zone))
    elif found.WhichOneof("held") is None:
        print_line("Nothing is held: the next reader asks TRIFFT.")
    else:
        print_fields(_list_fields(found, max_staleness_s, zone))


@app.command(help="Drop a held snapshot, or a held answer that there is no such member. The next reader asks TRIFFT.")
async def drop(merchant_id: MerchantId, /, *, who: Who = NOBODY) -> None:
    identity = who.read()
    async with open_loyalty(merchant_id, WHO_OPTIONS) as loyalty:
        found = await loyalty.get_held_snapshot(merchant_id, identity, timeout_s=TIMEOUT_S)
        await loyalty.drop_snapshot(merchant_id, identity, timeout_s=TIMEOUT_S)
    if found.WhichOneof("held") is None:
        print_line("Nothing was held.")
    else:
        print_line(f"Dropped ({_describe(found)}): the next reader asks TRIFFT.")


def _render(found: pb.GetHeldSnapshotResponse, max_staleness_s: float, zone: Zone) -> dict[str, object]:
    kind = found.WhichOneof("held")
    is_held = kind is not None
    return {
        "is_held": is_held,
        "member": render_snapshot(found.snapshot, zone) if kind == "snapshot" else None,
        "member_count": found.member_count if kind == "member_count" else None,
        "fetch_time": render_timestamp(found.fetch_time, zone) if is_held else None,
        "age_s": _read_seconds(found.age) if is_held else None,
        "hold_time_s": _read_seconds(found.hold_time) if is_held else None,
        "stale_if_error_s": _read_seconds(found.stale_if_error) if is_held else None,
        "answers_ticket_event": is_held and _read_seconds(found.age) <= max_staleness_s,
    }


def _list_fields(found: pb.GetHeldSnapshotResponse, max_staleness_s: float, zone: Zone) -> list[tuple[str, str]]:
    age_s, hold_s, stale_s = (_read_seconds(time) for time in (found.age, found.hold_time, found.stale_if_error))
    is_member = found.WhichOneof("held") == "snapshot"

    def read_end(life_s: float) -> str:
        return show_time(parse_time(found.fetch_time) + timedelta(seconds=life_s), zone)

    event = "asks TRIFFT"
    if age_s <= max_staleness_s:
        event = "is answered with this"
    elif is_member and age_s <= stale_s:
        event += f"; is answered with this, as old data, while TRIFFT fails, until {read_end(stale_s)}"
    others = "ask TRIFFT" if age_s > hold_s else f"are answered with this until {read_end(hold_s)}"
    fields = [
        ("Held", _describe(found)),
        ("Read from TRIFFT", f"{read_end(0)}, {timedelta(seconds=round(age_s))} ago"),
        ("A ticket event", event),
        ("Other readers", others),
    ]
    of_member = list_fields(found.snapshot, zone) if is_member else []
    return [*fields, *((name, value) for name, value in of_member if name != "Data from")]


def _describe(found: pb.GetHeldSnapshotResponse) -> str:
    if found.WhichOneof("held") == "snapshot":
        return f"member {found.snapshot.member.member_id}"
    return f"{found.member_count} members have this" if found.member_count else "not a member"


def _read_seconds(duration: Duration) -> float:
    return duration.ToTimedelta().total_seconds()
