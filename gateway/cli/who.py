"""Which person a command is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.errors import UsageError
from protos.loyalty.v1 import loyalty_pb2 as pb

# The option, the field of MemberIdentity that it fills, and the words for it.
_KINDS = (
    ("--email", "email", "e-mail address"),
    ("--phone", "phone", "phone number"),
    ("--support-id", "support_id", "support ID"),
    ("--member", "member_id", "id"),
)
# Which option fills a field of the request.
WHO_OPTIONS: Mapping[str, str] = MappingProxyType(
    {f"identity.{field}": option for option, field, _ in _KINDS} | {"member_id": "--member", "erased_by": "your login"}
)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Who:
    """One of these names a member."""

    email: Annotated[str | None, Parameter(help="The member's e-mail address.")] = None
    phone: Annotated[str | None, Parameter(help="Or the phone number, +421900000000.")] = None
    support_id: Annotated[str | None, Parameter(help="Or the support or referral ID.")] = None
    member: Annotated[str | None, Parameter(help="Or TRIFFT's id of the member.")] = None

    @property
    def words(self) -> str:
        """By what: "e-mail address"."""
        return self._read_one()[2]

    def read(self) -> pb.MemberIdentity:
        """Raises UsageError unless there is just one."""
        field, value, _ = self._read_one()
        return pb.MemberIdentity(**{field: value})

    def read_all(self) -> list[pb.MemberIdentity]:
        """All that are given, one at least. Raises UsageError."""
        identities = [pb.MemberIdentity(**{field: value}) for field, value, _ in self._list()]
        if not identities:
            raise UsageError("name the member by --email, --phone, --support-id or --member, or by several of them")
        return identities

    def _read_one(self) -> tuple[str, str, str]:
        given = self._list()
        if len(given) != 1:
            raise UsageError("name the member by one of --email, --phone, --support-id and --member")
        return given[0]

    def _list(self) -> list[tuple[str, str, str]]:
        """Without the spaces around them, which come with what is pasted."""
        return [
            (field, value.strip(), words)
            for option, field, words in _KINDS
            if (value := getattr(self, option.removeprefix("--").replace("-", "_"))) is not None
        ]
