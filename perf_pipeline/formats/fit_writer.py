"""`ActivityFile` to FIT: the inverse of the reader, for the demo, for tests of odd files, for exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from perf_pipeline.formats import fit_profile as profile
from perf_pipeline.formats.fit_encoding import (
    BYTES,
    ENUM,
    FLOAT64,
    MESSAGE_INDEX,
    SINT8,
    SINT32,
    TEXT,
    UINT8,
    UINT16,
    UINT32,
    BaseType,
    Column,
    compressed,
    enclose,
    fit_seconds,
    table,
)
from perf_pipeline.formats.model import CHANNELS, ActivityFile, Device, Lap, Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEVELOPER_DATA_ID = 207
_RECORD_LOCAL, _SHORT_RECORD_LOCAL = 1, 2
_APPLICATION_ID = b"perf_pipeline\0\0\0"


@dataclass(frozen=True, slots=True)
class _Field:
    """Where a value of ours lives in a message: field number, base type, and raw = (value + offset) * scale."""

    number: int
    base: BaseType
    scale: float = 1.0
    offset: float = 0.0

    def column(self, values: Any) -> Column:
        return Column(self.number, self.base, values, self.scale, self.offset)


def _positions() -> dict[str, _Field]:
    scale = 1 / profile.DEGREES_PER_SEMICIRCLE
    return {"latitude_degrees": _Field(0, SINT32, scale), "longitude_degrees": _Field(1, SINT32, scale)}


def _record_fields(bases: Mapping[int, BaseType]) -> dict[str, _Field]:
    known = [(number, base, profile.RECORD_FIELDS[number]) for number, base in bases.items()]
    return {f.name.lstrip("_"): _Field(number, base, f.scale, f.offset) for number, base, f in known}


def _summary_fields(told: Mapping[int, profile.SummaryField], bases: Mapping[int, BaseType]) -> dict[str, _Field]:
    fields = {told[n].key: _Field(n, base, told[n].scale, told[n].offset) for n, base in bases.items()}
    # The profile has one field for all that goes round; what it counts depends on the sport.
    return fields | dict.fromkeys(("total_strides", "total_strokes"), fields["total_cycles"])


# Which field of the profile holds a value of ours, and in which base type devices write it.
_RECORD_FIELDS = _positions() | _record_fields(
    {78: UINT32, 5: UINT32, 73: UINT32, 7: UINT16, 3: UINT8, 4: UINT8, 13: SINT8}
)
_OLD = _record_fields({2: UINT16, 6: UINT16})
_OLD_FIELDS = {"altitude_meters": _OLD["altitude"], "speed_mps": _OLD["speed"]}
"""What devices wrote before the enhanced fields."""
_SESSION_FIELDS = _summary_fields(
    profile.SESSION_FIELDS,
    {
        7: UINT32, 8: UINT32, 9: UINT32, 10: UINT32, 11: UINT16, 16: UINT8, 17: UINT8, 18: UINT8, 19: UINT8, 20: UINT16,
        21: UINT16, 22: UINT16, 23: UINT16, 34: UINT16, 44: UINT16, 48: UINT32, 57: SINT8, 59: UINT32, 124: UINT32,
        125: UINT32,
    },
)  # fmt: skip
_LAP_FIELDS = _summary_fields(
    profile.LAP_FIELDS,
    {
        7: UINT32, 8: UINT32, 9: UINT32, 10: UINT32, 11: UINT16, 15: UINT8, 16: UINT8, 17: UINT8, 18: UINT8, 19: UINT16,
        20: UINT16, 21: UINT16, 22: UINT16, 33: UINT16, 41: UINT32, 50: SINT8, 52: UINT32, 110: UINT32, 111: UINT32,
    },
)  # fmt: skip


def _numbers(names: Mapping[int, str]) -> dict[str, int]:
    return {name: number for number, name in names.items()}


_OUR_SPORTS = {
    "bike": "cycling", "run": "running", "swim": "swimming", "walk": "walking", "hike": "hiking", "row": "rowing",
    "paddle": "paddling", "ski": "cross_country_skiing", "skate": "inline_skating", "climb": "rock_climbing",
    "strength": "training", "racket": "racket", "other": "generic",
}  # fmt: skip
_SPORT_NUMBERS = _numbers(profile.SPORT_NAMES)
_SUB_SPORT_NUMBERS = _numbers(profile.SUB_SPORT_NAMES)
_MANUFACTURER_NUMBERS = _numbers(profile.MANUFACTURERS)
_GARMIN_PRODUCT_NUMBERS = _numbers(profile.GARMIN_PRODUCTS)
_STROKE_NUMBERS = _numbers(profile.STROKE_NAMES)
_TIMER, _SESSION_END, _LAP_END, _ACTIVITY_END, _LENGTH_END = 0, 8, 9, 26, 28
_START, _STOP, _STOP_ALL = 0, 1, 4


@dataclass(frozen=True, slots=True)
class _Writer:
    """The messages so far, and how they are to be written."""

    big_endian: bool
    compressed_timestamps: bool
    enhanced: bool
    parts: list[bytes] = field(default_factory=list)

    def table(self, message: int, columns: list[Column], local: int = 0) -> None:
        self.parts.append(table(message, columns, local=local, big_endian=self.big_endian).to_bytes())


def write_fit(
    file: ActivityFile,
    *,
    big_endian: bool = False,
    compressed_timestamps: bool = False,
    enhanced: bool = True,
    header12: bool = False,
    zero_header_crc: bool = False,
    zero_data_size: bool = False,
    bad_crc: bool = False,
) -> bytes:
    """The FIT activity that reads back as `file`, up to FIT's resolution (1 s, 0.2 m of altitude, 1 W ...).

    `enhanced=False` writes speed and altitude in the 16-bit fields of older devices. A value that its field cannot
    hold is written as invalid. Raises ValueError at a time that FIT cannot say, or at a file without a session.
    """
    if not file.sessions:
        raise ValueError("an activity without a session")
    writer = _Writer(big_endian, compressed_timestamps, enhanced)
    developer = _developer_fields(file)
    _write_opening(writer, file)
    _write_developer_fields(writer, developer)
    for session in file.sessions:
        _write_session(writer, session, developer)
        if session.index == file.sessions[0].index:
            _write_rr_intervals(writer, file.rr_intervals_ms)
    _write_activity(writer, file)
    return enclose(
        b"".join(writer.parts),
        header12=header12,
        zero_header_crc=zero_header_crc,
        zero_data_size=zero_data_size,
        bad_crc=bad_crc,
    )


def chain(*files: bytes) -> bytes:
    """One chained file: FIT allows whole files one behind another."""
    return b"".join(files)


def _write_opening(writer: _Writer, file: ActivityFile) -> None:
    start = fit_seconds(file.sessions[0].start_ms)
    device = file.device
    maker = _MANUFACTURER_NUMBERS.get(device.manufacturer or "", 255)
    columns = [Column(0, ENUM, [4]), Column(1, UINT16, [maker]), Column(4, UINT32, [start])]
    product = _product(device)
    writer.table(profile.FILE_ID, columns + product)
    version = _version(device)
    if version is not None:
        writer.table(profile.FILE_CREATOR, [Column(0, UINT16, [version], 100)])
    columns = [Column(profile.TIMESTAMP, UINT32, [start]), Column(0, UINT8, [0]), Column(2, UINT16, [maker])]
    columns += [Column(4, UINT16, c.values) if c.number == 2 else Column(27, TEXT, c.values) for c in product]
    if version is not None:
        columns.append(Column(5, UINT16, [version], 100))
    writer.table(profile.DEVICE_INFO, columns)


def _product(device: Device) -> list[Column]:
    if not device.product:
        return []
    number = _GARMIN_PRODUCT_NUMBERS.get(device.product) if device.manufacturer == "garmin" else None
    if number is not None or device.product.isdecimal():
        return [Column(2, UINT16, [int(device.product) if number is None else number])]
    return [Column(8, TEXT, [device.product])]


def _version(device: Device) -> float | None:
    try:
        return float(device.software) if device.software else None
    except ValueError:
        return None


def _developer_fields(file: ActivityFile) -> dict[str, tuple[int, BaseType, str]]:
    """Number, base type and unit of every extra channel: whole numbers in 16 bits, anything else as it is."""
    found: dict[str, tuple[int, BaseType, str]] = {}
    for session in file.sessions:
        for name, values in session.streams.channels.items():
            if name in CHANNELS:
                continue
            number, base, unit = found.get(name, (len(found), UINT16, session.streams.extra_units.get(name, "")))
            found[name] = (number, base if base is UINT16 and _fits_uint16(values) else FLOAT64, unit)
    if len(found) > 255:
        raise ValueError("more than 255 extra channels")
    return found


def _fits_uint16(values: NDArray[np.float64]) -> bool:
    told = values[~np.isnan(values)]
    return bool(np.all((told >= 0) & (told <= UINT16.high) & (told == np.rint(told))))


def _write_developer_fields(writer: _Writer, developer: Mapping[str, tuple[int, BaseType, str]]) -> None:
    if not developer:
        return
    application = np.frombuffer(_APPLICATION_ID, np.uint8)[None, :]
    writer.table(_DEVELOPER_DATA_ID, [Column(1, BYTES, application), Column(3, UINT8, [0])])
    for name, (number, base, unit) in developer.items():
        columns = [Column(0, UINT8, [0]), Column(1, UINT8, [number]), Column(2, UINT8, [base.number])]
        columns += [Column(3, TEXT, [name])] + ([Column(8, TEXT, [unit])] if unit else [])
        writer.table(profile.FIELD_DESCRIPTION, columns)


def _write_session(writer: _Writer, session: Session, developer: Mapping[str, tuple[int, BaseType, str]]) -> None:
    _write_event(writer, session.start_ms, _START)
    _write_records(writer, session, developer)
    _write_event(writer, session.end_ms, _STOP_ALL)
    _write_lengths(writer, session)
    if session.laps:
        _write_laps(writer, session.laps, session)
    columns = [
        *_closing(session.start_ms, session.end_ms, _SESSION_END),
        Column(MESSAGE_INDEX, UINT16, [session.index]),
        Column(5, ENUM, [_sport_number(session)]),
        Column(6, ENUM, [_SUB_SPORT_NUMBERS.get(session.sub_sport or "", ENUM.invalid)]),
        Column(26, UINT16, [len(session.laps)]),
    ]
    summary = {"elapsed_seconds": (session.end_ms - session.start_ms) / 1000, **session.summary}
    columns += [f.column([summary[name]]) for name, f in _SESSION_FIELDS.items() if name in summary]
    writer.table(profile.SESSION, columns)


def _closing(start_ms: Any, end_ms: Any, event: int) -> list[Column]:
    """The fields that session, lap and length share: when they ended and began, and the event that ended them."""
    ends, begins = np.atleast_1d(fit_seconds(end_ms)), np.atleast_1d(fit_seconds(start_ms))
    same = np.ones(len(ends))
    return [
        Column(profile.TIMESTAMP, UINT32, ends),
        Column(2, UINT32, begins),
        Column(0, ENUM, same * event),
        Column(1, ENUM, same * _STOP),
    ]


def _sport_number(session: Session) -> int:
    known = _SPORT_NUMBERS.get((session.sport_raw or "").lower())
    return _SPORT_NUMBERS.get(_OUR_SPORTS.get(session.sport, session.sport), 0) if known is None else known


def _write_event(writer: _Writer, time_ms: int, event_type: int) -> None:
    at = Column(profile.TIMESTAMP, UINT32, [fit_seconds(time_ms)])
    writer.table(profile.EVENT, [at, Column(0, ENUM, [_TIMER]), Column(1, ENUM, [event_type])])


def _write_records(writer: _Writer, session: Session, developer: Mapping[str, tuple[int, BaseType, str]]) -> None:
    """The records, with the timer's stops and starts where they happened."""
    streams = session.streams
    seconds = fit_seconds(streams.time_ms)
    columns = list(_record_columns(writer, session, developer))
    cuts = [int(np.searchsorted(streams.time_ms, pause.start_ms, side="right")) for pause in session.pauses]
    previous = 0
    for cut, pause in zip([*cuts, len(seconds)], [*session.pauses, None], strict=True):
        if cut > previous:
            _write_record_block(writer, seconds[previous:cut], [_part(c, previous, cut) for c in columns])
        if pause is not None:
            _write_event(writer, pause.start_ms, _STOP_ALL)
            _write_event(writer, pause.end_ms, _START)
        previous = max(previous, cut)


