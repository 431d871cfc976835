"""The mark behind the e-mail in the widget's URL: the e-mail ends at the last one, and nothing may follow it."""

from gateway.gorgias.widget_url import parse_widget_call, render_widget_url

CREDENTIAL = "tg_" + "a" * 43
MARK = "&end=" + render_widget_url("https://edge.example", CREDENTIAL).rpartition("&end=")[2]
TARGET = f"/gorgias/widget?token={CREDENTIAL}&ticket_id=4711&customer_id=101&email=jana@example.com{MARK}"


def test_email_is_not_sure_where_anything_follows_the_mark() -> None:
    assert parse_widget_call(TARGET, CREDENTIAL).email == "jana@example.com"
    assert parse_widget_call(f"{TARGET}&more=1", CREDENTIAL).email is None


def test_email_that_holds_a_mark_ends_at_the_last_one() -> None:
    assert parse_widget_call(TARGET + MARK, CREDENTIAL).email == f"jana@example.com{MARK}"
