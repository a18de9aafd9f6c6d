"""A planned workout as today's athlete meets it: targets in W or m/s, and what each step is for.

Between the file's model and the adaptation: shares become numbers, steps become intervals or easy going, and any change
of power, rest, duration and count gives a session of the same make.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from perf_pipeline.formats.workouts import (
    MAX_STEP_METERS,
    MAX_STEP_SECONDS,
    Intensity,
    Item,
    Quantity,
    Repeat,
    Step,
    Target,
    written_out,
)
from perf_pipeline.physiology.bounds import power_ceiling_watts, speed_ceiling_mps
from perf_pipeline.physiology.finishing import Stretch
from perf_pipeline.physiology.refusal import Refusal

EASY_SHARE = 0.80
"""A step whose target is at most this share of the threshold is easy going; above it is an interval."""
STRETCHABLE_SHARE = 0.75
OPEN_SECONDS = 120.0
"""What a rest until the lap button is taken to last: short, so that nobody is promised recovery."""
REST_SHARE = 0.50
"""What a rest without a target is taken to be done at."""
QUANTUM = {Quantity.POWER: 1.0, Quantity.SPEED: 0.001}
"""Targets are told in whole watts and in mm/s, as FIT does."""


class Role(StrEnum):
    """What the adaptation may do with a step."""

    INTERVAL = "interval"
    EASY = "easy"
    FREE = "free"
    MAXIMAL = "maximal"


@dataclass(frozen=True, slots=True)
class Change:
    """How a session differs from its plan. `level` is the target of its hardest interval, in whole quanta.

    `rest`: times the rests last. `duration`, `count`: shares of the intervals' length and of the repeats.
    """

    level: int
    rest: float = 1.0
    duration: float = 1.0
    count: float = 1.0


@dataclass(frozen=True, slots=True)
class Basis:
    """What targets are worth today: a share of the threshold in `threshold`, an absolute target times `rebase`.

    `planned_threshold` is what the plan was made against: it decides which steps are intervals, so that this does not
    change with the athlete's form.
    """

    quantity: Quantity
    threshold: float
    planned_threshold: float
    rebase: float = 1.0

    def value(self, number: float, *, relative: bool) -> float:
        return number * (self.threshold if relative else self.rebase)

    def share(self, number: float, *, relative: bool) -> float:
        return number if relative else number / self.planned_threshold


def role_of(step: Step, basis: Basis) -> Role:
    """What a step is. Its own word counts for warm-up, cool-down, free riding and all-out; else its target does."""
    if step.intensity is Intensity.MAXIMAL:
        return Role.MAXIMAL
    if step.target is None or step.target.quantity is not basis.quantity:
        return Role.FREE if step.intensity in (Intensity.FREE, Intensity.WORK) else Role.EASY
    if step.intensity in (Intensity.WARMUP, Intensity.COOLDOWN):
        return Role.EASY
    share = basis.share(max(step.target.begin, step.target.end), relative=step.target.relative)
    return Role.INTERVAL if share > EASY_SHARE else Role.EASY


def whole(value: float, quantum: float) -> int:
    """The value in quanta, rounded half up."""
    return math.floor(value / quantum + 0.5)


@dataclass(frozen=True, slots=True)
class Session:
    """A workout against a basis: `items` as planned, `reference` the unrounded target of its hardest interval today."""

    items: tuple[Item, ...]
    basis: Basis
    reference: float

    @staticmethod
    def of(items: Sequence[Item], basis: Basis) -> Session | Refusal:
        """The session, or why none can be made of the workout."""
        tops: list[float] = []
        has_target = False
        for step in written_out(items):
            role = role_of(step, basis)
            target = step.target
            if target is not None and target.quantity is basis.quantity:
                has_target = True
                top = basis.value(max(target.begin, target.end), relative=target.relative)
                if (wrong := _impossible(step, top, basis)) is not None:
                    return Refusal(wrong)
                if role is Role.INTERVAL:
                    tops.append(top)
            if role is Role.INTERVAL and step.seconds is None and step.meters is None:
                return Refusal("an interval that ends by the lap button: nobody can say whether it can be finished")
            if role in (Role.INTERVAL, Role.EASY) and step.meters is not None and basis.quantity is Quantity.POWER:
                return Refusal("a step of a set distance with a target of power: its time is not known")
        if not has_target:
            return Refusal(f"no step has a target of {basis.quantity}")
        return Session(tuple(items), basis, max(tops, default=0.0))

    @property
    def quantum(self) -> float:
        return QUANTUM[self.basis.quantity]

    def level(self, scale: float = 1.0) -> int:
        """The level of the session at so many times its planned targets."""
        return whole(self.reference * scale, self.quantum)

    def changed(self, change: Change) -> tuple[Item, ...]:
        """The steps with today's targets and the change made."""
        return tuple(self._item(item, change, inside=False) for item in self.items)

    def _item(self, item: Item, change: Change, *, inside: bool) -> Item:
        if isinstance(item, Repeat):
            steps = tuple(self._item(one, change, inside=True) for one in item.steps)
            has_interval = any(
                isinstance(one, Repeat) or role_of(one, self.basis) is Role.INTERVAL for one in item.steps
            )
            count = max(1, math.ceil(item.count * change.count - 1e-9)) if has_interval else item.count
            return Repeat(count, steps)
        role = role_of(item, self.basis)
        target = self._target(item, role, change)
        factor = 1.0
        if role is Role.INTERVAL:
            factor = change.duration
        elif role is Role.EASY and self._is_rest(item, inside=inside):
            factor = change.rest
        return replace(
            item,
            target=target,
            seconds=_times(item.seconds, factor, 5.0, MAX_STEP_SECONDS),
            meters=_times(item.meters, factor, 50.0, MAX_STEP_METERS),
        )

    def _is_rest(self, step: Step, *, inside: bool) -> bool:
        """Whether more of it is more recovery."""
        if not inside and step.intensity is not Intensity.REST:
            return False
        if step.intensity in (Intensity.WARMUP, Intensity.COOLDOWN):
            return False
        if step.target is None or step.target.quantity is not self.basis.quantity:
            return True
        return (
            self.basis.share(max(step.target.begin, step.target.end), relative=step.target.relative)
            <= STRETCHABLE_SHARE
        )

    def _target(self, step: Step, role: Role, change: Change) -> Target | None:
        target = step.target
        if target is None or target.quantity is not self.basis.quantity:
            return target
        ends = [self.basis.value(end, relative=target.relative) for end in (target.begin, target.end)]
        if role is Role.INTERVAL:
            by = change.level * self.quantum / self.reference
            ends = [end * by for end in ends]
        begin, end = (round(whole(value, self.quantum) * self.quantum, 6) for value in ends)
        return Target(target.quantity, begin, end, relative=False, ramp=target.ramp and begin != end)

    def stretches(self, items: Sequence[Item], scale: float = 1.0) -> list[Stretch]:
        """What the changed items ask of the athlete, in order. `scale` is that of the day, for rests without target."""
        return list(self._stretches(items, scale))

    def _stretches(self, items: Sequence[Item], scale: float) -> Iterator[Stretch]:
        for step, role in self.written(items):
            target = step.target if step.target is not None and step.target.quantity is self.basis.quantity else None
            rest = REST_SHARE * self.basis.threshold * scale
            if target is None:
                begin = end = rest
            elif target.ramp:
                begin, end = target.begin, target.end
            else:
                begin = end = target.middle
            seconds = step.seconds
            if seconds is None:
                seconds = OPEN_SECONDS if step.meters is None else step.meters / max((begin + end) / 2, 0.1)
            yield Stretch(
                seconds, begin, end, judged=role is Role.INTERVAL, free=role is Role.FREE, maximal=role is Role.MAXIMAL
            )

    def written(self, items: Sequence[Item]) -> list[tuple[Step, Role]]:
        """Changed items written out, each step with the role that its planned one has."""
        return list(self._roles(self.items, items))

    def _roles(self, planned: Sequence[Item], changed: Sequence[Item]) -> Iterator[tuple[Step, Role]]:
        """The changed steps written out, each with the role that its planned one has."""
        for before, after in zip(planned, changed, strict=True):
            if isinstance(before, Repeat) and isinstance(after, Repeat):
                for _ in range(after.count):
                    yield from self._roles(before.steps, after.steps)
            elif isinstance(before, Step) and isinstance(after, Step):
                yield after, role_of(before, self.basis)


def _times(length: float | None, factor: float, unit: float, most: float) -> float | None:
    """The length times a factor, in whole units of 5 s or 50 m: never nothing, and never more than a step may be."""
    if length is None or factor == 1.0:
        return length
    return min(most, max(unit, round(length * factor / unit) * unit))


def _impossible(step: Step, top: float, basis: Basis) -> str | None:
    if basis.quantity is Quantity.POWER:
        most = power_ceiling_watts(step.seconds or 1.0)
        return f"{top:.0f} W for {step.seconds or 0:.0f} s is more than any human has held" if top > most else None
    most = speed_ceiling_mps("run", step.meters or top * (step.seconds or 1.0))
    return f"{top:.2f} m/s over such a distance is faster than any human has run" if top > most else None


def load_of(stretches: Sequence[Stretch], threshold: float) -> float:
    """Training load of the stretches: 100 is an hour at the threshold. Free and all-out parts count as at 0.6 of it."""
    total = 0.0
    for one in stretches:
        share = 0.6 if one.free or one.maximal else math.hypot(one.begin, one.end) / math.sqrt(2) / threshold
        total += one.seconds * share * share
    return 100 * total / 3600
