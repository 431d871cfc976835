import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_service.domain.errors import BadValueError
from loyalty_service.trifft.profile import parse_profile


def test_profile_without_overrides_is_the_default() -> None:
    profile = parse_profile("")
    assert profile.find_member.path == "/v1/member"
    assert profile.credit.point_scale == 1
    assert profile.member.full_name.search({"params": {"first_name": "Jana"}}) == ["Jana", None]


def test_profile_with_one_line_keeps_the_others_of_its_table() -> None:
    profile = parse_profile("[credit]\npoint_scale = 100")
    assert profile.credit.point_scale == 100
    assert profile.credit.points == "points"


def test_lines_for_credits_also_apply_to_debits_and_movements_without_their_own() -> None:
    profile = parse_profile(
        "[credit]\npoint_scale = 100\npath = '/v2/{member_id}'\nnote = 'text'\n[debit]\nnote = 'why'"
    )
    assert (profile.debit.point_scale, profile.list_movements.change_scale) == (100, 100)
    assert (profile.debit.note, profile.debit.path) == ("why", "/v1/member/{member_id}/wallet/debit")
    own = parse_profile("[credit]\npoint_scale = 100\n[list_movements]\nchange_scale = 1")
    assert own.list_movements.change_scale == 1


@pytest.mark.parametrize(
    "expression",
    ["[params.meno, params.priezvisko]", "join(' ', [params.meno, params.priezvisko])", "params.meno"],
)
def test_expression_of_a_name_works_without_any_part_on_file(expression: str) -> None:
    profile = parse_profile(f'[member]\nfull_name = "{expression}"')
    assert not any(profile.member.full_name.search({"params": {"meno": None}}) or [])


def test_join_skips_nulls() -> None:
    profile = parse_profile("[member]\nfull_name = \"join(' ', [params.meno, params.priezvisko])\"")
    assert profile.member.full_name.search({"params": {"meno": "Zuzana"}}) == "Zuzana"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("point_scale 100", "is not TOML"),
        ("[member]\nnickname = 'x'", "unknown field `nickname`"),
        ("[purse]\npath = '/v1/x'", "unknown field `purse`"),
        ("[wallet]\nchosen = 3", "$.wallet.chosen"),
        ("[wallet]\nchosen = 'main'\n[credit]\nwallet = ''", "credit.wallet must not be empty with wallet.chosen"),
        ("[wallet]\nchosen = 'main'\n[debit]\nwallet = ''", "debit.wallet must not be empty with wallet.chosen"),
        ("member = 3", "Expected `object`"),
        ("[member]\nemail = 3", "must be a text - at `$.member.email`"),
        ("[member]\nblocked_states = 'blocked'", "$.member.blocked_states"),
        ("[member]\nemail = 'a['", "is not JMESPath - at `$.member.email`"),
        ("[member]\nemail = 'shout(email)'", "is not JMESPath - at `$.member.email`"),
        ("[member]\nemail = 'length()'", "is not JMESPath - at `$.member.email`"),
        (f"[member]\nemail = '{'(' * 500}'", "is not JMESPath - at `$.member.email`"),
        (f"[member]\nemail = '{'a' * 501}'", "is longer than 500 characters"),
        ("[credit]\npoint_scale = 0", "$.credit.point_scale"),
        ("[credit]\npoint_scale = 1.5", "$.credit.point_scale"),
        ("[credit]\nidempotency_header = 'Authorization'", "$.credit.idempotency_header"),
        ('[credit]\nidempotency_header = "X-A\\n"', "$.credit.idempotency_header"),
        ("[credit]\nmethod = 'GET'", "$.credit.method"),
        ("[credit]\npath = '/v1/wallet/credit'", "credit.path must contain {member_id} once"),
        ("[debit]\npath = '/v1/wallet/debit'", "debit.path must contain {member_id} once"),
        ("[debit]\nmethod = 'GET'", "$.debit.method"),
        ("debit = 3", "Expected `object`"),
        ("[list_movements]\npath = '/v1/movement'", "list_movements.path must contain {member_id} once"),
        ("[list_movements]\ncomplete = 'yes'", "$.list_movements.complete"),
        ("[find_member]\npath = '/v1/member/{member_id}'", "find_member.path must not contain {member_id}"),
        ("[get_member]\npath = '/v1/member/{id}'", "get_member.path must look like"),
        ("[get_member]\npath = '//elsewhere.example/{member_id}'", "get_member.path must look like"),
        ("[get_member]\npath = '/v1/../{member_id}'", "get_member.path must look like"),
        ("[get_member]\npath = '/v1/{member_id}?a=b'", "get_member.path must look like"),
        ("#" * 16_385, "must have at most 16384 characters"),
    ],
)
def test_error_for_a_bad_line_names_it(line: str, sentence: str) -> None:
    with pytest.raises(BadValueError, match="profile") as caught:
        parse_profile(line)
    assert caught.value.field == "profile"
    assert sentence in caught.value.description


@pytest.mark.filterwarnings("ignore:deprecated string literal syntax:PendingDeprecationWarning")  # the library's own
@given(st.text(max_size=200), st.sampled_from(["{}", "[member]\nemail = '{}'", "[credit]\n{} = 1"]))
def test_profile_of_any_text_is_read_or_refused(text: str, form: str) -> None:
    """No other error may be raised."""
    with contextlib.suppress(BadValueError):
        parse_profile(form.replace("{}", text))
