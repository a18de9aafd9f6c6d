"""A planned workout for the athlete of today: the smallest change after which every interval can be finished.

The order in which changes are tried is fixed and stated (see docs/workouts.md): first the targets alone, down to 95 %;
then, at 95 %, rests, length and number of the intervals by the least cost; then targets further down to 85 %; then a
refusal. Within the first and the third the highest level is taken that can be finished. With what can be finished
growing with the athlete, so does the level that comes out: a fitter or fresher athlete never gets an easier target.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from perf_pipeline.formats.workouts import Item, written_out
from perf_pipeline.physiology.finishing import Ability, finish_probabilities
from perf_pipeline.physiology.readiness import Readiness
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.sessions import Basis, Change, Session, load_of

FINISH_LIMIT = 0.80
"""An interval is planned so that it is finished four times out of five at least: hard, and not a lottery."""
SMALL_CUT, LARGE_CUT = 0.95, 0.85
"""Targets go down to the first before anything else is touched, and to the second at most."""
REBASE_FROM = 0.01
MOST_REBASE = 0.15
"""Absolute targets follow the threshold when it has moved by a hundredth, and by 15 % at most: beyond, the plan itself
is out of date."""

_RESTS = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0)
_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
_DURATIONS = (1.0, 0.9, 0.8, 0.7)
_COST_REST, _COST_DURATION, _COST_COUNT = 4.0, 15.0, 20.0
"""Points for one whole: a quarter more rest costs 1, a tenth off the intervals' length 1.5, a tenth fewer of them 2.
Rest costs least, since the work of the session stays whole."""

TRUST_WINDOW_DAYS = 28
_LEAST_TRUST = 0.95


@dataclass(frozen=True, slots=True)
class Followed:
    """How the planned sessions of the last 28 days went: intervals asked for and finished."""

    sessions: int = 0
    intervals: int = 0
    finished: int = 0

    @property
    def trust(self) -> float:
        """What the ability is taken times: a tenth of the share by which the finished intervals fall short of the limit
        that was promised, 5 % at most. With fewer than 4 intervals nothing is known.
        """
        if self.intervals < 4:
            return 1.0
        return max(_LEAST_TRUST, 1.0 - 0.1 * max(0.0, FINISH_LIMIT - self.finished / self.intervals))


@dataclass(frozen=True, slots=True)
class State:
    """The athlete as known today. `applies`: whether today's readiness says anything of the workout's day."""

    ability: Ability
    readiness: Readiness
    followed: Followed = Followed()
    applies: bool = True

    @property
    def scale(self) -> float:
        return self.readiness.target_scale if self.applies else 1.0

    @property
    def able(self) -> Ability:
        """What the athlete is taken to be able to do on the day: a tired athlete has less, and so has one who lately
        could not finish.
        """
        return self.ability.scaled(self.scale * self.followed.trust)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is planned: the items and what its absolute targets were planned against, where that is known."""

    items: tuple[Item, ...]
    base_threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Adaptation:
    """The workout for today. `before` and `after` are the probabilities to finish each interval as planned (after
    re-basing and readiness) and as adapted; `planned_level` and `change.level` count quanta of W or m/s.
    """

    session: Session
    change: Change
    items: tuple[Item, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    ready_level: int
    planned_load: float
    load: float
    rebase: float
    scale: float

    @property
    def is_changed(self) -> bool:
        return self.change != Change(self.session.level()) or self.rebase != 1.0

    @property
    def finish_probability(self) -> float | None:
        return min(self.after, default=None)


def rebase_factor(base: float | None, threshold: float) -> float:
    """What absolute targets are multiplied by when they were planned against `base` and the threshold is another."""
    if base is None or base <= 0:
        return 1.0
    factor = threshold / base
    if abs(factor - 1) < REBASE_FROM:
        return 1.0
    return min(1 + MOST_REBASE, max(1 - MOST_REBASE, factor))


def adapt(plan: Plan, state: State) -> Adaptation | Refusal:
    """The workout for today's athlete, or why there is none."""
    threshold = state.ability.threshold
    rebase = rebase_factor(plan.base_threshold, threshold)
    basis = Basis(state.ability.quantity, threshold, plan.base_threshold or threshold, rebase)
    session = Session.of(plan.items, basis)
    if isinstance(session, Refusal):
        return session
    able = state.able

    def probabilities(change: Change) -> tuple[float, ...]:
        return finish_probabilities(able, session.stretches(session.changed(change), state.scale))

    def fits(change: Change) -> bool:
        return min(probabilities(change), default=1.0) >= FINISH_LIMIT

    ready = session.level(state.scale)
    found = Change(ready) if fits(Change(ready)) else _smallest(session, ready, fits)
    if found is None:
        lowest = min(probabilities(Change(ready)))
        return Refusal(
            f"an interval would be finished with a probability of {lowest:.2f} as planned, and no change within bounds "
            "makes it likely enough: choose another session"
        )
    items = session.changed(found)
    planned = session.stretches(session.changed(Change(session.level())))
    return Adaptation(
        session, found, items, probabilities(Change(ready)), probabilities(found), ready,
        load_of(planned, threshold), load_of(session.stretches(items), threshold),
        rebase if _has_absolute(plan.items, basis) else 1.0, state.scale,
    )  # fmt: skip


def _smallest(session: Session, ready: int, fits: Callable[[Change], bool]) -> Change | None:
    """The first change in the stated order after which the session fits, None where none does."""
    small, large = math.ceil(ready * SMALL_CUT), math.ceil(ready * LARGE_CUT)
    if fits(Change(small)):
        return Change(_highest(small, ready, lambda level: fits(Change(level))))
    ways = list(_ways(session, small))
    most = ways[-1]
    if fits(most):
        return next(change for change in ways if fits(change))
    lowest = Change(large, most.rest, most.duration, most.count)
    if not fits(lowest):
        return None
    level = _highest(large, small, lambda one: fits(Change(one, most.rest, most.duration, most.count)))
    return next(change for change in _ways(session, level) if fits(change))


def _highest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """The highest level from `low`, which fits, to below `high`, which does not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _ways(session: Session, level: int) -> Iterator[Change]:
    """All changes of rest, length and number at a level, cheapest first, the same session only once; the last has them
    all at their bounds.
    """
    ways = sorted(
        (
            Change(level, rest, duration, count)
            for rest, duration, count in itertools.product(_RESTS, _DURATIONS, _SHARES)
        ),
        key=_cost,
    )
    seen: set[tuple[Item, ...]] = set()
    for change in ways[:-1]:
        items = session.changed(change)
        if items not in seen:
            seen.add(items)
            yield change
    yield ways[-1]


def _cost(change: Change) -> tuple[float, float]:
    cost = _COST_REST * (change.rest - 1) + _COST_DURATION * (1 - change.duration) + _COST_COUNT * (1 - change.count)
    return round(cost, 9), -change.rest


def _has_absolute(items: Sequence[Item], basis: Basis) -> bool:
    return any(
        step.target is not None and step.target.quantity is basis.quantity and not step.target.relative
        for step in written_out(items)
    )
