"""The canonical model of what an activity file says: the one interface between readers and everything else.

Readers put in what the file says, in natural units, and nothing more: no cleaning, no resampling, no invention.
A value that the file does not give is NaN in a stream and absent from a summary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


class FileFormat(StrEnum):
    """How the bytes are written."""

    FIT = "fit"
    GPX = "gpx"
    TCX = "tcx"
    CSV = "csv"
    YAML = "yaml"
    ZWO = "zwo"
    ERG = "erg"
    MRC = "mrc"
    UNKNOWN = "bin"


class FileKind(StrEnum):
    """What the bytes are about."""

    ACTIVITY = "activity"
    COURSE = "course"
    WORKOUT = "workout"
    WELLNESS = "wellness"
    SETTINGS = "settings"
    SIDECAR = "sidecar"
    PROFILE = "profile"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Channel:
    """One column of a stream: its name carries the unit's word, `unit` its symbol."""

    name: str
    unit: str
    description: str


CHANNELS: Mapping[str, Channel] = {
    c.name: c
    for c in (
        Channel("latitude_degrees", "deg", "WGS 84 latitude"),
        Channel("longitude_degrees", "deg", "WGS 84 longitude"),
        Channel("altitude_meters", "m", "altitude as the device gives it"),
        Channel("distance_meters", "m", "distance since the session began, the device's own"),
        Channel("speed_mps", "m/s", "speed, the device's own"),
        Channel("power_watts", "W", "power"),
        Channel("heart_rate_bpm", "bpm", "heart rate"),
        Channel("cadence_rpm", "rpm", "cadence: crank revolutions, strides or stroke cycles per minute"),
        Channel("temperature_celsius", "degC", "temperature at the device"),
    )
}
"""The channels with a meaning of their own. Any other name in `Streams.channels` is an extra, with its unit in
`Streams.extra_units`."""


@dataclass(frozen=True, slots=True)
class Streams:
    """The records of one session as columns, in the order of the file.

    `time_ms` (n,) int64: UTC milliseconds since 1970, as the file gives them (they may repeat or step back).
    `channels`: name -> (n,) float64, NaN where the record does not say. Channels without a single value are left out.
    `extra_units`: unit by name for the channels that `CHANNELS` does not know (developer fields and the like).
    """

    time_ms: IntArray
    channels: Mapping[str, FloatArray] = field(default_factory=dict)
    extra_units: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time_ms)

    def get(self, name: str) -> FloatArray | None:
        """The channel, or None where the file does not have it."""
        return self.channels.get(name)

    @staticmethod
    def empty() -> Streams:
        return Streams(np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class Lap:
    """One lap as the device marked it."""

    start_ms: int
    end_ms: int
    summary: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Length:
    """One pool length. `active` is False for rest at the wall."""

    start_ms: int
    end_ms: int
    active: bool
    strokes: int | None = None
    stroke: str | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """The timer was stopped from `start_ms` (inclusive) to `end_ms` (exclusive): events, TCX tracks, GPX segments."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Device:
    """What wrote the file. No serial number: it would identify a person."""

    manufacturer: str | None = None
    product: str | None = None
    software: str | None = None

    def __str__(self) -> str:
        return " ".join(part for part in (self.manufacturer, self.product) if part)


@dataclass(frozen=True, slots=True)
class Session:
    """One activity of the file: one sport from start to end.

    `sport` is our word (`formats.sports`), `sport_raw` and `sub_sport` the file's. `summary` is the device's own word
    in natural units, keys such as `duration_seconds` (timer), `elapsed_seconds`, `distance_meters`, `mean_power_watts`,
    `max_power_watts`, `normalized_power_watts`, `mean_heart_rate_bpm`, `max_heart_rate_bpm`, `mean_cadence_rpm`,
    `mean_speed_mps`, `max_speed_mps`, `elevation_gain_meters`, `energy_kcal`, `work_joules`, `pool_length_meters`,
    `mean_temperature_celsius`, `total_strides`.
    """

    index: int
    sport: str
    start_ms: int
    end_ms: int
    streams: Streams
    sport_raw: str | None = None
    sub_sport: str | None = None
    utc_offset_seconds: int | None = None
    laps: tuple[Lap, ...] = ()
    lengths: tuple[Length, ...] = ()
    pauses: tuple[Pause, ...] = ()
    summary: Mapping[str, float] = field(default_factory=dict)
    name: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class WellnessSample:
    """One wellness value: `metric` is one of weight_kg, resting_hr_bpm, sleep_hours, hrv_ms."""

    metric: str
    value: float
    time_ms: int
    source: str | None = None


@dataclass(frozen=True, slots=True)
class ActivityFile:
    """Everything that one file says.

    `sessions` are in order of start. `partial` is True where bytes were lost (`warnings` says what). `reader` names the
    code that read it. `rr_intervals_ms` (k,) float64 are beat-to-beat intervals in file order, where there are any.
    """

    format: FileFormat
    kind: FileKind
    sessions: tuple[Session, ...] = ()
    device: Device = field(default_factory=Device)
    partial: bool = False
    warnings: tuple[str, ...] = ()
    reader: str = "perf_pipeline"
    rr_intervals_ms: FloatArray | None = None
    wellness: tuple[WellnessSample, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file is, from its bytes alone, reading no more than that takes.

    `start_ms`: UTC milliseconds of the first thing it tells of, None where it gives no (credible) time.
    """

    format: FileFormat
    kind: FileKind
    start_ms: int | None = None
    detail: str | None = None


class FormatError(Exception):
    """The bytes cannot be read. `reason` says what is wrong, `offset` where (byte, or line for text), where known.

    The message never holds contents of the file.
    """

    def __init__(self, reason: str, *, offset: int | None = None, line: int | None = None) -> None:
        where = f" at byte {offset}" if offset is not None else f" in line {line}" if line is not None else ""
        super().__init__(reason + where)
        self.reason = reason
        self.offset = offset
        self.line = line

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword arguments do not cross a process pool without help.
        return (_rebuild, (type(self), self.reason, self.offset, self.line))


def _rebuild(cls: type[FormatError], reason: str, offset: int | None, line: int | None) -> FormatError:
    return cls(reason, offset=offset, line=line)


class UnknownFormatError(FormatError):
    """Neither FIT, GPX, TCX nor anything else that we know."""


class CorruptFileError(FormatError):
    """The format is known, but nothing can be kept of the file."""


class HostileFileError(FormatError):
    """The file breaks a safety bound: a DOCTYPE, an expansion ratio, a depth, a size."""


class EmptyFileError(FormatError):
    """No bytes at all."""
