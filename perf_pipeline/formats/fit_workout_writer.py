"""A structured workout as a FIT file that devices load and follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perf_pipeline.formats import fit_profile as profile
from perf_pipeline.formats.fit_encoding import (
    ENUM,
    MESSAGE_INDEX,
    TEXT,
    UINT16,
    UINT32,
    Column,
    Table,
    enclose,
    fit_seconds,
    table,
)

_WORKOUT_FILE = 5
_DEVELOPMENT = 255
_TIME, _DISTANCE, _OPEN_END, _REPEAT = 0, 1, 5, 6
_SPEED, _HEART_RATE, _NO_TARGET, _POWER = 0, 1, 2, 4
# Below these, a target counts in percent of the athlete's threshold or maximum.
_WATTS_FROM, _BPM_FROM = 1000, 100


class Intensity(IntEnum):
    """What a step is for."""

    ACTIVE = 0
    REST = 1
    WARMUP = 2
    COOLDOWN = 3


@dataclass(frozen=True, slots=True)
class WorkoutStep:
    """One step, to last `seconds` or `meters`, or until the lap button where neither is given.

    At most one of the targets, each a (low, high) pair in W, bpm, m/s, or per cent of the threshold or the maximum.
    """

    name: str = ""
    intensity: Intensity = Intensity.ACTIVE
    seconds: float | None = None
    meters: float | None = None
    power_watts: tuple[float, float] | None = None
    heart_rate_bpm: tuple[float, float] | None = None
    speed_mps: tuple[float, float] | None = None
    power_percent: tuple[float, float] | None = None
    heart_rate_percent: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """The steps from index `first` up to here, `times` times in all."""

    first: int
    times: int


def write_fit_workout(name: str, sport: str, steps: Sequence[WorkoutStep | Repeat], *, created_ms: int) -> bytes:
    """The workout as a FIT file; `sport` is FIT's word (`cycling`, `running`, `swimming`), `created_ms` UTC.

    Raises ValueError at a sport that FIT does not know, and at a workout without steps.
    """
    numbers = {word: number for number, word in profile.SPORT_NAMES.items()}
    if sport not in numbers:
        raise ValueError(f"FIT knows no sport {sport!r}")
    if not steps:
        raise ValueError("a workout without a step")
    head = [
        Column(0, ENUM, [_WORKOUT_FILE]),
        Column(1, UINT16, [_DEVELOPMENT]),
        Column(4, UINT32, [fit_seconds(created_ms)]),
    ]
    about = [Column(4, ENUM, [numbers[sport]]), Column(6, UINT16, [len(steps)]), Column(8, TEXT, [name])]
    tables = [table(profile.FILE_ID, head), table(profile.WORKOUT, about), _steps(steps)]
    return enclose(b"".join(t.to_bytes() for t in tables))


def _steps(steps: Sequence[WorkoutStep | Repeat]) -> Table:
    durations = np.array([_duration(step) for step in steps], np.float64)
    targets = np.array([_target(step) for step in steps], np.float64)
    return table(
        profile.WORKOUT_STEP,
        [
            Column(MESSAGE_INDEX, UINT16, np.arange(len(steps))),
            Column(0, TEXT, [step.name if isinstance(step, WorkoutStep) else "" for step in steps]),
            Column(1, ENUM, durations[:, 0]),
            Column(2, UINT32, durations[:, 1]),
            Column(3, ENUM, targets[:, 0]),
            Column(4, UINT32, targets[:, 1]),
            Column(5, UINT32, targets[:, 2]),
            Column(6, UINT32, targets[:, 3]),
            Column(7, ENUM, [step.intensity if isinstance(step, WorkoutStep) else np.nan for step in steps]),
        ],
    )


def _duration(step: WorkoutStep | Repeat) -> tuple[int, float]:
    """Type and value: ms, cm, or the first step to repeat."""
    if isinstance(step, Repeat):
        return _REPEAT, step.first
    if step.seconds is not None:
        return _TIME, step.seconds * 1000
    if step.meters is not None:
        return _DISTANCE, step.meters * 100
    return _OPEN_END, np.nan


def _target(step: WorkoutStep | Repeat) -> tuple[int, float, float, float]:
    """Type, value (0: the custom range; the count of a repeat), low, high."""
    if isinstance(step, Repeat):
        return ENUM.invalid, step.times, np.nan, np.nan
    for kind, limits, scale, offset in (
        (_POWER, step.power_watts, 1, _WATTS_FROM),
        (_HEART_RATE, step.heart_rate_bpm, 1, _BPM_FROM),
        (_SPEED, step.speed_mps, 1000, 0),
        (_POWER, step.power_percent, 1, 0),
        (_HEART_RATE, step.heart_rate_percent, 1, 0),
    ):
        if limits is not None:
            return kind, 0, limits[0] * scale + offset, limits[1] * scale + offset
    return _NO_TARGET, 0, np.nan, np.nan
