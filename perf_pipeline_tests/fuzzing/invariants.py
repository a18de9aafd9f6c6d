"""What holds of everything that a reader gives, whatever the file."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, DateTime, Double, Integer, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from perf_pipeline.formats.model import CHANNELS, ActivityFile, FileKind, Identity, Session, Streams
from perf_pipeline.pipeline.stages import activities, efforts, metrics
from perf_pipeline.pipeline.stages.preparation import prepare
from perf_pipeline.pipeline.stages.streams import FIRST_MS, LAST_MS
from perf_pipeline.storage import tables
from perf_pipeline.storage.ids import activity_id_of
from perf_pipeline.storage.sessions import FileMeta, StoredSession
from perf_pipeline.storage.streams import quantise, read_sessions, write_sessions, write_streams

_PROFILE = uuid.UUID(int=1)
_SHA = "0" * 64


class BrokenPromiseError(AssertionError):
    """A reader gave something that what comes after it does not expect."""


def require(holds: object, what: str) -> None:
    if not holds:
        raise BrokenPromiseError(what)


def check_file(file: ActivityFile) -> None:
    """Shapes, order and finite numbers of all that was read."""
    require(not file.sessions or file.kind is FileKind.ACTIVITY, "sessions in what is no activity")
    require([s.index for s in file.sessions] == list(range(len(file.sessions))), "sessions are not numbered in order")
    starts = [s.start_ms for s in file.sessions]
    require(starts == sorted(starts), "sessions are not in order of start")
    for session in file.sessions:
        _check_session(session)
    for sample in file.wellness:
        require(math.isfinite(sample.value), "a wellness value is not finite")
        _check_time(sample.time_ms)
        _check_text(sample.source)
    for text in (*file.warnings, file.device.manufacturer, file.device.product, file.device.software, file.reader):
        _check_text(text)
    if file.rr_intervals_ms is not None:
        require(file.rr_intervals_ms.ndim == 1 and len(file.rr_intervals_ms), "no vector of intervals")
        require(np.isfinite(file.rr_intervals_ms).all(), "an interval is not finite")


def check_identity(identity: Identity) -> None:
    """A credible time, and texts that can be stored."""
    if identity.start_ms is not None:
        _check_time(identity.start_ms)
    _check_text(identity.detail)


def _check_session(session: Session) -> None:
    require(session.end_ms >= session.start_ms, "the session ends before it begins")
    for time in (session.start_ms, session.end_ms):
        _check_time(time)
    _check_streams(session.streams)
    _check_numbers(session.summary.values(), "a summary")
    for span in (*session.laps, *session.lengths, *session.pauses):
        require(span.end_ms >= span.start_ms, f"a {type(span).__name__} ends before it begins")
        _check_time(span.start_ms)
        _check_time(span.end_ms)
    for lap in session.laps:
        _check_numbers(lap.summary.values(), "a lap's summary")
    for text in (session.sport, session.sport_raw, session.sub_sport, session.name, session.notes):
        _check_text(text)
    offset = session.utc_offset_seconds
    require(offset is None or abs(offset) < 86_400, "an offset of a day or more")


def _check_streams(streams: Streams) -> None:
    require(streams.time_ms.ndim == 1 and streams.time_ms.dtype == np.int64, "times are no vector of int64")
    for time in (streams.time_ms.min(), streams.time_ms.max()) if len(streams) else ():
        _check_time(int(time))
    for name, values in streams.channels.items():
        require(values.shape == (len(streams),), f"channel {name} has another length than time")
        require(values.dtype == np.float64, f"channel {name} is not float64")
        require(not np.isinf(values).any(), f"channel {name} is infinite")
        require(not np.isnan(values).all(), f"channel {name} has no value and is there")
        require(name in CHANNELS or name in streams.extra_units, f"channel {name} has no unit")
        _check_text(name)
    for unit in streams.extra_units.values():
        _check_text(unit)


def _check_numbers(values: Iterable[float], what: str) -> None:
    for value in values:
        require(isinstance(value, int | float) and math.isfinite(value), f"{what} is not finite")


def _check_time(time_ms: int) -> None:
    # Year 0 to 10,000: no reader gives a time that no calendar has, give or take a lap.
    require(-62_200_000_000_000 <= time_ms <= 255_000_000_000_000, "a time outside of the calendar")


def _check_text(text: str | None) -> None:
    """PostgreSQL and Parquet hold UTF-8 without NUL, or refuse the whole batch."""
    if text is None:
        return
    require(isinstance(text, str), "a text is not a str")
    require("\x00" not in text, "a text holds NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BrokenPromiseError("a text holds half of a surrogate pair") from None


def check_downstream(file: ActivityFile) -> None:
    """Everything that the pipeline does with the sessions: none of it may raise, and all rows can be stored."""
    if not all(FIRST_MS <= session.start_ms <= LAST_MS for session in file.sessions):
        return  # `stages.streams.decode` refuses these
    meta = FileMeta.of(file)
    items = [StoredSession(activity_id_of(_PROFILE, _SHA, s.index), _SHA, meta, quantise(s)) for s in file.sessions]
    stored = read_sessions(write_sessions(items), write_streams(items))
    require(same(sorted(stored, key=_order), sorted(items, key=_order)), "what is read back is not what was stored")
    for item in items:
        prepared = prepare(item, None)
        check_rows(tables.activities, [activities.row(_PROFILE, "2020-01", "archive/x", {}, prepared)])
        check_rows(tables.activity_efforts, efforts.rows(_PROFILE, prepared))
        check_rows(tables.activity_metrics, metrics.rows(_PROFILE, prepared))


def _order(item: StoredSession) -> int:
    return item.session.index


def check_rows(table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """PostgreSQL takes every row: a single one that it refuses would cost the whole month."""
    for row in rows:
        for column in table.c:
            value = row.get(column.name)
            where = f"{table.name}.{column.name}"
            if value is None:
                has_default = column.server_default is not None
                require(column.nullable or (has_default and column.name not in row), f"{where} is null")
                continue
            match column.type:
                case BigInteger():
                    require(abs(value) < 2**63, f"{where} is too large")
                case Integer():
                    require(abs(value) < 2**31, f"{where} is too large")
                case Double() | Numeric():
                    require(math.isfinite(value), f"{where} is not finite")
                case Text():
                    _check_text(value)
                case DateTime():
                    require(isinstance(value, datetime), f"{where} is no time")
                case JSONB():
                    _check_text(json.dumps(value, allow_nan=False, ensure_ascii=False))
                    require("\\u0000" not in json.dumps(value), f"{where} holds NUL")


def same(a: object, b: object) -> bool:
    """Whether two results are equal, NaN to NaN and cell by cell."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if is_dataclass(a) and type(a) is type(b):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b or (a != a and b != b)  # noqa: PLR0124 - NaN
