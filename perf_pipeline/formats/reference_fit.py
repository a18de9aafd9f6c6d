"""The second reading of FIT, through fitparse."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perf_pipeline.formats.model import (
    CHANNELS,
    ActivityFile,
    CorruptFileError,
    Device,
    FileFormat,
    FileKind,
    Lap,
    Length,
    Pause,
    Session,
    WellnessSample,
)
from perf_pipeline.formats.reference_tools import columns, reader_name
from perf_pipeline.formats.sports import sport_of

_EPOCH_SECONDS = 631_065_600
_RECORD, _TIMESTAMP = 20, 253
_POWER_UP = 0x10000000
"""A date_time below this counts seconds since the device was switched on, not since 1989."""
_DEGREES_PER_SEMICIRCLE = 180.0 / 2**31
_WANTED = frozenset(
    {
        "file_id",
        "file_creator",
        "device_info",
        "record",
        "session",
        "lap",
        "length",
        "event",
        "activity",
        "hrv",
        "weight_scale",
    }
)
_CHANNEL_OF = {
    "position_lat": "latitude_degrees",
    "position_long": "longitude_degrees",
    "altitude": "altitude_meters",
    "enhanced_altitude": "altitude_meters",
    "distance": "distance_meters",
    "speed": "speed_mps",
    "enhanced_speed": "speed_mps",
    "power": "power_watts",
    "heart_rate": "heart_rate_bpm",
    "cadence": "cadence_rpm",
    "temperature": "temperature_celsius",
}
_SUMMARY_OF = {
    "total_timer_time": "duration_seconds",
    "total_elapsed_time": "elapsed_seconds",
    "total_moving_time": "moving_seconds",
    "total_distance": "distance_meters",
    "avg_power": "mean_power_watts",
    "max_power": "max_power_watts",
    "normalized_power": "normalized_power_watts",
    "avg_heart_rate": "mean_heart_rate_bpm",
    "max_heart_rate": "max_heart_rate_bpm",
    "avg_cadence": "mean_cadence_rpm",
    "avg_running_cadence": "mean_cadence_rpm",
    "max_cadence": "max_cadence_rpm",
    "max_running_cadence": "max_cadence_rpm",
    "avg_speed": "mean_speed_mps",
    "enhanced_avg_speed": "mean_speed_mps",
    "max_speed": "max_speed_mps",
    "enhanced_max_speed": "max_speed_mps",
    "total_ascent": "elevation_gain_meters",
    "total_descent": "elevation_loss_meters",
    "total_calories": "energy_kcal",
    "total_work": "work_joules",
    "pool_length": "pool_length_meters",
    "avg_temperature": "mean_temperature_celsius",
    "total_strides": "total_strides",
}
_KIND_OF = {
    "activity": FileKind.ACTIVITY,
    "course": FileKind.COURSE,
    "workout": FileKind.WORKOUT,
    "weight": FileKind.WELLNESS,
    "monitoring_a": FileKind.WELLNESS,
    "monitoring_b": FileKind.WELLNESS,
    "monitoring_daily": FileKind.WELLNESS,
    "settings": FileKind.SETTINGS,
    "device": FileKind.SETTINGS,
    "sport": FileKind.SETTINGS,
}

Fields = dict[str, Any]


class _Untouched:
    """Leave times as numbers: fitparse's own processor makes naive datetimes by a deprecated call."""

    def run_type_processor(self, field_data: object) -> None: ...
    def run_field_processor(self, field_data: object) -> None: ...
    def run_unit_processor(self, field_data: object) -> None: ...
    def run_message_processor(self, data_message: object) -> None: ...


@dataclass
class _Told:
    """The messages by name, and the unit of every field that a record names."""

    messages: dict[str, list[Fields]] = field(default_factory=lambda: {name: [] for name in _WANTED})
    units: dict[str, str] = field(default_factory=dict)
    failure: str | None = None

    def of(self, name: str) -> list[Fields]:
        return self.messages[name]


def read_fit(data: bytes) -> ActivityFile:
    """What fitparse makes of the bytes, up to the first thing that it does not understand."""
    told = _tell(data)
    kind = _kind(told)
    if told.failure is not None and not any(told.of(name) for name in ("record", "session", "weight_scale", "file_id")):
        raise CorruptFileError(told.failure)
    return ActivityFile(
        format=FileFormat.FIT,
        kind=kind,
        sessions=_sessions(told) if kind is FileKind.ACTIVITY else (),
        device=_device(told),
        partial=told.failure is not None,
        warnings=() if told.failure is None else (told.failure,),
        reader=reader_name("fitparse"),
        rr_intervals_ms=_rr_intervals(told),
        wellness=_weights(told),
    )


