"""Gorgias is asked about an encoded address with several "@", since senders may read it differently."""

import pytest

from gateway.customers.address import AskGorgias, Customer, parse_customer
from gateway.gorgias.widget_url import WidgetCall


@pytest.mark.parametrize("email", ["jana%40shop.example%40evil.example", "jana%2540shop.example%40evil.example%40"])
def test_two_encoded_signs_are_asked_of_gorgias(email: str) -> None:
    asked = parse_customer(WidgetCall(ticket_id="4711", customer_id="101", email=email))
    assert asked == AskGorgias(ticket_id="4711", customer_id="101")


def test_one_encoded_sign_is_decoded_once() -> None:
    call = WidgetCall(ticket_id="4711", customer_id="101", email="jana%2540%40shop.example")
    assert parse_customer(call) == Customer("jana%40@shop.example", 101)
