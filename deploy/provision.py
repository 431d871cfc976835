"""Adds and installs the stand-in's shops by the operator's commands, run in this process. Can be repeated.

`python -m deploy.provision SANDBOX_URL`; the settings are the environment's.
"""

import argparse
import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.stand_in import Shop, list_members, list_shops, remove_installed, set_webhook
from gateway.cli import main as operate

INSTALLED_ELSEWHERE = "is installed in"
UNVERIFIED = "is not verified"
# One demo shop is set as TRIFFT's page on its integration shows; the other has reasons, a low limit, and a button that
# removes points.
POLICIES = {
    "bloom": [
        *("--reason", "Late delivery", "--reason", "Damaged item", "--reason", "Goodwill"),
        *("--max-per-member-day", "300", "--max-deduction-per-award", "100"),
    ]
}


class ProvisionError(Exception):
    """A step was refused. The message comes from the operator's command."""


class Places:
    """The addresses of the stand-in, for the processes and for a browser."""

    def __init__(self, sandbox_url: str, browser_url: str, *, is_private: bool) -> None:
        self.sandbox_url = sandbox_url
        self.browser_url = browser_url
        self.flags = ["--allow-private-url"] if is_private else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sandbox_url", help="where the gateway and the loyalty service reach the stand-in")
    parser.add_argument("--browser-url", help="where a browser reaches it, if elsewhere")
    parser.add_argument("--allow-private-url", action="store_true", help="the stand-in is on a private network")
    options = parser.parse_args()
    browser_url = options.browser_url or options.sandbox_url
    places = Places(options.sandbox_url, browser_url, is_private=options.allow_private_url)
    try:
        provision_all(places)
    except (ProvisionError, OSError, HTTPException, ValueError) as error:
        print(f"provision: {error}", file=sys.stderr)
        return 1
    return 0


def provision_all(places: Places) -> None:
    """Raises ProvisionError, OSError, HTTPException, ValueError."""
    shops = list_shops(places.sandbox_url)
    listed = {merchant["merchant_id"] for merchant in json.loads(run_command("merchant", "list", "--json"))}
    for shop in shops:
        print(provision(shop, places, is_listed=shop["merchant_id"] in listed), flush=True)


def provision(shop: Shop, places: Places, *, is_listed: bool) -> str:
    """Provision one shop; returns the output of the operator's command. Raises ProvisionError."""
    with TemporaryDirectory(prefix="provision-") as folder:
        said = put_merchant(shop, places, Path(folder), is_listed=is_listed)
        if UNVERIFIED in said:
            said += verify_merchant(shop, places)
        return said + put_installation(shop, places, Path(folder)) + put_webhook(shop, places)


def put_merchant(shop: Shop, places: Places, folder: Path, *, is_listed: bool) -> str:
    """Add the shop, or update it: the stand-in's address may have changed."""
    admin_member_url = f"{places.browser_url}/trifft-admin/{shop['merchant_id']}/members/{{member_id}}"
    arguments = ["--trifft-url", places.sandbox_url, "--admin-member-url", admin_member_url]
    arguments += ["--trifft-token-file", write_private(folder / "trifft-token", shop["trifft_token"])]
    arguments += ["--time-zone", shop["time_zone"], "--locale", shop["locale"]]
    if shop["profile"]:
        arguments += ["--profile", write_private(folder / "profile.toml", shop["profile"])]
    # No probe: it would take from TRIFFT's rate, which the sidebar needs.
    arguments += [*POLICIES.get(shop["merchant_id"], []), *(["--no-probe"] if is_listed else [])]
    return run_command("merchant", "update" if is_listed else "add", shop["merchant_id"], *arguments, *places.flags)


def verify_merchant(shop: Shop, places: Places) -> str:
    """Verify the shop with the balance that the stand-in's own API shows; a person would read it in TRIFFT Admin."""
    member = list_members(places.sandbox_url, shop)[0]
    who = ["--member", member["id"], "--points", str(member["points"])]
    return run_command("merchant", "verify", shop["merchant_id"], *who, "--give", "1")


def put_installation(shop: Shop, places: Places, folder: Path) -> str:
    """Install the shop. An installation at another address belongs to a stand-in whose address has changed."""
    arguments = ["--gorgias-url", f"{places.sandbox_url}/gorgias/{shop['gorgias_account']}"]
    arguments += ["--gorgias-user", shop["gorgias_user"]]
    arguments += ["--gorgias-key-file", write_private(folder / "gorgias-key", shop["gorgias_key"])]
    command = ["install", shop["merchant_id"], *arguments, *places.flags]
    try:
        return run_command(*command)
    except ProvisionError as error:
        if INSTALLED_ELSEWHERE not in str(error):
            raise
    said = run_command("uninstall", shop["merchant_id"], "--forget")
    remove_installed(places.sandbox_url, shop)
    return said + run_command(*command)


def put_webhook(shop: Shop, places: Places) -> str:
    """Set the webhook that an operator would paste into TRIFFT's Admin."""
    shown = json.loads(run_command("webhook", "show", shop["merchant_id"], "--json"))
    set_webhook(places.sandbox_url, shop, shown["url"], shown["header_name"], shown["header_value"])
    return f"{shop['merchant_id']} gets TRIFFT's webhooks.\n"


def write_private(path: Path, secret: str) -> str:
    """Pass secrets in files: everyone can read the arguments of a process."""
    path.touch(mode=0o600)
    path.write_text(f"{secret}\n", encoding="utf-8")
    return str(path)


def run_command(*arguments: str) -> str:
    """Run `trifft-gorgias` without a new interpreter, which takes longer than most commands; returns its output.

    Raises ProvisionError.
    """
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        code = operate(arguments)
    if code != 0:
        raise ProvisionError(" ".join((errors.getvalue().strip() or out.getvalue().strip()).split()))
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
