"""The bench's customers of all channels: who they are, what the stand-in counts, and what the report makes of it."""

import asyncio
from typing import Any

import msgspec
from aiohttp.test_utils import TestClient, TestServer

from bench.channels.course import ChannelScale, MeasuredChannels, Part, Seen
from bench.channels.people import Kind, Person, find_member, find_person, make_person
from bench.channels.report import make_channels_report, render_channels
from bench.channels.world import GORGIAS_TALLY_PATH, GorgiasTally, create_world
from bench.limited_trifft import TALLY_PATH, Tally
from bench.trifft import FIND_PATH
from bench.widgets import LIVE, UNAVAILABLE, Answer
from sandbox.gorgias.rate import API_KEY_LIMIT

Client = TestClient[Any, Any]


def test_each_kind_is_found_by_its_own_address_and_by_no_other() -> None:
    expected = {Kind.EMAIL: ["email"], Kind.OTHER_EMAIL: ["email"], Kind.PHONE: ["phone"]}
    for kind in Kind:
        person = make_person(kind, 7)
        assert find_person(person.customer_id) == person
        assert (person.member_id is None) == (kind is Kind.NOBODY)
        addresses = [("email", person.ticket_email), *([person.other] if person.other else [])]
        found = [name for name, address in addresses if address and find_by(name, address) == person]
        assert found == expected.get(kind, [])
    assert find_by("email", "member-1@bench.example") is None
    assert find_by("phone", "+421905999999") is None


def find_by(name: str, address: str) -> Person | None:
    return find_member(**{"email": None, "phone": None, name: address})


async def test_world_counts_and_refuses_by_both_rates() -> None:
    """One shop's Gorgias has its own rate: it takes nothing from another's."""
    person = make_person(Kind.PHONE, 3)
    path = f"/api/customers/{person.customer_id}"
    async with TestClient(TestServer(create_world())) as client:
        many = [get_status(client, f"/gorgias/full{path}") for _ in range(API_KEY_LIMIT.capacity + 5)]
        statuses = await asyncio.gather(*many)
        assert statuses.count(429) == 5
        assert await get_status(client, f"/gorgias/other{path}") == 200
        async with client.get(f"/gorgias/other{path}") as response:
            assert person.other in [(one["type"], one["address"]) for one in (await response.json())["channels"]]
        headers = {"Authorization": "Bearer other"}
        async with client.get(FIND_PATH, params={"phone": person.member_phone}, headers=headers) as response:
            assert [member["id"] for member in await response.json()] == [person.member_id]
        async with client.get(GORGIAS_TALLY_PATH) as response:
            tally = msgspec.json.decode(await response.read(), type=GorgiasTally)
        async with client.get(TALLY_PATH) as response:
            trifft = msgspec.json.decode(await response.read(), type=Tally)
    assert (tally.by_shop, tally.throttled) == ({"full": API_KEY_LIMIT.capacity, "other": 2}, 5)
    assert trifft.by_token == {"other": 1}


async def get_status(client: Client, path: str) -> int:
    async with client.get(path) as response:
        return response.status


def make_part(*outcomes: str, took_s: float = 0.1, refused: int = 0) -> Part:
    answers = [
        Answer(sent_s=1.0, answered_s=1.0 + took_s, outcome=outcome, is_answered=True, because="")
        for outcome in outcomes
    ]
    seen = Seen(trifft=2 * len(answers), gorgias=0, refused_by_trifft=refused, refused_by_gorgias=0)
    return Part(answers=answers, seen=seen)


def test_each_aim_of_the_channels_can_be_missed() -> None:
    scale = ChannelScale()
    good = MeasuredChannels(
        kinds=dict.fromkeys(Kind, (make_part(LIVE), make_part(LIVE))),
        steady=make_part(*[LIVE] * 19, UNAVAILABLE),
        burst=make_part(LIVE, UNAVAILABLE, took_s=1.9),
        single=make_part(LIVE),
        all_live_s=1.0,
    )
    assert [aim.is_met for aim in make_channels_report(good, scale).aims] == [True] * 5
    assert "| 500 at once" in "\n".join(render_channels(make_channels_report(good, scale)))
    bad: list[dict[str, Any]] = [
        {"steady": make_part(*[LIVE] * 18, UNAVAILABLE)},
        {"single": make_part(LIVE, refused=1)},
        {"burst": make_part(LIVE, took_s=2.1)},
        {"all_live_s": None},
        {
            "kinds": good.kinds
            | {
                Kind.EMAIL: (
                    make_part(LIVE),
                    Part(
                        answers=make_part(LIVE).answers,
                        seen=Seen(trifft=2, gorgias=1, refused_by_trifft=0, refused_by_gorgias=0),
                    ),
                )
            }
        },
    ]
    for place, change in enumerate(bad):
        aims = make_channels_report(msgspec.structs.replace(good, **change), scale).aims
        assert [aim.is_met for aim in aims] == [at != place for at in range(5)], change
