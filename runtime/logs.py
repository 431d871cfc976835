"""Log lines: one JSON object a line on the standard error, without personal data."""

import logging
import sys
import traceback
from datetime import UTC, datetime

import msgspec
import structlog

# gRPC's line about metadata that is not UTF-8 quotes it: somebody's key, or whatever a stranger sends.
_QUOTING = "Invalid encoding on %s"

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logs(level: str) -> None:
    """Set up structlog for this process, also for warnings and errors that libraries log."""
    structlog.configure(
        processors=[_complete, _encode],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_complete],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.addFilter(lambda record: record.msg != _QUOTING)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def drop_error_texts(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put an exception's types and places into the line, but not its text, which may quote personal data."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        return event
    event["error"] = type(error).__qualname__
    event["traceback"] = [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    ]
    if error.__cause__ is not None:
        event["cause"] = type(error.__cause__).__qualname__
    return event


def _complete(logger: object, level: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Add the request id, the level and the time: one function, since each request and each call has a line."""
    event = structlog.contextvars.merge_contextvars(logger, level, event)
    event = structlog.processors.add_log_level(logger, level, event)
    event["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return drop_error_texts(logger, level, event) if "exc_info" in event else event


def _encode(_logger: object, _level: str, event: structlog.typing.EventDict) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)
