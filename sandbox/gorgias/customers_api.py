"""REST: customers."""

from typing import Any

from aiohttp import web

from sandbox.gorgias.account import Account
from sandbox.gorgias.admission import ACCOUNT
from sandbox.gorgias.customer import Channel, Customer
from sandbox.gorgias.errors import GorgiasError, make_json
from sandbox.gorgias.merge import MergeError, merge
from sandbox.gorgias.pagination import read_id
from sandbox.gorgias.switches import MergedCustomer
from sandbox.gorgias.triggers import TRIGGERS


async def get_customer(request: web.Request) -> web.Response:
    account, customer_id = request[ACCOUNT], read_id(request)
    customer = account.state.customers.get(customer_id)
    if customer:
        return make_json(render_whole_customer(customer))
    target_id = account.state.merged.get(customer_id)
    if target_id is None or account.state.switches.merged_customer is MergedCustomer.GONE:
        raise GorgiasError(404, "Customer not found.")
    moved = make_json({}, status=301)
    moved.headers["Location"] = f"/gorgias/{account.profile.name}/api/customers/{target_id}"
    return moved


async def merge_customers(request: web.Request) -> web.Response:
    """Answers the target; the source is gone. 409 where the contract lets the merge fail (the status is assumed)."""
    account = request[ACCOUNT]
    source, target = (_find_named(request, account, name) for name in ("source_id", "target_id"))
    try:
        merge(account, request.config_dict[TRIGGERS], source, target)
    except MergeError as error:
        raise GorgiasError(409, str(error)) from error
    return make_json(render_whole_customer(target))


def _find_named(request: web.Request, account: Account, name: str) -> Customer:
    text = request.query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 16):  # noqa: PLR2004 - far beyond any id
        raise GorgiasError(400, "Failed to validate the request.", {name: ["Not a valid id."]})
    customer = account.state.customers.get(int(text))
    if customer is None:
        raise GorgiasError(404, "Customer not found.")
    return customer


def render_customer(customer: Customer) -> dict[str, Any]:
    """Render a customer as a ticket shows them."""
    return {"id": customer.id, "name": customer.name, "email": customer.email}


def render_whole_customer(customer: Customer) -> dict[str, Any]:
    """Render a customer with all channels. The first channel of each type is the preferred one."""
    first: dict[str, Channel] = {}
    channels = [
        {"type": one.type, "address": one.address, "preferred": first.setdefault(one.type, one) is one}
        for one in customer.channels
    ]
    return render_customer(customer) | {"channels": channels}
