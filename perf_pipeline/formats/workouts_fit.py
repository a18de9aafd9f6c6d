"""Workouts in FIT: the messages `workout` and `workout_step` (public profile of FIT, types wkt_step_duration and
wkt_step_target).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

from perf_pipeline.formats import fit_profile as profile
from perf_pipeline.formats import fit_workout_writer as fit
from perf_pipeline.formats.fit_encoding import MESSAGE_INDEX
from perf_pipeline.formats.fit_scan import scan
from perf_pipeline.formats.fit_sessions import number
from perf_pipeline.formats.fit_tables import Row, table
from perf_pipeline.formats.model import CorruptFileError, HostileFileError
from perf_pipeline.formats.sidecars import storable
from perf_pipeline.formats.sports import sport_of
from perf_pipeline.formats.workouts import (
    MAX_STEPS,
    Intensity,
    Item,
    Quantity,
    Repeat,
    Step,
    Target,
    Workout,
    zone_target,
)

_WANTED: Final = frozenset({profile.WORKOUT, profile.WORKOUT_STEP})
_TIME, _DISTANCE, _REPEAT, _REPETITION_TIME = 0, 1, 6, 28
_REPEATS: Final = frozenset(range(6, 15))
"""Repeats until something; but for the first, the something is what the day brings (a time, a heart rate)."""
_SPEED, _HEART_RATE, _POWER = frozenset({0, 12}), frozenset({1, 13}), frozenset({4, 7, 8, 9, 10})
_WATTS_FROM, _BPM_FROM = 1000, 100
_INTENSITIES: Final = {
    0: Intensity.WORK, 1: Intensity.REST, 2: Intensity.WARMUP, 3: Intensity.COOLDOWN, 4: Intensity.REST,
    5: Intensity.WORK,
}  # fmt: skip
_SPORTS: Final = {"bike": "cycling", "run": "running", "swim": "swimming", "walk": "walking", "row": "rowing"}


def read_fit_workout(data: bytes) -> Workout:
    """The workout in a FIT file. Errors: the FormatError family."""
    found = scan(data, _WANTED)
    about = [row for part in found.parts for row in table(data, part, profile.WORKOUT)]
    rows = [row for part in found.parts for row in table(data, part, profile.WORKOUT_STEP)]
    if len(rows) > MAX_STEPS:
        raise HostileFileError(f"{len(rows)} steps, more than the {MAX_STEPS} that are read")
    if found.partial:
        raise CorruptFileError("a workout of which bytes are missing")
    head = about[0] if about else {}
    rows.sort(key=lambda row: number(row, MESSAGE_INDEX) or 0)
    word = profile.SPORT_NAMES.get(number(head, 4) or 0)
    sport = sport_of(word)
    return Workout(_text(head, 8) or "Workout", None if sport == "other" else sport, _items(rows))


def _items(rows: Sequence[Row]) -> tuple[Item, ...]:
    """Steps with their repeats: a repeat takes in all from the step that it names up to itself."""
    stack: list[tuple[int, Item]] = []
    for at, row in enumerate(rows):
        index = number(row, MESSAGE_INDEX)
        position = at if index is None else index
        kind = number(row, 1)
        if kind not in _REPEATS:
            stack.append((position, _step(row)))
            continue
        first, times = number(row, 2), number(row, 4)
        inside = [item for begin, item in stack if first is not None and begin >= first]
        if kind != _REPEAT or not inside or not times or times > MAX_STEPS:
            raise CorruptFileError("a repeat that does not say of what and how often")
        stack = [(begin, item) for begin, item in stack if begin < (first or 0)]
        stack.append((first or 0, Repeat(times, tuple(inside))))
    return tuple(item for _, item in stack)


def _step(row: Row) -> Step:
    kind, value = number(row, 1), number(row, 2)
    seconds = meters = None
    if kind in (_TIME, _REPETITION_TIME) and value:
        seconds = value / 1000
    elif kind == _DISTANCE and value:
        meters = value / 100
    intensity = _INTENSITIES.get(number(row, 7) or 0, Intensity.WORK)
    return Step(intensity, seconds, meters, _target(row), _text(row, 0) or "")


def _target(row: Row) -> Target | None:
    kind, zone = number(row, 3), number(row, 4) or 0
    low, high = number(row, 5), number(row, 6)
    if kind in _POWER and zone and low is None:
        return zone_target(zone)
    if low is None or high is None:
        return None
    low, high = min(low, high), max(low, high)
    if kind in _SPEED:
        return Target(Quantity.SPEED, low / 1000, high / 1000)
    if kind in _POWER or kind in _HEART_RATE:
        offset = _WATTS_FROM if kind in _POWER else _BPM_FROM
        quantity = Quantity.POWER if kind in _POWER else Quantity.HEART_RATE
        if low >= offset:
            return Target(quantity, low - offset, high - offset)
        if high < offset:
            return Target(quantity, low / 100, high / 100, relative=True)
        raise CorruptFileError("a target from a percentage to an absolute value")
    return None


def _text(row: Mapping[int, object], field: int) -> str | None:
    value = row.get(field)
    return storable(value).strip() or None if isinstance(value, str) else None


def write_fit_workout(workout: Workout, *, created: dt.datetime) -> bytes:
    """The workout as a FIT file. A ramp becomes the range that it walks through: FIT knows no ramps.

    ValueError for what the format cannot say: a sport without a number in it, a speed as a share.
    """
    sport = _SPORTS.get(workout.sport or "")
    if sport is None:
        raise ValueError(f"no FIT workout of the sport {workout.sport}")
    steps: list[fit.WorkoutStep | fit.Repeat] = []
    _add(workout.items, steps)
    return fit.write_fit_workout(workout.name, sport, steps, created_ms=round(created.timestamp() * 1000))


def _add(items: Sequence[Item], steps: list[fit.WorkoutStep | fit.Repeat]) -> None:
    for item in items:
        if isinstance(item, Step):
            steps.append(_fit_step(item))
        else:
            first = len(steps)
            _add(item.steps, steps)
            steps.append(fit.Repeat(first, item.count))


def _fit_step(step: Step) -> fit.WorkoutStep:
    intensity = {
        Intensity.WARMUP: fit.Intensity.WARMUP, Intensity.COOLDOWN: fit.Intensity.COOLDOWN,
        Intensity.REST: fit.Intensity.REST,
    }.get(step.intensity, fit.Intensity.ACTIVE)  # fmt: skip
    target = {} if step.target is None else _fit_target(step.target)
    return fit.WorkoutStep(step.name, intensity, step.seconds, step.meters, **target)


def _fit_target(target: Target) -> dict[str, tuple[float, float]]:
    low, high = min(target.begin, target.end), max(target.begin, target.end)
    if not target.relative:
        key = {Quantity.POWER: "power_watts", Quantity.HEART_RATE: "heart_rate_bpm"}.get(target.quantity, "speed_mps")
        return {key: (low, high)}
    if target.quantity is Quantity.SPEED:
        raise ValueError("FIT has no speed as a share of the threshold")
    key = "power_percent" if target.quantity is Quantity.POWER else "heart_rate_percent"
    return {key: (100 * low, 100 * high)}
