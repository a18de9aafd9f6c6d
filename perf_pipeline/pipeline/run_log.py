"""Structured logs: one JSON object a line on the error stream, for whoever collects logs (`PERF_LOG_FORMAT=json`).

They tell what happened to which athlete's handle in which stage, with counts and seconds; never a position, a value,
what a person wrote, or what a file is called.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, TextIO

from perf_pipeline.settings import Settings

LOG = logging.getLogger("perf_pipeline")


class JsonLines(logging.Formatter):
    """A record as one line: `time` (UTC), `level`, `event`, then what is told of it; of an error its kind alone."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "told", {}),
        }
        if record.exc_info and record.exc_info[0]:
            said["error"] = record.exc_info[0].__name__
        return json.dumps(said, default=str)


def set_up(settings: Settings, stream: TextIO | None = None) -> None:
    """Has the package's log written as the settings say; once a process is enough, more do no harm."""
    if settings.log_format != "json" or is_on():
        return
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False


def is_on() -> bool:
    """Whether lines are written."""
    return any(isinstance(one.formatter, JsonLines) for one in LOG.handlers)


def tell(event: str, level: int = logging.INFO, **told: Any) -> None:
    """One line; what is None is left out."""
    LOG.log(level, event, extra={"told": {name: value for name, value in told.items() if value is not None}})


@contextmanager
def told(event: str, **who: Any) -> Iterator[dict[str, Any]]:
    """Tells `<event> ended`, or failed, with the seconds that the block took and what it put into the mapping."""
    found: dict[str, Any] = {}
    began = perf_counter()
    try:
        yield found
    except BaseException as error:
        seconds = round(perf_counter() - began, 3)
        tell(f"{event} failed", logging.ERROR, **who, **found, seconds=seconds, error=type(error).__name__)
        raise
    tell(f"{event} ended", **who, **found, seconds=round(perf_counter() - began, 3))
