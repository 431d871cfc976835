"""The fields of a member, in one list that the template, the panel and the operator's commands use."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from gateway.cli.member_record import list_fields, render_snapshot
from gateway.installation.buttons import Buttons
from gateway.widget.template import Variant, render_template
from gateway.wording.panel.member import MEMBER_FIELDS
from gateway.wording.shop import DEFAULT_SHOP
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.widget.test_view import SHOP, make_snapshot


def iter_texts(node: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    if node["type"] == "text":
        yield node["path"], node["title"]
    for child in node.get("widgets", ()):
        yield from iter_texts(child)


@pytest.mark.parametrize("variant", get_args(Variant))
def test_every_field_has_its_row_in_the_template(variant: Variant) -> None:
    template = render_template(variant=variant, public_url="https://edge.example", credential="tg_x", buttons=Buttons())
    assert {(field.key, field.label) for field in MEMBER_FIELDS} <= set(iter_texts(template))


def test_every_field_is_shown_to_operators_and_to_scripts() -> None:
    snapshot = make_snapshot()
    shown, scripted = dict(list_fields(snapshot, SHOP.zone)), render_snapshot(snapshot, SHOP.zone)
    for field in MEMBER_FIELDS:
        assert shown[field.label] == field.render(snapshot.member, DEFAULT_SHOP)
        assert scripted[field.key] == field.read(snapshot.member)


def test_operators_read_name_and_status_first_and_long_fields_last() -> None:
    titles = [title for title, _ in list_fields(make_snapshot(), SHOP.zone)]
    others = [field.label for field in MEMBER_FIELDS if field.key not in {"full_name", "support_id", "segments"}]
    expected = ["Full name", "Referral / support ID", "Status", *others, "Segments", "Coupon"]
    assert titles[: len(expected)] == expected


def test_absent_field_is_a_dash_and_null() -> None:
    member = pb.Member(member_id="m")
    said = {field.key: field.render(member, SHOP) for field in MEMBER_FIELDS}
    assert said == dict.fromkeys(said, "–") | {"points": "Switched off", "tier": "No tier"}
    scripted = render_snapshot(pb.Snapshot(member=member), None)
    assert {scripted[field.key] for field in MEMBER_FIELDS if field.key != "segments"} == {None}
