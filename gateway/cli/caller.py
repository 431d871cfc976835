"""`trifft-gorgias caller`: services that call the loyalty service with keys of their own."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from gateway.cli.arguments import Json, make_label_check
from gateway.cli.loyalty import TIMEOUT_S, open_loyalty
from gateway.cli.output import print_hint, print_json, print_line, print_table, render_enum
from gateway.cli.times import render_timestamp, show_timestamp
from protos.loyalty.v1 import loyalty_pb2 as pb

_ROLES = {"read": pb.CALLER_ROLE_READ, "award": pb.CALLER_ROLE_AWARD, "admin": pb.CALLER_ROLE_ADMIN}
_OPTIONS = {"caller.name": "NAME", "name": "NAME", "caller.role": "--role"}
_ALL_SHOPS = "all"


Name = Annotated[
    str, Parameter(name="NAME", help="Its name: one DNS label, for example crm.", validator=make_label_check("NAME"))
]
app = App(name="caller")


@app.command(help="Add a caller and print its key, once. Only a hash of the key is kept.")
async def add(
    name: Name,
    /,
    *,
    role: Annotated[
        Literal["read", "award", "admin"], Parameter(help="read; award: also gives points; admin: does everything.")
    ],
    merchant: Annotated[
        str | None, Parameter(help="The only shop that it may ask about.", validator=make_label_check("--merchant"))
    ] = None,
    json: Json = False,
) -> None:
    wanted = pb.Caller(name=name, role=_ROLES[role], merchant_id=merchant or "")
    async with open_loyalty(merchant or "ID", _OPTIONS) as loyalty:
        added = await loyalty.create_caller(wanted, timeout_s=TIMEOUT_S)
    if json:
        print_json({**_render(added.caller), "key": added.key})
        return
    # Its words are no part of the output, so that `> FILE` has the key alone.
    print_hint(f"{name} added: role {role}, {_name_shops(added.caller)}. This is its key; it is not shown again.")
    print_line(added.key)


@app.command(name="list", help="List the callers. LOYALTY_API_KEY is none of them.")
async def list_all(*, json: Json = False) -> None:
    async with open_loyalty() as loyalty:
        callers = await loyalty.list_callers(timeout_s=TIMEOUT_S)
    if json:
        print_json([_render(caller) for caller in callers])
    elif callers:
        print_table(("caller", "role", "shop", "since"), (_list_cells(caller) for caller in callers))
    else:
        print_line("No caller yet. Add one: trifft-gorgias caller add NAME --role read|award|admin")


@app.command(help="Remove a caller. Its key is refused within 5 s; its awards keep its name.")
async def remove(name: Name, /) -> None:
    async with open_loyalty(options=_OPTIONS) as loyalty:
        await loyalty.delete_caller(name, timeout_s=TIMEOUT_S)
    print_line(f"{name} removed. Its key is refused within 5 s.")


def _render(caller: pb.Caller) -> dict[str, object]:
    return {
        "name": caller.name,
        "role": _render_role(caller),
        "merchant_id": caller.merchant_id or None,
        "create_time": render_timestamp(caller.create_time, None),
    }


def _list_cells(caller: pb.Caller) -> tuple[str, ...]:
    shop = caller.merchant_id or _ALL_SHOPS
    return (caller.name, _render_role(caller), shop, show_timestamp(caller.create_time, None))


def _render_role(caller: pb.Caller) -> str:
    return render_enum(pb.CallerRole, caller.role, "CALLER_ROLE_")


def _name_shops(caller: pb.Caller) -> str:
    return f"shop {caller.merchant_id}" if caller.merchant_id else "all shops"
