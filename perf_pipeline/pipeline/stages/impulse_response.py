"""Stage `impulse_response_models`: Banister's model of what training does to an athlete's tests, or why not."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from perf_pipeline.physiology.banister import BanisterFit, fit_banister
from perf_pipeline.physiology.beginnings import first_settled_day
from perf_pipeline.physiology.refusal import Refusal

NEAR_MAXIMAL = 0.95
"""Of the best of the last 90 days: the rule sees no model, so that it cannot choose what suits one."""
_WINDOW = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class StandardTest:
    """What counts as a test: the efforts of one duration (s) or distance (m) of a sport."""

    sport: str
    name: str
    seconds: int | None = None
    meters: float | None = None


TESTS = (
    StandardTest("bike", "power 300 s", seconds=300),
    StandardTest("bike", "power 1200 s", seconds=1200),
    StandardTest("run", "distance 5000 m", meters=5000.0),
    StandardTest("swim", "distance 400 m", meters=400.0),
)


def near_maximal(bests: Mapping[date, float]) -> list[tuple[date, float]]:
    """Of the best value of each day (higher is better) those that were tests: the week's best, and near-maximal."""
    found: dict[tuple[int, int], tuple[date, float]] = {}
    window: deque[date] = deque()
    """Days of the last ninety whose best no later one of them reaches: the first is the highest of all."""
    for day in sorted(bests):
        while window and bests[window[-1]] <= bests[day]:
            window.pop()
        window.append(day)
        while day - window[0] >= _WINDOW:
            window.popleft()
        recent = bests[window[0]]
        week = day.isocalendar()[:2]
        if bests[day] >= NEAR_MAXIMAL * recent and (week not in found or bests[day] > found[week][1]):
            found[week] = day, bests[day]
    return sorted(found.values())


def row(
    profile_id: UUID, test: StandardTest, bests: Mapping[date, float], loads: Sequence[tuple[date, float]], today: date
) -> dict[str, Any]:
    """The row of `impulse_response_models` of one test. `bests`: W or m/s by local day; `loads`: of all sports."""
    first = first_settled_day(day for day, _ in loads if day <= today)
    begins = first or date.min
    known = [(day, load) for day, load in loads if begins <= day <= today]
    tests = near_maximal({day: value for day, value in bests.items() if begins <= day <= today})
    answer: BanisterFit | Refusal = Refusal("no training load is known")
    if first is not None:
        daily = np.zeros((today - first).days + 1)
        for day, load in known:
            daily[(day - first).days] += load
        answer = fit_banister(daily, [(day - first).days for day, _ in tests], [value for _, value in tests])
    fit = answer if isinstance(answer, BanisterFit) else None
    names = ("p0", "k1", "k2", "tau1_days", "tau2_days", "r_squared", "leave_one_out_rmse", "naive_rmse")
    return {
        "profile_id": profile_id,
        "sport": test.sport,
        "test": test.name,
        "as_of": today,
        **{name: None if fit is None else round(float(getattr(fit, name)), 6) for name in names},
        "tests": fit.tests if fit else len(tests),
        "refusal": answer.reason if isinstance(answer, Refusal) else None,
    }
