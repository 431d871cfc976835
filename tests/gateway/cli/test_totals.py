"""`award totals` by member and by week, of one shop and of all."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.message import Message

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.cli.books import Context, Refusal
from tests.gateway.cli.operating import Operator, Result

NO_STORE = Refusal(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", "the loyalty service's database does not answer")
SERVED = {"LoyaltyService": ("SumAwards",), "MerchantService": ("ListMerchants", "GetMerchant")}


@dataclass
class Shops:
    """A loyalty service of some shops, with the points of each of their members. `lost`: shops that cannot be read."""

    points: dict[str, dict[str, int]]
    lost: set[str] = field(default_factory=set)
    requests: list[pb.SumAwardsRequest] = field(default_factory=list)

    def ListMerchants(self, request: pb.ListMerchantsRequest, _context: Context) -> pb.ListMerchantsResponse:  # noqa: N802
        """Answer with one shop per page."""
        names = sorted(self.points)
        place = int(request.page_token or 0)
        more = str(place + 1) if place + 1 < len(names) else ""
        page = [pb.Merchant(merchant_id=name) for name in names[place : place + 1]]
        return pb.ListMerchantsResponse(merchants=page, next_page_token=more)

    def GetMerchant(self, request: pb.GetMerchantRequest, _context: Context) -> pb.GetMerchantResponse:  # noqa: N802
        return pb.GetMerchantResponse(merchant=pb.Merchant(merchant_id=request.merchant_id, time_zone="UTC"))

    def SumAwards(self, request: pb.SumAwardsRequest, context: Context) -> pb.SumAwardsResponse:  # noqa: N802
        self.requests.append(request)
        if request.merchant_id in self.lost:
            NO_STORE.abort(context)
        points = self.points[request.merchant_id]
        if request.group_by != pb.AWARD_GROUPING_MEMBER:
            key = "2026-W48" if request.group_by == pb.AWARD_GROUPING_WEEK else ""
            whole = pb.AwardSum(key=key, award_count=len(points), points=sum(points.values()))
            return pb.SumAwardsResponse(sums=[whole] if points else [])
        names = sorted(points, key=lambda name: -points[name])
        begin = int(request.page_token or 0)
        end = begin + request.page_size
        sums = [
            pb.AwardSum(key=f"id-{name}", member_support_id=name, award_count=1, points=points[name])
            for name in names[begin:end]
        ]
        return pb.SumAwardsResponse(sums=sums, next_page_token=str(end) if end < len(names) else "")


def make_handler(method: Callable[..., Message], name: str) -> "grpc.RpcMethodHandler[Any, Any]":
    return grpc.unary_unary_rpc_method_handler(
        method,
        request_deserializer=getattr(pb, f"{name}Request").FromString,
        response_serializer=getattr(pb, f"{name}Response").SerializeToString,
    )


@contextmanager
def serve(shops: Shops) -> Iterator[str]:
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads, options=(("grpc.so_reuseport", 0),))
        for service, names in SERVED.items():
            handlers = {name: make_handler(getattr(shops, name), name) for name in names}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"loyalty.v1.{service}", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()


@pytest.fixture
def shops() -> Shops:
    return Shops({"acme": {"JN-1": 50, "BO-2": 300, "AN-3": 7}, "bloom": {"ZO-9": 5}, "quiet": {}})


@pytest_asyncio.fixture(loop_scope="session")
async def desk(shops: Shops, tmp_path: Path) -> AsyncIterator[Operator]:
    with serve(shops) as target:
        settings = {
            "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path / 'gateway.db'}",
            "GATEWAY_SECRET_KEYS": "A" * 43 + "=",
            "GATEWAY_LOYALTY_TARGET": target,
        }
        yield Operator(settings, tmp_path)


def read_rows(result: Result) -> list[list[str]]:
    """Return the cells of each line that has a number."""
    return [re.split(r"\s{2,}", line.strip()) for line in result.out.splitlines() if re.search(r"\d", line)]


async def test_members_have_a_line_each_and_their_support_id(desk: Operator) -> None:
    shown = await desk.run("award", "totals", "acme", "--by", "member")
    data = (await desk.run("award", "totals", "acme", "--by", "member", "--json")).data

    assert (shown.code, shown.err) == (0, "")
    assert [row[:4] for row in read_rows(shown)[:3]] == [
        ["BO-2", "id-BO-2", "1", "300"],
        ["JN-1", "id-JN-1", "1", "50"],
        ["AN-3", "id-AN-3", "1", "7"],
    ]
    assert read_rows(shown)[3][:3] == ["all", "3", "357"]
    figures = {"reversed_points": 0, "in_doubt_points": 0, "removed_points": 0}
    assert data[0] == {"key": "id-BO-2", "member_support_id": "BO-2", "award_count": 1, "points": 300, **figures}


async def test_limit_shows_the_first_members_and_the_sum_of_all(desk: Operator, shops: Shops) -> None:
    shops.points["acme"] = {f"M-{number}": number + 1 for number in range(1500)}
    shown = await desk.run("award", "totals", "acme", "--by", "member", "--limit", "1200", "--json")
    first = await desk.run("award", "totals", "acme", "--by", "member", "--limit", "1")

    assert len(shown.data) == 1200
    assert shown.err == "These are the 1200 members with the most points: --limit 12000 shows more.\n"
    assert [row[:4] for row in read_rows(first)] == [
        ["M-1499", "id-M-1499", "1", "1500"],
        ["all", "1500", str(sum(range(1501))), "0"],
    ]
    assert [request.page_size for request in shops.requests if request.page_size] == [1000, 200, 1]


async def test_all_shops_have_a_table_each_and_a_sum(desk: Operator) -> None:
    shown = await desk.run("award", "totals", "--all", "--by", "week")
    data = (await desk.run("award", "totals", "--all", "--by", "week", "--json")).data

    assert (shown.code, shown.err) == (0, "")
    assert [line for line in shown.out.splitlines() if line in {"acme", "bloom", "quiet"}] == ["acme", "bloom"]
    assert [row[:3] for row in read_rows(shown)] == [
        ["2026-W48", "3", "357"],
        ["all", "3", "357"],
        ["2026-W48", "1", "5"],
        ["all", "1", "5"],
        ["3", "4", "362"],
    ]
    assert [(one["merchant_id"], one["key"], one["points"]) for one in data] == [
        ("acme", "2026-W48", 357),
        ("bloom", "2026-W48", 5),
    ]


async def test_unreadable_shop_is_reported_and_the_others_are_summed(desk: Operator, shops: Shops) -> None:
    shops.lost = {"acme"}
    for arguments in ([], ["--json"]):
        result = await desk.run("award", "totals", "--all", "--by", "reason", *arguments)

        assert result.code == 1
        assert "acme cannot be read: the loyalty service's database does not answer (STORE_UNAVAILABLE)" in result.err
        assert "1 of 3 shops cannot be read: the sums are without them." in result.err
    assert [one["merchant_id"] for one in result.data] == ["bloom"]


async def test_shops_without_awards_are_an_empty_list(desk: Operator, shops: Shops) -> None:
    shops.points = {"quiet": {}}
    assert (await desk.run("award", "totals", "--all", "--by", "week", "--json")).data == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--by", "week"],
        ["acme", "--all", "--by", "week"],
        ["--all", "--by", "week", "--member", "JN-1"],
        ["--all", "--by", "week", "--ticket", "7"],
        ["acme", "--by", "week", "--limit", "5"],
        ["acme", "--by", "member", "--limit", "0"],
        ["A_B", "--by", "week"],
        ["--all", "--by", "week", "--from", "2026-11-23", "--before", "2026-11-23"],
    ],
)
async def test_wrong_usage_of_totals_is_one_line(desk: Operator, arguments: list[str]) -> None:
    result: Any = await desk.run("award", "totals", *arguments)

    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