def _tell(data: bytes) -> _Told:
    import fitparse
    import fitparse.profile
    import fitparse.records

    # The library keeps developer fields in a module's dictionary: the last file's would be taken for this one's.
    fitparse.records.DEV_TYPES.clear()
    told = _Told()
    profile = {f.name for f in fitparse.profile.MESSAGE_TYPES[_RECORD].fields.values()}
    natives = frozenset(profile - _CHANNEL_OF.keys() | set(CHANNELS))
    try:
        with fitparse.FitFile(data, check_crc=False, data_processor=_Untouched()) as fit:
            last_time: object = None
            for message in fit.get_messages():
                last_time = message.get_raw_value(_TIMESTAMP) or last_time
                if message.name in _WANTED:
                    fields = _fields(message, told.units, natives)
                    if message.name == "record":
                        # A record that gives no time, as in old pool swims, has that of the message before it.
                        fields.setdefault("timestamp", last_time)
                    told.of(message.name).append(fields)
    except Exception as error:  # noqa: BLE001  # what a third party raises is not for us to know
        told.failure = f"fitparse stopped: {type(error).__name__}"
    return told


def _fields(message: Any, units: dict[str, str], natives: frozenset[str]) -> Fields:
    """Name -> value; what the message says itself goes before what the library unfolds from another field."""
    unfolded: Fields = {}
    own: Fields = {}
    for item in message.fields:
        if item.value is None:
            continue
        developer = item.field_type == "devfield"
        name = _plain_words(item.name, natives) if developer else item.name
        target = unfolded if item.field_def is None or developer else own
        # The library takes some balances, 128 is one, for words of an enumeration.
        target.setdefault(name, item.raw_value if name == "left_right_balance" else item.value)
        if item.units:
            units.setdefault(name, str(item.units))
    return {**unfolded, **own}


