"""What a search found → the record of its ticket event, which names nobody. Pure."""

from datetime import datetime

from gateway.customers.address import AskGorgias, Customer
from gateway.customers.finding import Finding, TicketEmail
from gateway.errors import name_reason
from gateway.events.event import UNAVAILABLE, Event, Others, Source
from gateway.gorgias.widget_url import WidgetCall
from protos.loyalty.v1 import loyalty_pb2 as pb


def record_finding(event: Event, call: WidgetCall, asked: Customer | AskGorgias, finding: Finding) -> None:
    """`asked`: the customer as far as the call says who it is."""
    if event.customer_id is None and finding.customer is not None:
        event.customer_id = finding.customer.customer_id
    event.source = _name_source(call, asked, finding)
    event.others = _name_others(finding)
    event.lookup_ms, event.loyalty_ms = _count_ms(finding.lookup_s), _count_ms(finding.loyalty_s)
    snapshot = finding.snapshot
    if snapshot is not None and finding.found_by is not None:
        event.member_id, event.found_by = snapshot.member.member_id, finding.found_by.kind
        event.data_age_ms = event.time_ms - snapshot.fetch_time.ToMilliseconds()
        if snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED:
            event.reason = name_reason(snapshot.stale_reason) or f"reason {snapshot.stale_reason}"
        return
    error = finding.error or finding.nobody
    if error is not None:
        event.reason = error.reason
        if fetch_time := error.metadata.get("fetch_time"):
            event.data_age_ms = event.time_ms - int(datetime.fromisoformat(fetch_time).timestamp() * 1000)


def record_status(event: Event, status: str, finding: Finding) -> None:
    """Of a panel without a member."""
    if status != UNAVAILABLE:
        return
    if finding.unanswered is not None:
        event.reason = f"GORGIAS_{finding.unanswered.upper()}"
    elif finding.error is not None:
        # Only then is the message about TRIFFT or about us; else it may be about the customer.
        event.message = finding.error.message
    elif event.others == Others.TOO_MANY:
        event.reason = "SEARCHES_EXHAUSTED"


def _name_source(call: WidgetCall, asked: Customer | AskGorgias, finding: Finding) -> Source:
    if finding.link is not None and finding.email is TicketEmail.UNKNOWN:
        return Source.LINK
    customer = finding.customer
    if isinstance(asked, Customer):
        if asked.email is None:
            return Source.URL_HAS_NONE
        return Source.URL if asked.email == call.email else Source.ENCODED_URL
    if customer is None:
        return Source.NOT_SAID
    return Source.GORGIAS_HAS_NONE if customer.email is None else Source.GORGIAS


def _name_others(finding: Finding) -> str:
    if finding.customer is None:
        return ""
    if finding.unanswered is not None:
        return Others.NOT_SAID
    if finding.candidates is None:
        return ""
    if not finding.candidates.is_whole:
        return Others.TOO_MANY
    return Others.SEARCHED if finding.candidates.emails or finding.candidates.phones else Others.NONE


def _count_ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
