"""Log lines: one JSON object each on standard output, with the trace. Never a payload nor the text of an error.

PostgreSQL quotes values in its errors ("Key (email)=(…) already exists"), and so do others. An error is written as what
it is, what caused it, and where it was raised.
"""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from events.runtime import telemetry

_FRAMES = 12


def named(error: BaseException) -> str:
    """What failed, and what caused it: `DBAPIError < DeadlockDetectedError 40P01`."""
    return " < ".join(_kind(link) for link in _chain(error))


def set_up(level: str) -> None:
    """Write everything that this process logs as one kind of line, the libraries' warnings too."""
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        _add_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_text,
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _first_line, *shared],
        )
    )
    handler.addFilter(_once)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )


def _once(record: logging.LogRecord) -> bool:
    """The edge has logged a failed request already, with its trace; uvicorn would again, without."""
    return not (record.name == "uvicorn.error" and record.msg.startswith("Exception in ASGI application"))


def _add_trace(_: Any, __: str, fields: EventDict) -> EventDict:  # noqa: ANN401 - structlog's signature
    traceparent = telemetry.traceparent_of(telemetry.current())
    if traceparent is not None:
        fields["traceparent"] = traceparent
    return fields


def _first_line(_: Any, __: str, fields: EventDict) -> EventDict:  # noqa: ANN401
    # asyncio shows the future, and with it the error's text, in the lines below.
    if "exc_info" in fields:
        fields["event"] = str(fields["event"]).partition("\n")[0]
    return fields


def _without_text(_: Any, __: str, fields: EventDict) -> EventDict:  # noqa: ANN401
    raised = fields.pop("exc_info", None)
    if raised is True or isinstance(raised, tuple):
        raised = sys.exc_info()[1] if raised is True else raised[1]
    if isinstance(raised, BaseException):
        fields["failed"] = named(raised)
        fields["at"] = _frames(raised.__traceback__)
    return fields


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _kind(error: BaseException) -> str:
    state = getattr(error, "sqlstate", None)
    number = error.errno if isinstance(error, OSError) else None
    return " ".join(str(part) for part in (type(error).__name__, state or number) if part is not None)


def _frames(traceback: TracebackType | None) -> list[str]:
    frames = extract_tb(traceback)[-_FRAMES:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