def _plain_words(name: str, natives: frozenset[str]) -> str:
    """A developer's name as a channel's: `CoreTemp °C` is core_temp_c; one that the profile has is marked."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    words = "_".join(re.findall(r"[a-z0-9]+", parted.lower()))
    return words + "_developer" if words in natives else words or name


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _ms(value: object) -> int | None:
    seconds = _number(value)
    if seconds is None:
        return None
    return round((seconds if seconds < _POWER_UP else seconds + _EPOCH_SECONDS) * 1000)


def _span_ms(message: Fields) -> tuple[int, int] | None:
    """Start and end of a session, lap or length."""
    end = _ms(message.get("timestamp"))
    start = _ms(message.get("start_time"))
    elapsed = _number(message.get("total_elapsed_time"))
    if start is None:
        return None if end is None else (end, end)
    if elapsed is not None:
        return start, start + round(elapsed * 1000)
    return start, max(start, end if end is not None else start)


def _record_row(message: Fields) -> dict[str, float]:
    row: dict[str, float] = {}
    for name, value in message.items():
        number = _number(value)
        if number is None or name == "timestamp":
            continue
        channel = _CHANNEL_OF.get(name, name)
        if channel in row and not name.startswith("enhanced_"):
            continue
        row[channel] = number * _DEGREES_PER_SEMICIRCLE if name.startswith("position_") else number
    balance = row.pop("left_right_balance", None)
    if balance is not None:
        # Bit 7 says that the percentage below it is that of the right leg.
        name = "left_right_balance" if int(balance) & 0x80 else "balance_of_unknown_side"
        row[name] = float(int(balance) & 0x7F)
    if "cadence_rpm" in row:
        row["cadence_rpm"] += row.pop("fractional_cadence", 0.0)
    return row


def _sessions(told: _Told) -> tuple[Session, ...]:
    records = [(at, _record_row(m)) for m in told.of("record") if (at := _ms(m.get("timestamp"))) is not None]
    distinct = [m for i, m in enumerate(told.of("session")) if m not in told.of("session")[:i]]
    marked = sorted(
        ((span, m) for m in distinct if (span := _span_ms(m)) is not None),
        key=lambda pair: pair[0][0],
    )
    if not marked:
        if not records:
            return ()
        times = [at for at, _ in records]
        marked = [((min(times), max(times)), {})]
    starts = [span[0] for span, _ in marked]
    offset = _utc_offset(told)
    stops = _stops(told.of("event"))
    result = []
    for index, (span, message) in enumerate(marked):
        rows = [(at, row) for at, row in records if _owner(starts, at) == index]
        sport = message.get("sport")
        result.append(
            Session(
                index=index,
                sport=sport_of(_word(sport)),
                start_ms=span[0],
                end_ms=span[1],
                streams=columns([at for at, _ in rows], [row for _, row in rows], told.units),
                sport_raw=_word(sport),
                sub_sport=_word(message.get("sub_sport")),
                utc_offset_seconds=offset,
                laps=tuple(_laps(told.of("lap"), starts, index)),
                lengths=tuple(_lengths(told.of("length"), starts, index)),
                pauses=tuple(_pauses(stops, span, starts, index)),
                summary=_summary(message),
            )
        )
    return tuple(result)


def _owner(starts: list[int], at: int) -> int:
    """The session that a moment belongs to: the last one that has begun."""
    return max(0, int(np.searchsorted(starts, at, side="right")) - 1)


def _word(value: object) -> str | None:
    return None if value is None else str(value)


def _summary(message: Fields) -> Mapping[str, float]:
    summary: dict[str, float] = {}
    for name, key in _SUMMARY_OF.items():
        number = _number(message.get(name))
        if number is not None:
            summary[key] = number
    return summary


def _laps(messages: Iterable[Fields], starts: list[int], index: int) -> Iterable[Lap]:
    for message in messages:
        span = _span_ms(message)
        if span is not None and _owner(starts, span[0]) == index:
            yield Lap(span[0], span[1], _summary(message))


def _lengths(messages: Iterable[Fields], starts: list[int], index: int) -> Iterable[Length]:
    for message in messages:
        span = _span_ms(message)
        if span is None or _owner(starts, span[0]) != index:
            continue
        strokes = _number(message.get("total_strokes"))
        yield Length(
            start_ms=span[0],
            end_ms=span[1],
            active=message.get("length_type") != "idle",
            strokes=None if strokes is None else int(strokes),
            stroke=_word(message.get("swim_stroke")),
        )


def _stops(events: Iterable[Fields]) -> list[tuple[int, int]]:
    """From each stop of the timer to the start after it."""
    stops: list[tuple[int, int]] = []
    stopped: int | None = None
    for message in events:
        at = _ms(message.get("timestamp"))
        if message.get("event") != "timer" or at is None:
            continue
        kind = str(message.get("event_type"))
        if kind.startswith("stop") and stopped is None:
            stopped = at
        elif kind == "start" and stopped is not None:
            stops.append((stopped, at))
            stopped = None
    return stops


def _pauses(stops: list[tuple[int, int]], span: tuple[int, int], starts: list[int], index: int) -> Iterable[Pause]:
    for begin, end in stops:
        until = min(end, span[1])
        if _owner(starts, begin) == index and begin >= span[0] and until > begin:
            yield Pause(begin, until)


def _utc_offset(told: _Told) -> int | None:
    for message in told.of("activity"):
        local, utc = _number(message.get("local_timestamp")), _number(message.get("timestamp"))
        if local is not None and utc is not None and abs(local - utc) <= 15 * 3600:
            return round((local - utc) / 60) * 60
    return None


def _device(told: _Told) -> Device:
    main = next(iter(told.of("file_id")), {})
    creator = [m for m in told.of("device_info") if m.get("device_index") in {0, "creator"}]
    versions = [m.get("software_version") for m in (*creator, *told.of("file_creator")) if "software_version" in m]
    product = main.get("product_name", main.get("garmin_product", main.get("product")))
    return Device(_word(main.get("manufacturer")), _word(product), _word(versions[0]) if versions else None)


def _kind(told: _Told) -> FileKind:
    for message in told.of("file_id"):
        if "type" in message:
            return _KIND_OF.get(str(message["type"]), FileKind.OTHER)
    return FileKind.ACTIVITY if told.of("record") or told.of("session") else FileKind.OTHER


def _rr_intervals(told: _Told) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    found: list[float] = []
    for message in told.of("hrv"):
        times = message.get("time")
        for seconds in times if isinstance(times, tuple) else (times,):
            number = _number(seconds)
            if number is not None:
                found.append(number * 1000.0)
    return np.array(found) if found else None


def _weights(told: _Told) -> tuple[WellnessSample, ...]:
    found = []
    for message in told.of("weight_scale"):
        kilograms, at = _number(message.get("weight")), _ms(message.get("timestamp"))
        if kilograms is not None and at is not None:
            found.append(WellnessSample("weight_kg", kilograms, at))
    return tuple(found)
