"""A ticket event as lines for people, and as JSON."""

from datetime import timedelta

from gateway.cli.times import Zone, show_time
from gateway.events.checks import find_time
from gateway.events.event import Event, Others, Source
from gateway.gorgias.widget_url import UrlForm
from gateway.wording.panel import labels

_URLS = {
    UrlForm.CURRENT: "this version's URL",
    UrlForm.CUT: "this version's URL, without its end",
    UrlForm.OLD: "an older version's URL",
    UrlForm.OTHER: "a URL that is not ours",
}
_SOURCES = {
    Source.URL: "the address in the URL",
    Source.ENCODED_URL: "the address in the URL, decoded",
    Source.URL_HAS_NONE: "nobody: the URL says that the customer has no e-mail address",
    Source.GORGIAS: "the address that Gorgias said",
    Source.GORGIAS_HAS_NONE: "nobody: Gorgias said that the customer has no e-mail address",
    Source.LINK: "nobody: an agent's link decides",
    Source.NOT_SAID: "nobody: the URL has no certain address, and Gorgias did not say whose the ticket is",
}
_OTHERS = {
    Others.SEARCHED: "the customer's other addresses",
    Others.NONE: "the customer has no other address to look for",
    Others.TOO_MANY: "the customer has too many other addresses",
    Others.NOT_SAID: "Gorgias did not say the customer's other addresses",
}
_FOUND_BY = {
    "email": "",
    "other_email": ", found by another e-mail address",
    "phone": ", found by a phone number",
    "link": ", found by an agent's link",
}
_BUTTONS = {
    "add": labels.AWARD_BUTTON,
    "remove": labels.DEDUCT_BUTTON,
    "undo": labels.UNDO_BUTTON,
    "link": labels.LINK_BUTTON,
    "unlink": labels.UNLINK_BUTTON,
}
# What TRIFFT said where it answered, by the status of the panel.
_SAID = {
    "member": "one member",
    "blocked": "one member, who gets no points",
    "not_member": "no member",
    "ambiguous": "several members",
    "no_identity": "not asked: it is no e-mail address",
}


def tell_event(event: Event, zone: Zone) -> list[str]:
    """The first line says when, the others how: who was looked for, what TRIFFT said, what was answered."""
    customer = f", for customer {event.customer_id}" if event.customer_id else ""
    asked = f" (asked in {event.lookup_ms} ms)" if event.lookup_ms is not None else ""
    buttons = [_BUTTONS.get(name, name) for name in _list_buttons(event)]
    pressable = f"; buttons: {', '.join(buttons)}" if buttons else ""
    return [
        show_time(find_time(event), zone),
        f"called: by {_URLS.get(UrlForm(event.url), event.url) if event.url else 'a URL that was not read'}{customer}",
        f"looked for: {_say_source(event)}{asked}",
        f"TRIFFT: {_say_trifft(event)}",
        f"answered: {event.status} in {event.answer_ms} ms{pressable}; request {event.request_id}",
    ]


def render_event(event: Event, zone: Zone) -> dict[str, object]:
    """For scripts."""
    time = find_time(event).astimezone(zone)
    data_time = None if event.data_age_ms is None else time - timedelta(milliseconds=event.data_age_ms)
    return {
        "time": time.isoformat(timespec="milliseconds"),
        "request_id": event.request_id,
        "customer_id": event.customer_id,
        "url": event.url or None,
        "source": event.source or None,
        "others": event.others or None,
        "found_by": event.found_by or None,
        "lookup_ms": event.lookup_ms,
        "loyalty_ms": event.loyalty_ms,
        "data_time": data_time.isoformat(timespec="milliseconds") if data_time else None,
        "reason": event.reason or None,
        "message": event.message or None,
        "status": event.status,
        "is_stale": event.is_stale,
        "buttons": _list_buttons(event),
        "answer_ms": event.answer_ms,
    }


def _say_source(event: Event) -> str:
    if not event.source:
        return "nobody: it failed before"
    others = f"; then: {_OTHERS.get(Others(event.others), '')}" if event.others else ""
    return f"{_SOURCES.get(Source(event.source), '')}{others}"


def _list_buttons(event: Event) -> list[str]:
    return event.buttons.split(",") if event.buttons else []


def _say_trifft(event: Event) -> str:
    if event.loyalty_ms is None:
        return f"not asked ({event.reason})" if event.reason else "not asked"
    took = f" ({event.loyalty_ms} ms)"
    if event.status not in _SAID and event.others in {Others.NOT_SAID, Others.TOO_MANY}:
        return f"no member with the ticket's e-mail address{took}"
    if event.status not in _SAID:
        return f"{event.reason}: {event.message}{took}"
    said = f"{_SAID[event.status]}{_FOUND_BY.get(event.found_by, '')}{_say_age(event)}{took}"
    return f"{event.reason}; held: {said}" if event.is_stale else said


def _say_age(event: Event) -> str:
    if event.data_age_ms is None:
        return ""
    return ", read for this call" if event.data_age_ms <= 0 else f", read {_say_span(event.data_age_ms / 1000)} before"


def _say_span(seconds: float) -> str:
    for unit, length_s in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds // length_s:.0f} {unit}"
    return f"{seconds:.1f} s"
