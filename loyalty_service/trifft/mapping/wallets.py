"""The balance that counts: the member's own, or that of the wallet that the shop has chosen."""

from typing import Any

from loyalty_service.domain.member import NoBalance, Wallet
from loyalty_service.trifft.expression import Expression
from loyalty_service.trifft.mapping.fields import FieldReader, parse_list
from loyalty_service.trifft.mapping.values import parse_id, parse_points
from loyalty_service.trifft.profile import Profile
from loyalty_service.trifft.wire import WireError


def read_balance(row: dict[str, Any], profile: Profile, reader: FieldReader) -> Wallet | NoBalance:
    lines = profile.wallet
    listed = reader.read("wallet.items", lines.items, row, parse_list, None)
    if lines.chosen and listed is None:
        return NoBalance.UNREADABLE  # the member's own balance may be another wallet's
    wallets = [wallet for wallet in listed or [] if wallet is not None]
    if lines.chosen and wallets:
        return _read_chosen(wallets, profile, reader)
    if len(wallets) > 1:
        return NoBalance.SEVERAL
    return _read_points("member.points", profile.member.points, row, profile.member.points_scale, reader)


def _read_chosen(wallets: list[Any], profile: Profile, reader: FieldReader) -> Wallet | NoBalance:
    """A missing wallet counts as switched off, unless a wallet with an unreadable id may be the chosen one."""
    lines = profile.wallet
    ids = [reader.read("wallet.wallet_id", lines.wallet_id, wallet, parse_id, "") for wallet in wallets]
    chosen = [wallet for wallet, wallet_id in zip(wallets, ids, strict=True) if wallet_id == lines.chosen]
    if len(chosen) == 1:
        return _read_points("wallet.points", lines.points, chosen[0], profile.member.points_scale, reader)
    return NoBalance.UNREADABLE if chosen or "" in ids else NoBalance.DISABLED


def _read_points(line: str, expression: Expression, row: object, scale: int, reader: FieldReader) -> Wallet | NoBalance:
    def parse(value: object) -> Wallet | NoBalance:
        return NoBalance.DISABLED if value is None else Wallet(balance=parse_points(value, scale))

    absent: Wallet | NoBalance = NoBalance.UNREADABLE
    return reader.read(line, expression, row, parse, absent)


def find_wallet_lines(balance: Wallet | NoBalance, row: dict[str, Any], profile: Profile) -> dict[str, bool]:
    """Whether the lines of wallets and points found something. Where there are several wallets, one must be chosen."""
    has_list = _has_list(row, profile)
    is_chosen = has_list and profile.wallet.chosen != ""
    found = {"wallet.items": has_list, "wallet.chosen": balance is not NoBalance.SEVERAL}
    if is_chosen:
        found["wallet.wallet_id"] = True
    if balance is not NoBalance.SEVERAL:
        found["wallet.points" if is_chosen else "member.points"] = balance is not NoBalance.DISABLED
    return found


def _has_list(row: dict[str, Any], profile: Profile) -> bool:
    try:
        return bool(profile.wallet.items.search(row))
    except WireError:
        return False
