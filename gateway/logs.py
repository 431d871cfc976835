"""Structured log lines, JSON on standard error."""

import logging
import sys
import traceback

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger


def configure_logs(level: str) -> None:
    """Once, at start. Every line has the time (UTC), the level, and the request id while one is served."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _name_exception,
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def _name_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The kind of an exception and where it was raised, but not its text: that may hold a person's data."""
    if event.pop("exc_info", None) and (error := sys.exception()) is not None:
        event["error"] = type(error).__name__
        event["where"] = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return event


def _encode(event: object, **_: object) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)
