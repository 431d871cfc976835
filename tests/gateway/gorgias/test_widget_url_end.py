"""The mark behind the e-mail in the widget's URL. The last mark ends the e-mail, and nothing may follow it."""

from gateway.gorgias.widget_url import parse_widget_call, render_widget_url

CREDENTIAL = "tg_" + "a" * 43
MARK = "&end=" + render_widget_url("https://edge.example", CREDENTIAL).rpartition("&end=")[2]
TARGET = f"/gorgias/widget?token={CREDENTIAL}&ticket_id=4711&customer_id=101&email=jana@example.com{MARK}"


def test_url_with_text_after_the_mark_has_no_email() -> None:
    assert parse_widget_call(TARGET, CREDENTIAL).email == "jana@example.com"
    assert parse_widget_call(f"{TARGET}&more=1", CREDENTIAL).email is None


def test_email_that_holds_a_mark_ends_at_the_last_one() -> None:
    assert parse_widget_call(TARGET + MARK, CREDENTIAL).email == f"jana@example.com{MARK}"
