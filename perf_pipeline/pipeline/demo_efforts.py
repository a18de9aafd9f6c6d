"""Generated careers for the prediction's tests and back-test: efforts of athletes whose true ability is known each day.

Nobody real. An athlete has a curve (Critical Power or Speed, a reserve, a sprint, a loss beyond 30 min), a form that
wanders, follows the seasons, and breaks with illness, a day's form, habits (how often, how long, which distance is
raced), and mostly trains well below the limit. An activity is a chain of segments with noise; its best windows are
found as the pipeline finds them, on 5 s steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from perf_pipeline.physiology.effort_history import CURVES, Curve, FloatArray, History, build_history

FIRST_DAY = date(2021, 1, 1).toordinal()
STEP = 5
POWER_SECONDS = (
    5, 15, 30, 60, 90, 120, 180, 240, 300, 360, 480, 600, 720, 900, 1200, 1800, 2400, 3600, 5400, 7200,
)  # fmt: skip
RUN_METERS = (
    400.0, 800.0, 1000.0, 1500.0, 1609.344, 3000.0, 3218.688, 5000.0, 8046.72, 10_000.0, 15_000.0, 16_093.44, 20_000.0,
    21_097.5, 30_000.0, 42_195.0,
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What the athlete could do: `form` and `reserve_form` (days,) are ln(today / usual) of limit and reserve."""

    limit: float
    reserve: float
    maximum: float
    loss: float
    form: FloatArray
    reserve_form: FloatArray

    def value(self, seconds: float, day: int, extra: float = 0.0) -> float:
        """The highest mean (W or m/s) over `seconds` on a day of the career, `extra` being the day's form (a share).

        The omni-domain shape of Puchowicz, Baker, Clarke 2020, doi 10.1080/02640414.2020.1735609.
        """
        limit = self.limit * np.exp(self.form[day] + extra)
        reserve = self.reserve * np.exp(self.reserve_form[day])
        short = reserve / seconds * -np.expm1(-seconds * (self.maximum - self.limit) / reserve)
        return float(limit + short - self.loss * np.log(max(seconds, 1800.0) / 1800.0))

    def seconds(self, meters: float, day: int, extra: float = 0.0) -> float:
        """The shortest time over a distance."""
        t = meters / self.limit
        for _ in range(30):
            t = meters / self.value(t, day, extra)
        return t


@dataclass
class Career:
    """A generated athlete: efforts in order of time, and the truth. `tried` is how long (s) an all-out effort of each
    activity was meant to last, NaN where there was none.
    """

    curve: Curve
    truth: Truth
    activity: list[int] = field(default_factory=list)
    day: list[int] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    amount: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)
    tried: list[float] = field(default_factory=list)

    def history(self, until: int | None = None) -> History:
        """The efforts, up to a day, as the predictions see them."""
        n = len(self.day) if until is None else int(np.searchsorted(self.day, until, side="right"))
        return build_history(
            self.curve, self.activity[:n], self.day[:n], np.array(self.size[:n]), np.array(self.amount[:n]),
            np.array(self.start[:n]),
        )  # fmt: skip


def career(seed: int, sport: str, years: float = 3.0) -> Career:
    """The career of generated athlete `seed` in 'bike' or 'run', the same on every machine of one NumPy."""
    dice = np.random.Generator(np.random.PCG64([seed, 11 if sport == "bike" else 12]))
    days = int(365 * years)
    truth = _truth(dice, sport, days)
    found = Career(CURVES[0] if sport == "bike" else CURVES[1], truth)
    habits = _Habits(dice, sport)
    away = -1
    for day in range(days):
        if dice.random() < 0.01:
            away = day + int(dice.integers(7, 30))
        if day < away or dice.random() > habits.per_week / 7:
            continue
        _record(found, day, *_session(dice, sport, truth, habits, day))
    return found


class _Habits:
    def __init__(self, dice: np.random.Generator, sport: str) -> None:
        self.per_week = dice.uniform(2.5, 6)
        self.all_out = dice.uniform(0.03, 0.25)
        self.hard = dice.uniform(0.1, 0.4)
        self.length = dice.uniform(0.8, 1.8)
        self.noise = dice.uniform(0.03, 0.15) if sport == "bike" else dice.uniform(0.01, 0.04)
        self.day_form = dice.uniform(0.005, 0.015)
        ridden, run = (180, 300, 720, 1200, 1200, 2400, 3600), (3000, 5000, 5000, 10_000, 10_000, 21_097.5)
        self.favourite = float(dice.choice(ridden if sport == "bike" else run))


def _truth(dice: np.random.Generator, sport: str, days: int) -> Truth:
    t = np.arange(days)
    form = dice.uniform(0.01, 0.05) * np.sin(2 * np.pi * (t / 365 + dice.random()))
    form = form + _wander(dice, days, dice.uniform(40, 120), dice.uniform(0.01, 0.03)) + dice.normal(0, 0.015) * t / 365
    for _ in range(dice.poisson(0.7 * days / 365)):
        begin = int(dice.integers(0, days))
        form[begin:] -= dice.uniform(0.02, 0.08) * np.exp(-np.arange(days - begin) / dice.uniform(20, 45))
    reserve_form = 1.3 * form + _wander(dice, days, 60, 0.03)
    if sport == "bike":
        limit, reserve = dice.uniform(180, 320), dice.uniform(12e3, 25e3)
        maximum, loss = limit * dice.uniform(2.8, 4.5), limit * dice.uniform(0.03, 0.1)
    else:
        limit, reserve = dice.uniform(3.0, 5.2), dice.uniform(120, 320)
        maximum, loss = limit * dice.uniform(1.5, 1.9), limit * dice.uniform(0.03, 0.08)
    return Truth(limit, reserve, maximum, loss, form, reserve_form)


