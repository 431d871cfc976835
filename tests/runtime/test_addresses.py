"""Only ASCII case folds in an address, and a domain's two spellings are one."""

import idna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime.addresses import fold_ascii_case, list_email_spellings, make_email_key
from tests.addresses import PAIRS, is_same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jana@Example.COM", "jana@example.com"),
        ("jana@bücher.example", "jana@xn--bcher-kva.example"),
        ("JANA@xn--BCHER-kva.example", "jana@bücher.example"),
        ("a@b@example.com", "A@B@EXAMPLE.com"),
    ],
)
def test_spellings_of_one_address_share_a_key(one: str, other: str) -> None:
    assert make_email_key(one) == make_email_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("straße@x.com", "strasse@x.com"),
        ("jana@straße.example", "jana@strasse.example"),
        ("jose\u0301@x.com", "jos\u00e9@x.com"),
        ("\u212aim@x.com", "kim@x.com"),
        ("jana@\u212aim.example", "jana@kim.example"),
        ("jana@x\uff0ecom", "jana@x.com"),
        ("jana@x\u3002com", "jana@x.com"),
        ("jana@x\uff61com", "jana@x.com"),
        ("\uff4aana@x.com", "jana@x.com"),
        ("jana@x.com ", "jana@x.com"),
        ("jana+a@x.com", "jana@x.com"),
        ("İ@x.com", "i@x.com"),
        ("jana@x.com", "jana"),
        ("jana@Straße.example", "jana@straße.example"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_look_alikes_have_keys_of_their_own(one: str, other: str) -> None:
    assert make_email_key(one) != make_email_key(other)


@settings(max_examples=100)
@given(pair=PAIRS)
def test_two_addresses_share_a_key_where_the_rule_says_that_they_are_one(pair: tuple[str, str]) -> None:
    one, other = pair
    assert (make_email_key(one) == make_email_key(other)) is is_same(one, other)


@given(email=st.text(max_size=30).map(lambda text: f"{text}@example.com"))
@example(email="JANA@example.com")
def test_key_changes_only_the_ascii_case_of_the_local_part(email: str) -> None:
    key = make_email_key(email)

    assert len(key) == len(email)
    assert all(
        mine == theirs or (theirs.isascii() and mine == theirs.lower()) for mine, theirs in zip(key, email, strict=True)
    )


@given(domain=st.text(alphabet="abcxyzXYZäöüÄßñ中-.", min_size=1, max_size=20))
@example(domain="bücher.example")
def test_every_other_spelling_is_the_same_address(domain: str) -> None:
    email = f"Jana@{domain}"

    others = list_email_spellings(email)

    assert email not in others
    assert {make_email_key(other) for other in others} <= {make_email_key(email)}


def test_an_address_in_capitals_of_a_domain_with_two_spellings_has_two_others() -> None:
    assert list_email_spellings("Jana@bücher.example") == ["jana@bücher.example", "jana@xn--bcher-kva.example"]
    assert list_email_spellings("jana@xn--bcher-kva.example") == ["jana@bücher.example"]
    assert list_email_spellings("jana@example.com") == []


@pytest.mark.parametrize(
    ("email", "others"),
    [
        ("JANA@a_B.example", ["jana@a_B.example"]),
        ("Jana@BÜCHER.example", ["jana@BÜCHER.example"]),
        ("jana@BÜCHER.example", []),
        (
            "jana@xn--bcher-kva.bücher.example",
            ["jana@xn--bcher-kva.xn--bcher-kva.example", "jana@bücher.bücher.example"],
        ),
    ],
)
def test_other_spellings_are_those_of_the_same_address_only(email: str, others: list[str]) -> None:
    assert list_email_spellings(email) == others


def test_a_domain_that_idna_refuses_is_compared_as_written() -> None:
    with pytest.raises(idna.IDNAError):
        idna.encode("a_b.example")
    assert make_email_key("jana@a_b.example") == "jana@a_b.example"
    assert make_email_key("jana@a_b.example") != make_email_key("jana@a-b.example")


def test_only_ascii_case_folds() -> None:
    assert fold_ascii_case("JÁNA İ ẞ") == "jÁna İ ẞ"
