"""`ActivityFile` to FIT: the inverse of the reader, for the demo, for tests of odd files, for exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from perf_pipeline.formats.fit_encoding import (
    BYTES,
    ENUM,
    FLOAT64,
    MESSAGE_INDEX,
    SINT8,
    SINT32,
    TEXT,
    TIMESTAMP,
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

_FILE_ID, _SESSION, _LAP, _RECORD, _EVENT, _DEVICE_INFO, _ACTIVITY = 0, 18, 19, 20, 21, 23, 34
_FILE_CREATOR, _HRV, _LENGTH, _FIELD_DESCRIPTION, _DEVELOPER_DATA_ID = 49, 78, 101, 206, 207
_RECORD_LOCAL, _SHORT_RECORD_LOCAL = 1, 2
_SEMICIRCLES_PER_DEGREE = 2**31 / 180.0
_APPLICATION_ID = b"perf_pipeline\0\0\0"


@dataclass(frozen=True, slots=True)
class _Field:
    """Where a value of ours lives in a message: field number, base type, scale and offset."""

    number: int
    base: BaseType
    scale: float = 1.0
    offset: float = 0.0

    def column(self, values: Any) -> Column:
        return Column(self.number, self.base, values, self.scale, self.offset)


_RECORD_FIELDS: Mapping[str, _Field] = {
    "latitude_degrees": _Field(0, SINT32, _SEMICIRCLES_PER_DEGREE),
    "longitude_degrees": _Field(1, SINT32, _SEMICIRCLES_PER_DEGREE),
    "altitude_meters": _Field(78, UINT32, 5, 500),
    "distance_meters": _Field(5, UINT32, 100),
    "speed_mps": _Field(73, UINT32, 1000),
    "power_watts": _Field(7, UINT16),
    "heart_rate_bpm": _Field(3, UINT8),
    "cadence_rpm": _Field(4, UINT8),
    "temperature_celsius": _Field(13, SINT8),
}
_OLD_FIELDS: Mapping[str, _Field] = {
    "altitude_meters": _Field(2, UINT16, 5, 500),
    "speed_mps": _Field(6, UINT16, 1000),
}
"""What devices wrote before the enhanced fields."""

_SESSION_FIELDS: Mapping[str, _Field] = {
    "elapsed_seconds": _Field(7, UINT32, 1000),
    "duration_seconds": _Field(8, UINT32, 1000),
    "distance_meters": _Field(9, UINT32, 100),
    "total_strides": _Field(10, UINT32),
    "energy_kcal": _Field(11, UINT16),
    "mean_heart_rate_bpm": _Field(16, UINT8),
    "max_heart_rate_bpm": _Field(17, UINT8),
    "mean_cadence_rpm": _Field(18, UINT8),
    "max_cadence_rpm": _Field(19, UINT8),
    "mean_power_watts": _Field(20, UINT16),
    "max_power_watts": _Field(21, UINT16),
    "elevation_gain_meters": _Field(22, UINT16),
    "elevation_loss_meters": _Field(23, UINT16),
    "normalized_power_watts": _Field(34, UINT16),
    "pool_length_meters": _Field(44, UINT16, 100),
    "work_joules": _Field(48, UINT32),
    "mean_temperature_celsius": _Field(57, SINT8),
    "moving_seconds": _Field(59, UINT32, 1000),
    "mean_speed_mps": _Field(124, UINT32, 1000),
    "max_speed_mps": _Field(125, UINT32, 1000),
}
_LAP_FIELDS: Mapping[str, _Field] = {
    "elapsed_seconds": _Field(7, UINT32, 1000),
    "duration_seconds": _Field(8, UINT32, 1000),
    "distance_meters": _Field(9, UINT32, 100),
    "total_strides": _Field(10, UINT32),
    "energy_kcal": _Field(11, UINT16),
    "mean_heart_rate_bpm": _Field(15, UINT8),
    "max_heart_rate_bpm": _Field(16, UINT8),
    "mean_cadence_rpm": _Field(17, UINT8),
    "max_cadence_rpm": _Field(18, UINT8),
    "mean_power_watts": _Field(19, UINT16),
    "max_power_watts": _Field(20, UINT16),
    "elevation_gain_meters": _Field(21, UINT16),
    "elevation_loss_meters": _Field(22, UINT16),
    "normalized_power_watts": _Field(33, UINT16),
    "work_joules": _Field(41, UINT32),
    "mean_temperature_celsius": _Field(50, SINT8),
    "moving_seconds": _Field(52, UINT32, 1000),
    "mean_speed_mps": _Field(110, UINT32, 1000),
    "max_speed_mps": _Field(111, UINT32, 1000),
}

_SPORT_NUMBERS: Mapping[str, int] = {
    "generic": 0, "running": 1, "cycling": 2, "transition": 3, "fitness_equipment": 4, "swimming": 5, "tennis": 8,
    "training": 10, "walking": 11, "cross_country_skiing": 12, "alpine_skiing": 13, "snowboarding": 14, "rowing": 15,
    "mountaineering": 16, "hiking": 17, "paddling": 19, "e_biking": 21, "inline_skating": 30, "rock_climbing": 31,
    "ice_skating": 33, "snowshoeing": 35, "stand_up_paddleboarding": 37, "kayaking": 41, "rafting": 42,
    "floor_climbing": 48, "racket": 64,
    "bike": 2, "run": 1, "swim": 5, "walk": 11, "hike": 17, "row": 15, "paddle": 19, "ski": 12, "skate": 30,
    "climb": 31, "strength": 10, "other": 0,
}  # fmt: skip
_SUB_SPORT_NUMBERS: Mapping[str, int] = {
    "generic": 0, "treadmill": 1, "street": 2, "trail": 3, "track": 4, "spin": 5, "indoor_cycling": 6, "road": 7,
    "mountain": 8, "cyclocross": 11, "track_cycling": 13, "indoor_rowing": 14, "lap_swimming": 17, "open_water": 18,
    "strength_training": 20, "bike_to_run_transition": 32, "run_to_bike_transition": 33,
    "swim_to_bike_transition": 34, "gravel_cycling": 46, "virtual_activity": 58,
}  # fmt: skip
_MANUFACTURER_NUMBERS: Mapping[str, int] = {
    "garmin": 1, "suunto": 23, "wahoo_fitness": 32, "tacx": 89, "stryd": 95, "polar_electro": 123, "development": 255,
    "lezyne": 258, "zwift": 260, "bryton": 267, "hammerhead": 289, "coros": 294,
}  # fmt: skip
_STROKE_NUMBERS: Mapping[str, int] = {
    "freestyle": 0, "backstroke": 1, "breaststroke": 2, "butterfly": 3, "drill": 4, "mixed": 5, "im": 6,
}  # fmt: skip
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
    writer.table(_FILE_ID, columns + product)
    version = _version(device)
    if version is not None:
        writer.table(_FILE_CREATOR, [Column(0, UINT16, [version], 100)])
    columns = [Column(TIMESTAMP, UINT32, [start]), Column(0, UINT8, [0]), Column(2, UINT16, [maker])]
    columns += [Column(4, UINT16, c.values) if c.number == 2 else Column(27, TEXT, c.values) for c in product]
    if version is not None:
        columns.append(Column(5, UINT16, [version], 100))
    writer.table(_DEVICE_INFO, columns)


def _product(device: Device) -> list[Column]:
    if not device.product:
        return []
    if device.product.isdecimal():
        return [Column(2, UINT16, [int(device.product)])]
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
        writer.table(_FIELD_DESCRIPTION, columns)


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
    writer.table(_SESSION, columns)


def _closing(start_ms: Any, end_ms: Any, event: int) -> list[Column]:
    """The fields that session, lap and length share: when they ended and began, and the event that ended them."""
    ends, begins = np.atleast_1d(fit_seconds(end_ms)), np.atleast_1d(fit_seconds(start_ms))
    same = np.ones(len(ends))
    return [
        Column(TIMESTAMP, UINT32, ends),
        Column(2, UINT32, begins),
        Column(0, ENUM, same * event),
        Column(1, ENUM, same * _STOP),
    ]


def _sport_number(session: Session) -> int:
    known = _SPORT_NUMBERS.get((session.sport_raw or "").lower())
    return _SPORT_NUMBERS.get(session.sport, 0) if known is None else known


def _write_event(writer: _Writer, time_ms: int, event_type: int) -> None:
    at = Column(TIMESTAMP, UINT32, [fit_seconds(time_ms)])
    writer.table(_EVENT, [at, Column(0, ENUM, [_TIMER]), Column(1, ENUM, [event_type])])


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
    timed = [Column(TIMESTAMP, UINT32, seconds), *columns]
    full = table(_RECORD, timed, local=_RECORD_LOCAL, big_endian=writer.big_endian)
    if writer.compressed_timestamps and columns:
        short = table(_RECORD, columns, local=_SHORT_RECORD_LOCAL, big_endian=writer.big_endian)
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
    writer.table(_LAP, columns)


def _write_lengths(writer: _Writer, session: Session) -> None:
    lengths = session.lengths
    if not lengths:
        return
    begins = np.array([length.start_ms for length in lengths])
    ends = np.array([length.end_ms for length in lengths])
    strokes = [np.nan if length.strokes is None else length.strokes for length in lengths]
    styles = [_STROKE_NUMBERS.get(length.stroke or "", ENUM.invalid) for length in lengths]
    writer.table(
        _LENGTH,
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
    writer.table(_HRV, [Column(0, UINT16, padded.reshape(-1, 5))])


def _write_activity(writer: _Writer, file: ActivityFile) -> None:
    end = fit_seconds(max(session.end_ms for session in file.sessions))
    timer = sum(s.summary.get("duration_seconds", (s.end_ms - s.start_ms) / 1000) for s in file.sessions)
    columns = [
        Column(TIMESTAMP, UINT32, [end]),
        Column(0, UINT32, [timer], 1000),
        Column(1, UINT16, [len(file.sessions)]),
        Column(2, ENUM, [int(len(file.sessions) > 1)]),
        Column(3, ENUM, [_ACTIVITY_END]),
        Column(4, ENUM, [_STOP]),
    ]
    offset = file.sessions[0].utc_offset_seconds
    if offset is not None:
        columns.append(Column(5, UINT32, [end + offset]))
    writer.table(_ACTIVITY, columns)
