"""What was done of a plan: found wherever it lies, measured as it was, and not found where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.physiology.compliance import SHAPE_SAME_DAY, SHAPE_UNDATED, PlannedStretch, compare

PLAN = [
    PlannedStretch(600, 120, 200, judged=False),
    *[PlannedStretch(240, 290, 300, judged=True), PlannedStretch(180, 135, 135, judged=False)] * 4,
    PlannedStretch(300, 120, 120, judged=False),
]


def done(plan: list[PlannedStretch], seed: int = 0, noise: float = 15.0) -> np.ndarray:
    dice = np.random.default_rng(seed)
    levels = [(one.low + one.high) / 2 for one in plan if one.low is not None and one.high is not None]
    flat = np.repeat(levels, [one.seconds for one in plan])
    return np.maximum(0, flat + dice.normal(0, noise, len(flat)))


def test_a_session_done_as_planned_is_like_its_plan_and_every_interval_is_finished() -> None:
    found = compare(PLAN, done(PLAN))
    assert found.score > 0.95
    assert [one.finished for one in found.held] == [True] * 4
    starts = [one.start for one in found.held]
    assert starts == pytest.approx([600, 1020, 1440, 1860], abs=15)
    assert [one.mean for one in found.held] == pytest.approx([295] * 4, abs=4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1500), st.integers(0, 900), st.integers(0, 100))
def test_riding_before_and_after_does_not_hide_it(before: int, after: int, seed: int) -> None:
    ride = np.concatenate([np.full(before, 150.0), done(PLAN, seed), np.full(after, 140.0)])
    found = compare(PLAN, ride)
    assert found.score > 0.9
    assert [one.start - before for one in found.held] == pytest.approx([600, 1020, 1440, 1860], abs=15)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-25, 60), min_size=4, max_size=4), st.integers(0, 100))
def test_longer_or_shorter_rests_are_followed(changes: list[int], seed: int) -> None:
    plan = [PLAN[0]]
    for change in changes:
        plan += [PLAN[1], PlannedStretch(180 + change, 135, 135, judged=False)]
    found = compare(PLAN, done(plan, seed))
    assert all(one.finished for one in found.held)


def test_an_interval_given_up_is_not_finished() -> None:
    plan = list(PLAN)
    plan[7] = PlannedStretch(120, 290, 300, judged=False)
    ride = done(plan[:8])
    found = compare(PLAN, np.concatenate([ride, np.full(300, 110.0)]))
    assert [one.finished for one in found.held] == [True, True, True, False]
    assert found.score > SHAPE_SAME_DAY


def test_intervals_too_easy_are_not_finished_and_harder_ones_are() -> None:
    ride = done(PLAN)
    assert not any(one.finished for one in compare(PLAN, ride * 0.92).held)
    harder = compare(PLAN, ride * 1.10)
    assert all(one.finished for one in harder.held)
    assert all(one.in_target < 0.6 for one in harder.held)


@pytest.mark.parametrize(
    "ride",
    [
        np.full(3000, 180.0),
        np.random.default_rng(2).normal(180, 60, 3000),
        200 + 60 * np.sin(np.arange(3000) / 400),
        np.zeros(3000),
        np.empty(0),
        np.full(3000, np.nan),
    ],
)
def test_another_ride_is_not_taken_for_it(ride: np.ndarray) -> None:
    assert compare(PLAN, ride).score < SHAPE_UNDATED
    assert not any(one.finished for one in compare(PLAN, ride).held)


def test_a_steady_plan_is_matched_by_its_level_and_length() -> None:
    plan = [PlannedStretch(3600, 180, 190, judged=False)]
    assert compare(plan, np.full(3600, 186.0)).score > 0.95
    assert compare(plan, np.full(3600, 260.0)).score < SHAPE_SAME_DAY
    assert compare(plan, np.full(1500, 186.0)).score < SHAPE_SAME_DAY