def _part(column: Column, begin: int, end: int) -> Column:
    return Column(column.number, column.base, column.values[begin:end], column.scale, column.offset, column.developer)


def _write_record_block(writer: _Writer, seconds: NDArray[np.int64], columns: list[Column]) -> None:
    timed = [Column(profile.TIMESTAMP, UINT32, seconds), *columns]
    full = table(profile.RECORD, timed, local=_RECORD_LOCAL, big_endian=writer.big_endian)
    if writer.compressed_timestamps and columns:
        short = table(profile.RECORD, columns, local=_SHORT_RECORD_LOCAL, big_endian=writer.big_endian)
        writer.parts.append(compressed(full, short, seconds))
    else:
        writer.parts.append(full.to_bytes())


def _record_columns(
    writer: _Writer, session: Session, developer: Mapping[str, tuple[int, BaseType, str]]
) -> Iterator[Column]:
    fields = _RECORD_FIELDS if writer.enhanced else {**_RECORD_FIELDS, **_OLD_FIELDS}
    channels = session.streams.channels
    for name, where in fields.items():
        if name in channels:
            yield where.column(channels[name])
    for name, values in channels.items():
        if name in developer:
            number, base, _ = developer[name]
            yield Column(number, base, values, developer=0)


def _write_laps(writer: _Writer, laps: tuple[Lap, ...], session: Session) -> None:
    columns = _closing(np.array([lap.start_ms for lap in laps]), np.array([lap.end_ms for lap in laps]), _LAP_END)
    columns.append(Column(25, ENUM, np.full(len(laps), _sport_number(session))))
    summaries = [{"elapsed_seconds": (lap.end_ms - lap.start_ms) / 1000, **lap.summary} for lap in laps]
    for name, where in _LAP_FIELDS.items():
        values = [summary.get(name, np.nan) for summary in summaries]
        if not np.isnan(values).all():
            columns.append(where.column(values))
    writer.table(profile.LAP, columns)


