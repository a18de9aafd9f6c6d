"""Workouts as people write them: a small YAML, described in docs/workouts.md."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from perf_pipeline.formats.model import CorruptFileError, FormatError
from perf_pipeline.formats.sidecars import mapping_of, storable
from perf_pipeline.formats.sports import sport_of
from perf_pipeline.formats.workouts import Intensity, Item, Quantity, Repeat, Step, Target, Workout

_NUMBER = r"(\d{1,6}(?:\.\d{1,6})?)"
_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{2})", re.ASCII)
_LENGTH = re.compile(rf"{_NUMBER}\s*([a-z]+)", re.ASCII)
_TARGET = re.compile(rf"{_NUMBER}(?:\s*(-|to|->)\s*{_NUMBER})?\s*(%|w|bpm|m/s|km/h)", re.ASCII)
_PACE = re.compile(r"(\d{1,2}:\d{2})(?:\s*(-|to|->)\s*(\d{1,2}:\d{2}))?\s*/\s*(km|100\s?m|mi|mile)", re.ASCII)
_SECONDS = {"s": 1, "sec": 1, "second": 1, "seconds": 1, "min": 60, "minute": 60, "minutes": 60, "h": 3600,
            "hour": 3600, "hours": 3600}  # fmt: skip
_METERS = {"m": 1.0, "meter": 1.0, "meters": 1.0, "metres": 1.0, "km": 1000.0, "mi": 1609.344, "mile": 1609.344,
           "miles": 1609.344}  # fmt: skip
_PER_METERS = {"km": 1000.0, "100m": 100.0, "mi": 1609.344, "mile": 1609.344}
_UNITS: Mapping[str, tuple[Quantity, float]] = {
    "w": (Quantity.POWER, 1.0),
    "bpm": (Quantity.HEART_RATE, 1.0),
    "m/s": (Quantity.SPEED, 1.0),
    "km/h": (Quantity.SPEED, 1 / 3.6),
}


def is_workout_mapping(data: bytes) -> bool:
    """Whether the YAML has steps, which a sidecar has not."""
    try:
        return "steps" in mapping_of(data)
    except FormatError:
        return False


def read_workout_yaml(data: bytes) -> Workout:
    """The workout in a YAML mapping. FormatError that names the step and the key of a wrong value."""
    given = mapping_of(data)
    unknown = sorted(set(given) - {"name", "sport", "date", "notes", "threshold", "steps"})
    if unknown:
        raise CorruptFileError("a workout has name, sport, date, notes, threshold and steps, and no other key")
    sport = sport_of(str(given["sport"])) if given.get("sport") is not None else None
    if sport == "other":
        raise CorruptFileError("sport is no sport that we know, such as bike, run or swim")
    return Workout(
        name=_words(given.get("name")) or "Workout",
        sport=sport,
        items=_items(given.get("steps"), sport, "steps"),
        day=_day(given.get("date")),
        notes=_words(given.get("notes")),
        threshold=_threshold(given.get("threshold")),
    )


def _items(given: Any, sport: str | None, where: str) -> tuple[Item, ...]:
    if not isinstance(given, list):
        raise CorruptFileError(f"{where} is not a list")
    return tuple(_item(one, sport, f"{where}[{number}]") for number, one in enumerate(given, 1))


def _item(given: Any, sport: str | None, where: str) -> Item:
    if not isinstance(given, dict):
        raise CorruptFileError(f"{where} is not a mapping")
    if "repeat" in given:
        count = given["repeat"]
        if set(given) - {"repeat", "steps"} or not isinstance(count, int) or isinstance(count, bool):
            raise CorruptFileError(f"{where} has a repeat that is not a whole number beside steps")
        return Repeat(count, _items(given.get("steps"), sport, f"{where}.steps"))
    if set(given) - {"kind", "duration", "target", "name"}:
        raise CorruptFileError(f"{where} has keys besides kind, duration, target and name")
    seconds, meters = _length(given.get("duration"), where)
    try:
        intensity = Intensity(str(given.get("kind", "work")).strip().lower())
    except ValueError:
        raise CorruptFileError(f"{where}.kind is not one of {', '.join(Intensity)}") from None
    return Step(intensity, seconds, meters, _target(given.get("target"), sport, where), _words(given.get("name")) or "")


def _length(given: Any, where: str) -> tuple[float | None, float | None]:
    if isinstance(given, int) and not isinstance(given, bool):
        return float(given), None  # YAML itself reads 4:30 as 270
    word = str(given if given is not None else "open").strip().lower()
    if word == "open":
        return None, None
    if (clock := _CLOCK.fullmatch(word)) is not None:
        return 3600.0 * int(clock[1] or 0) + 60.0 * int(clock[2]) + int(clock[3]), None
    found = _LENGTH.fullmatch(word)
    if found is not None and found[2] in _SECONDS:
        return float(found[1]) * _SECONDS[found[2]], None
    if found is not None and found[2] in _METERS:
        return None, float(found[1]) * _METERS[found[2]]
    raise CorruptFileError(f"{where}.duration is not a length such as 8 min, 90 s, 4:30, 400 m, 5 km or open")


def _target(given: Any, sport: str | None, where: str) -> Target | None:
    if given is None:
        return None
    word = " ".join(str(given).strip().lower().split())
    if (pace := _PACE.fullmatch(word)) is not None:
        per = _PER_METERS[pace[4].replace(" ", "")]
        first, second = (_pace_speed(clock, per, where) for clock in (pace[1], pace[3] or pace[1]))
        return _range(Quantity.SPEED, first, second, ramp=pace[2] == "->")
    if (found := _TARGET.fullmatch(word)) is not None:
        first, second = float(found[1]), float(found[3] or found[1])
        if found[4] == "%":
            quantity = Quantity.POWER if sport in (None, "bike") else Quantity.SPEED
            return _range(quantity, first / 100, second / 100, ramp=found[2] == "->", relative=True)
        quantity, by = _UNITS[found[4]]
        return _range(quantity, first * by, second * by, ramp=found[2] == "->")
    raise CorruptFileError(
        f"{where}.target is not a target such as 95 %, 95-105 %, 250 W, 50 -> 75 %, 4:10/km or 150 bpm"
    )


def _range(quantity: Quantity, first: float, second: float, *, ramp: bool, relative: bool = False) -> Target:
    if ramp and first != second:
        return Target(quantity, first, second, relative=relative, ramp=True)
    return Target(quantity, min(first, second), max(first, second), relative=relative)


def _pace_speed(clock: str, per_meters: float, where: str) -> float:
    minutes, seconds = clock.split(":")
    total = 60 * int(minutes) + int(seconds)
    if total == 0:
        raise CorruptFileError(f"{where}.target is a pace of no time")
    return per_meters / total


def _threshold(given: Any) -> float | None:
    """Watts or m/s, as a bare number, with its unit, or as a pace."""
    if given is None:
        return None
    is_bare = isinstance(given, int | float) and not isinstance(given, bool)
    target = _target(f"{given} w" if is_bare else given, None, "threshold")
    if target is None or target.relative or target.ramp or target.middle <= 0:
        raise CorruptFileError("threshold is not a power or a pace")
    return target.middle


def _day(given: Any) -> dt.date | None:
    if given is None:
        return None
    if isinstance(given, dt.datetime):
        return given.date()
    if isinstance(given, dt.date):
        return given
    try:
        return dt.date.fromisoformat(str(given).strip())
    except ValueError:
        raise CorruptFileError("date is not a date such as 2026-11-28") from None


def _words(given: Any) -> str | None:
    return None if given is None else storable(str(given)[:2000]).strip() or None


def write_workout_yaml(workout: Workout) -> bytes:
    """The workout as this YAML; what is read back is the same, to six digits of a target."""
    lines = [f"name: {_quoted(workout.name)}"]
    if workout.sport:
        lines.append(f"sport: {workout.sport}")
    if workout.day:
        lines.append(f"date: {workout.day.isoformat()}")
    if workout.notes:
        lines.append(f"notes: {_quoted(workout.notes)}")
    if workout.threshold:
        lines.append(f"threshold: {_told(workout.threshold)} {'W' if workout.sport in (None, 'bike') else 'm/s'}")
    return "\n".join([*lines, "steps:", *_item_lines(workout.items, "  "), ""]).encode()


def _item_lines(items: Sequence[Item], indent: str) -> list[str]:
    lines: list[str] = []
    for item in items:
        if isinstance(item, Repeat):
            lines += [f"{indent}- repeat: {item.count}", f"{indent}  steps:", *_item_lines(item.steps, indent + "    ")]
            continue
        told = {"kind": item.intensity.value, "duration": _length_words(item)}
        if item.target is not None:
            told["target"] = _target_words(item.target)
        if item.name:
            told["name"] = _quoted(item.name)
        lines.append(f"{indent}- {{{', '.join(f'{key}: {value}' for key, value in told.items())}}}")
    return lines


def _length_words(step: Step) -> str:
    if step.seconds is not None:
        return f"{_told(step.seconds)} s"
    return "open" if step.meters is None else f"{_told(step.meters)} m"


def _target_words(target: Target) -> str:
    by, unit = (100.0, "%") if target.relative else (1.0, {"power": "W", "speed": "m/s"}.get(target.quantity, "bpm"))
    begin, end = _told(target.begin * by), _told(target.end * by)
    if target.begin == target.end:
        return f"{begin} {unit}"
    return f"{begin} {'->' if target.ramp else '-'} {end} {unit}"


def _told(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _quoted(words: str) -> str:
    import json

    return json.dumps(words)
