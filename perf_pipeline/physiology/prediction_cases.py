"""Past predictions beside what then happened: the cases of the back-test, and what each model says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from perf_pipeline.physiology.effort_history import FloatArray, History
from perf_pipeline.physiology.form_filter import Belief, beliefs
from perf_pipeline.physiology.near_maximal import near_maximal
from perf_pipeline.physiology.prediction_models import MODELS, YEAR_DAYS, candidates

OUTCOME_DAYS = 30


@dataclass(frozen=True, slots=True)
class Case:
    """The best at one target in the 30 days after a day. `target` indexes the curve's targets; `actual` is ln(value);
    `activity` holds it; `near` is the rule of `near_maximal`.
    """

    as_of: int
    target: int
    actual: float
    activity: object
    near: bool

    @property
    def known_from(self) -> int:
        """The day on which the outcome is complete."""
        return self.as_of + OUTCOME_DAYS


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known as of a day: the belief, and ln(value) of each model for each target, (M, T)."""

    as_of: int
    belief: Belief
    values: FloatArray


def last_outcome(today: int) -> int:
    """The last day, up to today, on which the outcome of a month's end was complete: the back-test looks no further.

    >>> [str(date.fromordinal(last_outcome(date(2026, *day).toordinal()))) for day in ((3, 1), (3, 2), (11, 25))]
    ['2026-01-30', '2026-03-02', '2026-10-30']
    """
    end = date.fromordinal(today - OUTCOME_DAYS + 1).replace(day=1).toordinal() - 1
    return end + OUTCOME_DAYS


def month_ends(history: History, today: int) -> list[int]:
    """The last days of all months since the first activity whose 30 days after are over."""
    if not len(history.day):
        return []
    found: list[int] = []
    month = date.fromordinal(int(history.day[0])).replace(day=1)
    while True:
        month = (month + timedelta(days=32)).replace(day=1)
        end = month.toordinal() - 1
        if end + OUTCOME_DAYS > today:
            return found
        found.append(end)


def cases(history: History, as_of: Sequence[int]) -> list[Case]:
    """All cases of those days: every target with an effort in the 30 days after and any activity in the year before."""
    found: list[Case] = []
    columns = [history.column(target) for target in history.curve.targets]
    for day in as_of:
        before = history.rows(day, YEAR_DAYS)
        after = slice(history.until(day), history.until(day + OUTCOME_DAYS))
        if before.start == before.stop or after.start == after.stop:
            continue
        some = history.y[after]
        rows = some.argmax(axis=0)
        for target, column in enumerate(columns):
            if column is None or not np.isfinite(some[rows[column], column]):
                continue
            row = after.start + int(rows[column])
            near = near_maximal(history, row, column, day, day + OUTCOME_DAYS)
            found.append(Case(day, target, float(history.y[row, column]), history.activities[row], near))
    return found


def outlooks(history: History, as_of: Sequence[int]) -> dict[int, Outlook]:
    """What each model says as of each day, from the activities up to it."""
    days = sorted(set(as_of))
    found = {}
    for day, belief in zip(days, beliefs(history, days), strict=True):
        told = candidates(history, day, belief)
        found[day] = Outlook(day, belief, np.array([told[model] for model in MODELS]))
    return found
