"""`link list` and `link remove`, and the links of a person who is forgotten."""

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.database import open_database
from gateway.installation.store import InstallationStore, Target
from gateway.links.link import Agent, EndKind, LinkEnd, NewLink
from gateway.links.store import LinkLimit, LinkStore
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.encryption import SecretKeys
from tests.gateway.cli.desk import Desk
from tests.gateway.cli.prepared import KEY

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANA = Agent(name="Ana Kovacs", email="ana@acme.example")


@pytest.fixture(scope="module")
def linked_file(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Path:
    path = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("linked") / "gateway.db"))
    asyncio.run(make_links(path))
    return path


@pytest.fixture
def links(desk: Desk, linked_file: Path) -> None:
    """The links of customer 101, who was unlinked, of 102, and of 201, into whom 103 was merged."""
    shutil.copy(linked_file, desk.folder / "gateway.db")


async def make_links(path: Path) -> None:
    keys = SecretKeys([KEY])
    async with open_database(f"sqlite:///{path}") as database:
        target = Target(
            gorgias_url="https://acme.gorgias.com",
            gorgias_user="u",
            gorgias_key="k",
            template="list",
            public_url="https://edge.example",
        )
        await InstallationStore(database, keys).add("acme", target)
        store, made = LinkStore(database, keys), []
        for customer_id, member_id, support_id, agent in (
            (101, "member-1", "JN-4821", ANA),
            (102, "member-1", "JN-4821", Agent(name="Ben")),
            (103, "member-2", "ZO-5190", Agent()),
        ):
            new = NewLink(
                merchant_id="acme",
                customer_id=customer_id,
                member_id=member_id,
                support_id=support_id,
                agent=agent,
                ticket_id=4711,
                channels=frozenset({("email", f"{customer_id}@x.example")}),
            )
            change = await store.add(new, NOON, LinkLimit(most=9, day_start=NOON), lambda *_: False)
            made.append(change.link)
        end = LinkEnd(kind=EndKind.UNLINKED, agent=Agent(name="Ben"), ticket_id=4712, time=NOON)
        await store.end("acme", 101, None, end)
        moved = await store.move(made[2], 201, [("email", "103@x.example")], NOON)
        assert moved is not None


def list_numbers(desk: Desk, *arguments: str) -> list[str]:
    done = desk.run("link", "list", "acme", "--json", *arguments)
    assert done.code == 0
    return [one["link_id"] for one in done.data]


@pytest.mark.usefixtures("links")
def test_links_are_listed_newest_first_with_agent_start_and_end(desk: Desk) -> None:
    done = desk.run("link", "list", "acme")
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines() if line.strip()]
    assert lines[2:] == [
        "L-4, was L-3 201 ZO-5190 – 2026-11-23 13:00:00 CET 4711 stands",
        "L-3 103 ZO-5190 – 2026-11-23 13:00:00 CET 4711 2026-11-23 13:00:00 CET, merged",
        "L-2 102 JN-4821 Ben 2026-11-23 13:00:00 CET 4711 stands",
        "L-1 101 JN-4821 Ana Kovacs 2026-11-23 13:00:00 CET 4711 2026-11-23 13:00:00 CET, unlinked by Ben",
    ]


@pytest.mark.usefixtures("links")
def test_links_are_filtered(desk: Desk) -> None:
    filters: dict[tuple[str, ...], list[str]] = {
        (): ["L-4", "L-3", "L-2", "L-1"],
        ("--limit", "1"): ["L-4"],
        ("--member", "member-1"): ["L-2", "L-1"],
        ("--member", "zo-5190"): ["L-4", "L-3"],
        ("--customer", "101"): ["L-1"],
        ("--agent", "ANA@acme.example"): ["L-1"],
        ("--agent", "Ben"): ["L-2"],
        ("--member", "member-1", "--agent", "Nobody"): [],
    }
    assert {arguments: list_numbers(desk, *arguments) for arguments in filters} == filters
    assert "No such link is on record." in desk.run("link", "list", "acme", "--customer", "9").out
    other = desk.run("link", "list", "bloom", "--json")
    assert (other.code, other.err) == (1, "trifft-gorgias: bloom is not installed, so it has no links\n")


def test_impossible_values_are_wrong_usage(desk: Desk) -> None:
    for arguments in (("list", "acme", "--limit", "0"), ("list", "acme", "--customer", "x"), ("remove", "acme", "-1")):
        done = desk.run("link", *arguments)
        assert (done.code, done.out) == (2, "")


@pytest.mark.usefixtures("links")
def test_link_as_json_has_every_field(desk: Desk) -> None:
    [one] = desk.run("link", "list", "acme", "--customer", "101", "--json").data
    assert one == {
        "link_id": "L-1",
        "customer_id": 101,
        "member_id": "member-1",
        "support_id": "JN-4821",
        "claimed_agent_name": "Ana Kovacs",
        "claimed_agent_email": "ana@acme.example",
        "ticket_id": 4711,
        "link_time": "2026-11-23T13:00:00.000+01:00",
        "moved_from": None,
        "end": {
            "kind": "unlinked",
            "name": "Ben",
            "email": None,
            "ticket_id": 4712,
            "time": "2026-11-23T13:00:00.000+01:00",
        },
    }


@pytest.mark.usefixtures("links")
def test_removed_link_records_the_operator(desk: Desk) -> None:
    done = desk.run("link", "remove", "acme", "102")
    assert (done.code, done.err) == (0, "")
    assert "L-2 is removed: customer 102 is not linked any more." in done.out
    [one] = desk.run("link", "list", "acme", "--customer", "102", "--json").data
    assert (one["end"]["kind"], "@" in one["end"]["name"]) == ("removed", True)
    again = desk.run("link", "remove", "acme", "102")
    assert (again.code, again.out) == (1, "")
    assert "customer 102 of acme is not linked" in again.err
    as_json = desk.run("link", "remove", "acme", "201", "--json")
    assert (as_json.data["link_id"], as_json.data["end"]["kind"]) == ("L-4", "removed")


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (("--member", "member-1"), ["L-4", "L-3"]),
        (("--support-id", "zo-5190"), ["L-2", "L-1"]),
        (("--email", "102@X.example"), ["L-4", "L-3", "L-1"]),
    ],
)
def test_forgotten_person_is_in_no_link(desk: Desk, names: tuple[str, ...], kept: list[str]) -> None:
    """This holds even if neither TRIFFT nor the awards know them any more."""
    desk.books.erasure = pb.EraseMemberResponse()
    done = desk.run("member", "forget", "acme", *names, "--yes", "--json")
    assert (done.code, done.data["forgotten_link_count"]) == (0, 4 - len(kept))
    assert list_numbers(desk) == kept


@pytest.mark.usefixtures("links")
def test_answer_counts_forgotten_links(desk: Desk) -> None:
    desk.books.erasure = pb.EraseMemberResponse()
    done = desk.run("member", "forget", "acme", "--member", "member-1", "--yes")
    assert "Deleted: 2 links of customers to them, also from the record." in done.out
