"""The widget's URL as Gorgias has it, and its parts when it arrives."""

import re

import pytest

from gateway.gorgias.widget_url import (
    UrlForm,
    WidgetCall,
    find_token,
    is_old_widget_url,
    parse_widget_call,
    render_widget_url,
)

CREDENTIAL = "tg_" + "a" * 43
OTHER = "tg_" + "b" * 43
URL = render_widget_url("https://edge.example", CREDENTIAL)
END = URL.rpartition("&end=")[2]
OLD = "/gorgias/widget?email={}&ticket_id=4711&customer_id=101&token={}"


def make_target(email: str) -> str:
    return f"/gorgias/widget?token={CREDENTIAL}&ticket_id=4711&customer_id=101&email={email}&end={END}"


def test_widget_url_leaves_the_braces_as_they_are() -> None:
    """Gorgias replaces nothing within percent-encoded braces."""
    assert (
        f"https://edge.example/gorgias/widget?token={CREDENTIAL}&ticket_id={{{{ticket.id}}}}"
        f"&customer_id={{{{ticket.customer.id}}}}&email={{{{ticket.customer.email}}}}&end={END}"
    ) == URL


def test_end_mark_depends_on_the_credential_without_revealing_it() -> None:
    """The mark has no character that a sender encodes."""
    assert re.fullmatch("[0-9a-f]{24}", END)
    assert render_widget_url("https://new.example", CREDENTIAL).endswith(f"&end={END}")
    assert not render_widget_url("https://edge.example", OTHER).endswith(END)
    assert END not in CREDENTIAL


@pytest.mark.parametrize(
    "email",
    ["jana@example.com", "", "a&end=b@c", "a&email=b@c", f"a&ticket_id=4712&customer_id=102&token={OTHER}@c", "a b%"],
)
def test_email_is_everything_between_our_parameters_and_the_mark(email: str) -> None:
    found = parse_widget_call(make_target(email), CREDENTIAL)
    assert found == WidgetCall(form=UrlForm.CURRENT, ticket_id="4711", customer_id="101", email=email)


@pytest.mark.parametrize("change", [lambda target: target[:-1], lambda target: target.partition("@")[0]])
def test_url_without_its_end_has_no_email_but_a_ticket(change: object) -> None:
    assert callable(change)
    found = parse_widget_call(change(make_target("jana@example.com")), CREDENTIAL)
    assert found == WidgetCall(form=UrlForm.CUT, ticket_id="4711", customer_id="101")


def test_mark_of_another_credential_does_not_end_the_email() -> None:
    assert parse_widget_call(make_target("jana@example.com"), OTHER).email is None


@pytest.mark.parametrize("email", ["jana@example.com", "", f"x&ticket_id=4712&customer_id=102&token={OTHER}&@evil.com"])
def test_last_parameters_of_an_old_url_are_ours(email: str) -> None:
    target = OLD.format(email, CREDENTIAL)
    found = parse_widget_call(target, CREDENTIAL)
    assert found == WidgetCall(form=UrlForm.OLD, ticket_id="4711", customer_id="101")


@pytest.mark.parametrize("token", [OTHER, ""])
def test_old_url_with_a_foreign_end_says_nothing(token: str) -> None:
    """A "#" in the e-mail cut the URL, so the customer's own text ends it."""
    assert parse_widget_call(OLD.format("x", token), CREDENTIAL) == WidgetCall()


@pytest.mark.parametrize(
    ("target", "token"),
    [
        (make_target("x&token=f@evil.com"), CREDENTIAL),
        (make_target("x") + "&token=f", CREDENTIAL),
        (OLD.format("x&token=f@evil.com", CREDENTIAL), CREDENTIAL),
        (f"/gorgias/actions/award-points?token={CREDENTIAL}", CREDENTIAL),
        (f"/gorgias/actions/award-points?award_token=x&token={CREDENTIAL}", CREDENTIAL),
        (f"/gorgias/widget?a=b&token={CREDENTIAL}&c=d", ""),
        ("/gorgias/widget?award_token=x", ""),
        ("/gorgias/widget", ""),
    ],
)
def test_token_is_the_first_or_the_last_parameter(target: str, token: str) -> None:
    assert find_token(target) == token


def test_old_url_is_recognised_by_the_place_of_its_email() -> None:
    assert is_old_widget_url("https://edge.example" + OLD.format("{{ticket.customer.email}}", CREDENTIAL))
    assert not is_old_widget_url(URL)
