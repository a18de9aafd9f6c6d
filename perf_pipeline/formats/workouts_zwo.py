"""ZWO, the workouts of Zwift and its kin: XML with power as a share of the threshold.

There is no published definition. Elements and attributes are those that the program and its users' tools write;
upper and lower case are not told apart, since writers do not agree on them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from perf_pipeline.formats.model import CorruptFileError
from perf_pipeline.formats.sidecars import storable
from perf_pipeline.formats.sports import sport_of
from perf_pipeline.formats.workouts import (
    Intensity,
    Item,
    Quantity,
    Repeat,
    Step,
    Target,
    Workout,
    folded,
    zone_target,
)
from perf_pipeline.formats.xml_safety import parse
from perf_pipeline.formats.xml_writing import DECLARATION, attribute, number_text, text

ROOT = "workout_file"
_KINDS: Mapping[str, Intensity] = {
    "warmup": Intensity.WARMUP, "cooldown": Intensity.COOLDOWN, "ramp": Intensity.WORK,
    "steadystate": Intensity.WORK, "solidstate": Intensity.WORK, "freeride": Intensity.FREE,
    "maxeffort": Intensity.MAXIMAL, "restday": Intensity.REST,
}  # fmt: skip
_RAMPS = frozenset({"warmup", "cooldown", "ramp"})
_LONGEST_TEXT = 2000


def read_zwo(data: bytes) -> Workout:
    """The workout in a ZWO file. Errors: the FormatError family; a DOCTYPE is refused before anything is parsed."""
    document = parse(data)
    if document.partial:
        raise CorruptFileError(document.warnings[0] if document.warnings else "not well-formed XML")
    head = {_tag(child): child for child in document.root if isinstance(child.tag, str)}
    body = head.get("workout")
    if body is None:
        raise CorruptFileError("a ZWO file without a workout element")
    sport = sport_of(_words(head.get("sporttype")) or "bike")
    by_distance = (_words(head.get("durationtype")) or "time").lower() == "distance"
    items = [
        _item(element, sport, by_distance=by_distance)
        for element in body
        if isinstance(element.tag, str) and (_tag(element) in _KINDS or _tag(element) == "intervalst")
    ]
    flat = [item for item in items if isinstance(item, Step)]
    return Workout(
        name=_words(head.get("name")) or "Workout",
        sport=sport,
        items=folded(flat) if len(flat) == len(items) else tuple(items),
        notes=_words(head.get("description")),
    )


def _item(element: Any, sport: str, *, by_distance: bool) -> Item:
    given = {str(key).lower(): value for key, value in element.attrib.items()}
    tag = _tag(element)
    quantity = Quantity.POWER if sport == "bike" else Quantity.SPEED
    # A run's pace attribute names a race pace of the runner, not the threshold: its share says nothing to us.
    is_race_pace = quantity is Quantity.SPEED and "pace" in given
    if tag == "intervalst":
        on = _target(given, quantity, ("onpower", "poweronlow", "poweronhigh"), zone="powerzone")
        off = _target(given, quantity, ("offpower", "powerofflow", "poweroffhigh"), zone="poweroffzone")
        work = _step(given, "onduration", Intensity.WORK, None if is_race_pace else on, by_distance=by_distance)
        rest = _step(given, "offduration", Intensity.REST, None if is_race_pace else off, by_distance=by_distance)
        return Repeat(int(_number(given, "repeat", 1.0)), (work, rest))
    intensity = _KINDS[tag]
    target = None
    if intensity not in (Intensity.FREE, Intensity.MAXIMAL) and not is_race_pace:
        target = _target(given, quantity, ("power", "powerlow", "powerhigh"), zone="zone", kind=tag)
    return _step(given, "duration", intensity, target, by_distance=by_distance)


def _step(
    given: Mapping[str, str], key: str, intensity: Intensity, target: Target | None, *, by_distance: bool
) -> Step:
    if key not in given:
        raise CorruptFileError(f"a step without {key}")
    length = _number(given, key, 0.0)
    return Step(intensity, None if by_distance else length, length if by_distance else None, target)


def _target(
    given: Mapping[str, str], quantity: Quantity, keys: tuple[str, str, str], *, zone: str, kind: str = ""
) -> Target | None:
    one, low, high = keys
    if one in given:
        share = _number(given, one, 0.0)
        return Target(quantity, share, share, relative=True)
    if low not in given and high not in given:
        return zone_target(int(_number(given, zone, 0.0))) if zone in given and quantity is Quantity.POWER else None
    first, second = (
        _number(given, low if low in given else high, 0.0),
        _number(given, high if high in given else low, 0),
    )
    if kind == "cooldown":
        # Some writers name the begin first, some the lower power: a cool-down goes down.
        first, second = max(first, second), min(first, second)
    if kind in _RAMPS and first != second:
        return Target(quantity, first, second, relative=True, ramp=True)
    return Target(quantity, min(first, second), max(first, second), relative=True)


def _number(given: Mapping[str, str], key: str, default: float) -> float:
    word = given.get(key)
    if word is None:
        return default
    try:
        value = float(word) if len(word) < 50 else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 1e6:
        raise CorruptFileError(f"{key} is no number that a workout can have")
    return value


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _words(element: Any) -> str | None:
    if element is None or not element.text:
        return None
    return storable(element.text[:_LONGEST_TEXT]).strip() or None


def write_zwo(workout: Workout, threshold: float) -> bytes:
    """The workout as a ZWO file; `threshold` (W or m/s) turns absolute targets into shares.

    ValueError for what the format cannot say: a step that ends by the lap button, a mix of times and distances.
    """
    steps = _all_steps(workout.items)
    if any(step.seconds is None and step.meters is None for step in steps):
        raise ValueError("ZWO has no step that ends by the lap button")
    by_distance = all(step.meters is not None for step in steps)
    if not by_distance and any(step.meters is not None for step in steps):
        raise ValueError("ZWO has either times or distances")
    lines = [f"{DECLARATION}<workout_file>"]
    lines.append("  <author>perf_pipeline</author>")
    lines.append(f"  <name>{text(workout.name)}</name>")
    lines.append(f"  <description>{text(workout.notes or '')}</description>")
    lines.append(f"  <sportType>{'bike' if workout.sport == 'bike' else 'run'}</sportType>")
    if by_distance:
        lines.append("  <durationType>distance</durationType>")
    lines.append("  <workout>")
    lines += [f"    {line}" for line in _lines(workout.items, threshold)]
    return "\n".join([*lines, "  </workout>", "</workout_file>", ""]).encode()


def _all_steps(items: Sequence[Item]) -> list[Step]:
    return [step for item in items for step in ([item] if isinstance(item, Step) else _all_steps(item.steps))]


def _lines(items: Sequence[Item], threshold: float) -> list[str]:
    lines: list[str] = []
    for item in items:
        if isinstance(item, Step):
            lines.append(_line(item, threshold))
        elif (interval := _interval(item, threshold)) is not None:
            lines.append(interval)
        else:
            lines += _lines(item.steps, threshold) * item.count
    return lines


def _interval(item: Repeat, threshold: float) -> str | None:
    """IntervalsT, where the repeat is a steady pair of work and rest."""
    if len(item.steps) != 2:
        return None
    on, off = item.steps
    if not (isinstance(on, Step) and isinstance(off, Step)):
        return None
    if (on.intensity, off.intensity) != (Intensity.WORK, Intensity.REST):
        return None
    if any(step.target is None or step.target.ramp for step in (on, off)):
        return None
    given = {"Repeat": number_text(item.count), "OnDuration": _length(on), "OffDuration": _length(off)}
    for step, one, low, high in (
        (on, "OnPower", "PowerOnLow", "PowerOnHigh"),
        (off, "OffPower", "PowerOffLow", "PowerOffHigh"),
    ):
        begin, end = _shares(step, threshold)
        given |= {one: number_text(begin)} if begin == end else {low: number_text(begin), high: number_text(end)}
    return _element("IntervalsT", given)


def _line(step: Step, threshold: float) -> str:
    given = {"Duration": _length(step)}
    if step.intensity is Intensity.MAXIMAL:
        return _element("MaxEffort", given)
    if step.target is None or step.target.quantity is Quantity.HEART_RATE:
        return _element("FreeRide", given)
    begin, end = _shares(step, threshold)
    tag = {Intensity.WARMUP: "Warmup", Intensity.COOLDOWN: "Cooldown"}.get(step.intensity)
    if tag is None:
        tag = "Ramp" if step.target.ramp else "SteadyState"
    if tag == "SteadyState" and begin == end:
        return _element(tag, given | {"Power": number_text(begin)})
    return _element(tag, given | {"PowerLow": number_text(begin), "PowerHigh": number_text(end)})


def _shares(step: Step, threshold: float) -> tuple[float, float]:
    assert step.target is not None  # noqa: S101 - asked before
    by = 1.0 if step.target.relative else threshold
    return round(step.target.begin / by, 6), round(step.target.end / by, 6)


def _length(step: Step) -> str:
    return number_text(round(step.seconds if step.seconds is not None else step.meters or 0.0, 3))


def _element(tag: str, given: Mapping[str, str]) -> str:
    told = " ".join(f"{key}={attribute(value)}" for key, value in given.items())
    return f"<{tag} {told}/>"
