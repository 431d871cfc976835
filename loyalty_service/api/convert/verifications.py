"""Members line by line, and proofs of a shop's points."""

from decimal import Decimal

from loyalty_service.api.convert.awards import write_award
from loyalty_service.api.convert.merchants import write_merchant
from loyalty_service.api.convert.values import read_fields, spell, write_time
from loyalty_service.awards.verification import GivenVerification
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.verification import Inspection, Proof, read_exact_balance
from protos.loyalty.v1 import loyalty_pb2 as pb


def read_verification(message: pb.VerifyMerchantRequest, caller: str) -> GivenVerification:
    return GivenVerification(**read_fields(message, GivenVerification) | {"caller": caller})


def write_inspection(inspection: Inspection) -> pb.InspectMemberResponse:
    return pb.InspectMemberResponse(
        member_id=inspection.member.member_id,
        lines=spell(inspection.lines),
        unread_fields=inspection.unread_fields,
        balance=_write_balance(read_exact_balance(inspection.member)),
        scales=dict(inspection.scales),
        fetch_time=write_time(inspection.fetch_time),
    )


def write_proof(proof: Proof, merchant: Merchant) -> pb.VerifyMerchantResponse:
    """`merchant`: as it is after the proof."""
    return pb.VerifyMerchantResponse(
        outcome=spell(proof.outcome),
        balance_before=_write_balance(proof.before),
        balance_given=_write_balance(proof.given),
        balance_after=_write_balance(proof.after),
        award=write_award(proof.award) if proof.award else None,
        reversal=write_award(proof.reversal) if proof.reversal else None,
        reversal_refusal=pb.ErrorReason.Value(proof.reversal_refusal or "ERROR_REASON_UNSPECIFIED"),
        merchant=write_merchant(merchant),
    )


def _write_balance(balance: Decimal | None) -> str:
    return "" if balance is None else f"{balance:f}"
