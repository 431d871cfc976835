"""Converts merchants, and what their provider's answers have shown."""

from loyalty_service.api.convert.values import spell_fields, write_time
from loyalty_service.domain.errors import ProviderError
from loyalty_service.domain.findings import Findings
from loyalty_service.domain.limits import LIMIT_FIELDS
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.verification import Verification
from loyalty_service.merchants.parse import GivenFields
from protos.loyalty.v1 import loyalty_pb2 as pb

MAX_UNREADABLE = 100


def read_merchant_fields(message: pb.Merchant) -> GivenFields:
    """Read the fields that are set. A limit that is set to 0 means no limit."""
    given = {field.name: value for field, value in message.ListFields()}
    limits = {name: given[name] for name in LIMIT_FIELDS if name in given}
    return GivenFields(**{name: given[name] for name in GivenFields.__struct_fields__ if name in given}, limits=limits)


def write_merchant(merchant: Merchant) -> pb.Merchant:
    """Write a merchant without its token: the message has no field for it."""
    limits = {field: getattr(merchant.limits, name) for field, name in LIMIT_FIELDS.items()}
    fields = spell_fields(pb.Merchant, merchant) | {"verification": _write_verification(merchant.verification)}
    return pb.Merchant(**fields, **limits)


def _write_verification(verification: Verification | None) -> pb.Verification:
    """Without the member by whom it was made."""
    if verification is None:
        return pb.Verification(state=pb.VERIFICATION_STATE_NEVER)
    is_current = verification.is_current
    return pb.Verification(
        state=pb.VERIFICATION_STATE_CURRENT if is_current else pb.VERIFICATION_STATE_OUTDATED,
        verify_time=write_time(verification.verify_time),
        verified_by=verification.verified_by,
    )


def write_findings(findings: Findings, failure: ProviderError | None) -> pb.CheckMerchantResponse:
    response = pb.CheckMerchantResponse(**spell_fields(pb.CheckMerchantResponse, findings))
    del response.unreadable_fields[MAX_UNREADABLE:]
    if failure is not None:
        response.probe_failure.reason = pb.ErrorReason.Value(failure.reason)
        response.probe_failure.message = failure.message
    return response