def _wander(dice: np.random.Generator, days: int, memory_days: float, deviation: float) -> FloatArray:
    """A stationary process (Ornstein and Uhlenbeck) of that memory and standard deviation."""
    kept = float(np.exp(-1 / memory_days))
    steps = dice.normal(0, deviation * np.sqrt(1 - kept * kept), days)
    found = np.empty(days)
    found[0] = dice.normal(0, deviation)
    for i in range(1, days):
        found[i] = kept * found[i - 1] + steps[i]
    return found


def _session(
    dice: np.random.Generator, sport: str, truth: Truth, habits: _Habits, day: int
) -> tuple[FloatArray, float]:
    """Mean values of the activity's 5 s steps, and how long its all-out effort was meant to last (NaN: none)."""
    extra = dice.normal(0, habits.day_form)
    limit = truth.limit * float(np.exp(truth.form[day] + extra))
    in_season = np.sin(2 * np.pi * day / 365) > -0.3
    draw, all_out = dice.random(), habits.all_out * (1.0 if in_season else 0.4)
    if draw < all_out:
        return _all_out(dice, sport, truth, habits, day, extra)
    if draw < habits.all_out + habits.hard * (1 - habits.all_out):
        made = _hard(dice, limit)
    else:
        length = dice.lognormal(np.log(3600 * habits.length if day % 7 in (5, 6) else 2700), 0.35)
        made = []
        while sum(seconds for seconds, _ in made) < length:
            made.append((dice.uniform(200, 1200), dice.uniform(0.58, 0.82) * limit))
    steps = _steps(made)
    return steps * (1 + dice.normal(0, habits.noise, len(steps))), np.nan


def _hard(dice: np.random.Generator, limit: float) -> list[tuple[float, float]]:
    """A tempo, threshold, interval or sprint session: (seconds, value) one after the other."""
    warm = [(900.0, 0.65 * limit)]
    kind = int(dice.integers(4))
    if kind == 0:
        one = [(float(dice.choice([480, 720, 1200])), dice.uniform(0.9, 0.99) * limit), (240.0, 0.5 * limit)]
        return warm + one * int(dice.integers(2, 4))
    if kind == 1:
        one = [(float(dice.choice([60, 120, 180, 240])), dice.uniform(1.03, 1.15) * limit), (180.0, 0.5 * limit)]
        return warm + one * int(dice.integers(4, 8))
    if kind == 2:
        return [(dice.uniform(1500, 3600), dice.uniform(0.82, 0.93) * limit)]
    return warm + [(30.0, dice.uniform(1.3, 1.6) * limit), (30.0, 0.5 * limit)] * int(dice.integers(6, 16))


def _all_out(
    dice: np.random.Generator, sport: str, truth: Truth, habits: _Habits, day: int, extra: float
) -> tuple[FloatArray, float]:
    """A race or test: the athlete falls short of the truth by 1 % or so."""
    favourite = dice.random() < 0.6
    if sport == "bike":
        other = dice.choice([60, 180, 300, 720, 1200, 1800, 2400, 3600, 5400])
        lasts = habits.favourite if favourite else float(other)
    else:
        other = dice.choice([1000, 1500, 3000, 5000, 5000, 10_000, 10_000, 15_000, 21_097.5, 42_195])
        lasts = truth.seconds(habits.favourite if favourite else float(other), day, extra)
    value = truth.value(lasts, day, extra) * (1 - abs(dice.normal(0, 0.012)))
    if sport != "bike":
        lasts *= 1.02  # long enough for the distance to be inside although the athlete falls short
    alone = dice.random() < 0.3
    limit = truth.limit
    made = [(lasts, value)] if alone else [(900.0, 0.65 * limit), (lasts, value), (600.0, 0.55 * limit)]
    steps = _steps(made)
    steps *= 1 + dice.normal(0, 0.3 * habits.noise, len(steps))
    begin = 0 if alone else 900 // STEP
    race = slice(begin, begin + max(int(lasts / STEP), 1))
    steps[race] *= value / steps[race].mean()
    return steps, lasts


def _steps(made: list[tuple[float, float]]) -> FloatArray:
    return np.concatenate([np.full(max(int(seconds / STEP), 1), value) for seconds, value in made])


def _record(found: Career, day: int, steps: FloatArray, tried: float) -> None:
    """Appends the best window of each size."""
    total = np.concatenate([[0.0], np.cumsum(steps) * STEP])
    clock = np.arange(len(total)) * float(STEP)
    number = len(found.tried)
    found.tried.append(tried)
    best: list[tuple[float, float, float]] = []
    if found.curve.kind == "power":
        for seconds in POWER_SECONDS:
            width = seconds // STEP
            if width < len(total):
                work = total[width:] - total[:-width]
                best.append((seconds, float(work.max()) / seconds, float(clock[work.argmax()])))
    else:
        for meters in RUN_METERS:
            if meters <= total[-1]:
                took = np.interp(total + meters, total, clock, right=np.inf) - clock
                best.append((meters, float(took.min()), float(clock[took.argmin()])))
    for size, amount, start in best:
        found.activity.append(number)
        found.day.append(FIRST_DAY + day)
        found.size.append(float(size))
        found.amount.append(amount)
        found.start.append(start)