def _write_lengths(writer: _Writer, session: Session) -> None:
    lengths = session.lengths
    if not lengths:
        return
    begins = np.array([length.start_ms for length in lengths])
    ends = np.array([length.end_ms for length in lengths])
    strokes = [np.nan if length.strokes is None else length.strokes for length in lengths]
    styles = [_STROKE_NUMBERS.get(length.stroke or "", ENUM.invalid) for length in lengths]
    writer.table(
        profile.LENGTH,
        [
            *_closing(begins, ends, _LENGTH_END),
            Column(MESSAGE_INDEX, UINT16, np.arange(len(lengths))),
            Column(3, UINT32, (ends - begins) / 1000, 1000),
            Column(4, UINT32, (ends - begins) / 1000, 1000),
            Column(5, UINT16, strokes),
            Column(7, ENUM, styles),
            Column(12, ENUM, [length.active for length in lengths]),
        ],
    )


def _write_rr_intervals(writer: _Writer, intervals_ms: NDArray[np.float64] | None) -> None:
    if intervals_ms is None or not len(intervals_ms):
        return
    padded = np.full(-(-len(intervals_ms) // 5) * 5, np.nan)
    padded[: len(intervals_ms)] = intervals_ms
    writer.table(profile.HRV, [Column(0, UINT16, padded.reshape(-1, 5))])


def _write_activity(writer: _Writer, file: ActivityFile) -> None:
    end = fit_seconds(max(session.end_ms for session in file.sessions))
    timer = sum(s.summary.get("duration_seconds", (s.end_ms - s.start_ms) / 1000) for s in file.sessions)
    columns = [
        Column(profile.TIMESTAMP, UINT32, [end]),
        Column(0, UINT32, [timer], 1000),
        Column(1, UINT16, [len(file.sessions)]),
        Column(2, ENUM, [int(len(file.sessions) > 1)]),
        Column(3, ENUM, [_ACTIVITY_END]),
        Column(4, ENUM, [_STOP]),
    ]
    offset = file.sessions[0].utc_offset_seconds
    if offset is not None:
        columns.append(Column(5, UINT32, [end + offset]))
    writer.table(profile.ACTIVITY, columns)
