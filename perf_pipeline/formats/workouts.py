"""The canonical model of a structured workout: what every reader gives and every writer takes.

As for activities, readers put in what the file says and nothing more. Numbers are checked once, here: what is not
finite, negative or beyond what a day can hold is an error of the file.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from perf_pipeline.formats.model import CorruptFileError, HostileFileError

MAX_STEPS = 500
"""Steps with all repeats written out. The longest real sessions have some 120; thousands are a fault or an attack."""
MAX_BYTES = 2_000_000
MAX_DEPTH = 4
MAX_STEP_SECONDS = 86_400.0
MAX_STEP_METERS = 300_000.0
_MAX_NUMBER = 1e6


class Quantity(StrEnum):
    """What a target is of. Absolute units: W, m/s and bpm."""

    POWER = "power"
    SPEED = "speed"
    HEART_RATE = "heart_rate"


class Intensity(StrEnum):
    """What a step is for. FREE: as it comes; MAXIMAL: all out, without a number."""

    WARMUP = "warmup"
    WORK = "work"
    REST = "rest"
    COOLDOWN = "cooldown"
    FREE = "free"
    MAXIMAL = "maximal"


@dataclass(frozen=True, slots=True)
class Target:
    """A range from `begin` to `end` to stay in, or, as a `ramp`, to walk from one to the other in the step's time.

    In the quantity's unit, or as shares of the threshold (1 is the threshold) where `relative`.
    """

    quantity: Quantity
    begin: float
    end: float
    relative: bool = False
    ramp: bool = False

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) and 0 <= v <= _MAX_NUMBER for v in (self.begin, self.end)):
            raise CorruptFileError("a target that is no number from 0 on")
        if not self.ramp and self.begin > self.end:
            raise CorruptFileError("a target whose lower end lies above its upper one")

    @property
    def middle(self) -> float:
        return (self.begin + self.end) / 2


@dataclass(frozen=True, slots=True)
class Step:
    """One step, to last `seconds` or `meters`, or until the lap button where neither is given."""

    intensity: Intensity = Intensity.WORK
    seconds: float | None = None
    meters: float | None = None
    target: Target | None = None
    name: str = ""

    def __post_init__(self) -> None:
        for value, most in ((self.seconds, MAX_STEP_SECONDS), (self.meters, MAX_STEP_METERS)):
            if value is not None and not (math.isfinite(value) and 0 < value <= most):
                raise CorruptFileError("a step that does not last between nothing and a day")
        if self.seconds is not None and self.meters is not None:
            raise CorruptFileError("a step that is to end both by time and by distance")


@dataclass(frozen=True, slots=True)
class Repeat:
    """The steps, `count` times over."""

    count: int
    steps: tuple[Step | Repeat, ...]

    def __post_init__(self) -> None:
        if self.count < 1 or not self.steps:
            raise CorruptFileError("a repeat of nothing")


Item = Step | Repeat


@dataclass(frozen=True, slots=True)
class Workout:
    """A planned workout. `sport` is our word, `day` the local day it is planned for, `threshold` what its absolute
    targets were planned against (W or m/s), each None where the file does not say.
    """

    name: str
    sport: str | None
    items: tuple[Item, ...]
    day: dt.date | None = None
    notes: str | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        count = steps_in(self.items)
        if count == 0:
            raise CorruptFileError("a workout without a step")
        if count > MAX_STEPS:
            raise HostileFileError(f"{count} steps, more than the {MAX_STEPS} that are read")
        if depth_of(self.items) > MAX_DEPTH:
            raise HostileFileError(f"repeats nested deeper than {MAX_DEPTH}")


def steps_in(items: Sequence[Item]) -> int:
    """How many steps there are with all repeats written out."""
    return sum(1 if isinstance(item, Step) else item.count * steps_in(item.steps) for item in items)


def depth_of(items: Sequence[Item]) -> int:
    """How deep repeats are nested; 0 without any."""
    return max((1 + depth_of(item.steps) for item in items if isinstance(item, Repeat)), default=0)


def written_out(items: Sequence[Item]) -> Iterator[Step]:
    """All steps in the order in which they are done."""
    for item in items:
        if isinstance(item, Step):
            yield item
        else:
            for _ in range(item.count):
                yield from written_out(item.steps)


def timed_seconds(items: Sequence[Item]) -> float:
    """Sum of the steps that last a set time."""
    return sum(step.seconds or 0.0 for step in written_out(items))


def folded(steps: Sequence[Step]) -> tuple[Item, ...]:
    """The steps with runs of alike pairs (and of longer patterns, up to four steps) told as repeats.

    Flat formats write every repetition out; that there are five of the same is what a change of their number needs
    to know. What is written out again gives the same steps.
    """
    items: list[Item] = []
    at = 0
    while at < len(steps):
        best = (1, 1)
        for length in (2, 3, 4):
            pattern = steps[at : at + length]
            count = 1
            while len(pattern) == length and steps[at + count * length : at + (count + 1) * length] == pattern:
                count += 1
            if count > 1 and count * length > best[0] * best[1]:
                best = (length, count)
        length, count = best
        items += [Repeat(count, tuple(steps[at : at + length]))] if count > 1 else [steps[at]]
        at += length * count
    return tuple(items)


def as_plain(items: Sequence[Item]) -> list[dict[str, Any]]:
    """The items as JSON's own types, what is not said left out."""
    found: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, Repeat):
            found.append({"repeat": item.count, "steps": as_plain(item.steps)})
            continue
        told = {key: value for key, value in asdict(item).items() if value not in (None, "")}
        if item.target is not None:
            told["target"] = {key: value for key, value in asdict(item.target).items() if value is not False}
        found.append(told)
    return found


def from_plain(plain: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
    """What `as_plain` told."""
    items: list[Item] = []
    for told in plain:
        if "repeat" in told:
            items.append(Repeat(int(told["repeat"]), from_plain(told["steps"])))
            continue
        target = told.get("target")
        items.append(
            Step(
                Intensity(told["intensity"]),
                told.get("seconds"),
                told.get("meters"),
                None if target is None else Target(**{**target, "quantity": Quantity(target["quantity"])}),
                told.get("name", ""),
            )
        )
    return tuple(items)


COGGAN_ZONES: Mapping[int, tuple[float, float]] = {
    1: (0.40, 0.55), 2: (0.55, 0.75), 3: (0.75, 0.90), 4: (0.90, 1.05), 5: (1.05, 1.20), 6: (1.20, 1.50),
    7: (1.50, 2.00),
}  # fmt: skip
"""Power zones as shares of the threshold (Allen and Coggan 2006), for files that name a zone alone. The open ends of
the first and the last are ours."""


def zone_target(zone: int) -> Target | None:
    """The target of a power zone, None for a number that is none."""
    limits = COGGAN_ZONES.get(zone)
    return None if limits is None else Target(Quantity.POWER, *limits, relative=True)
