"""What the three second readers share: rows of named values to columns, and UTC milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from perf_pipeline.formats.model import CHANNELS, Streams


def reader_name(library: str) -> str:
    """The library with its version, as `ActivityFile.reader` wants it."""
    return f"{library} {version(library)}"


def utc_ms(moment: datetime) -> int:
    """Milliseconds since 1970; a time without a zone is UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round(aware.timestamp() * 1000)


def columns(
    times: Sequence[int], rows: Sequence[Mapping[str, float]], units: Mapping[str, str] | None = None
) -> Streams:
    """Streams of n `rows` at `times` (UTC ms); what a row does not name is NaN; `units` of extra names."""
    channels = {name: np.full(len(rows), np.nan) for name in _names(rows)}
    for i, row in enumerate(rows):
        for name, value in row.items():
            channels[name][i] = value
    channels = {name: column for name, column in channels.items() if not np.isnan(column).all()}
    extra = {name: unit for name, unit in (units or {}).items() if name in channels and name not in CHANNELS}
    return Streams(np.array(times, np.int64), channels, extra)


def _names(rows: Iterable[Mapping[str, float]]) -> list[str]:
    seen: dict[str, None] = {}
    for row in rows:
        seen.update(dict.fromkeys(row))
    known = [name for name in CHANNELS if name in seen]
    return known + [name for name in seen if name not in CHANNELS]
