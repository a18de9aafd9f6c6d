"""Which efforts are tests, and an athlete who is exactly the model."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import numpy as np
import pytest

from perf_pipeline.pipeline.stages.impulse_response import TESTS, near_maximal, row

FIRST = date(2026, 1, 5)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def test_a_test_is_the_best_of_its_week_and_near_the_best_of_ninety_days() -> None:
    bests = {day(0): 300.0, day(2): 306.0, day(9): 250.0, day(15): 294.0, day(106): 240.0}
    assert near_maximal(bests) == [(day(2), 306.0), (day(15), 294.0), (day(106), 240.0)]


@pytest.mark.parametrize("seed", range(20))
def test_tests_are_those_that_the_rule_spelt_out_finds(seed: int) -> None:
    dice = np.random.default_rng(seed)
    chosen = np.flatnonzero(dice.random(500) < dice.uniform(0.02, 0.9)).tolist()
    bests = {day(n): float(dice.integers(250, 280)) for n in dice.permutation(chosen).tolist()}
    best_of_week: dict[tuple[int, int], date] = {}
    for when in sorted(bests):
        recent = max(value for other, value in bests.items() if 0 <= (when - other).days < 90)
        week = when.isocalendar()[:2]
        if bests[when] >= 0.95 * recent and (week not in best_of_week or bests[when] > bests[best_of_week[week]]):
            best_of_week[week] = when
    assert near_maximal(bests) == [(when, bests[when]) for when in sorted(best_of_week.values())]


def test_an_athlete_who_is_the_model_is_found_and_one_who_is_noise_is_refused() -> None:
    dice = np.random.default_rng(3)
    loads = [(day(n), float(load)) for n, load in enumerate(np.clip(dice.normal(60, 45, 300), 0, None))]
    gain = fatigue = 0.0
    bests = {}
    for n, (when, load) in enumerate(loads):
        gain, fatigue = gain * np.exp(-1 / 42) + load, fatigue * np.exp(-1 / 9) + load
        if n % 7 == 3 and n > 40:
            bests[when] = 250 + 0.03 * gain - 0.05 * fatigue
    found = row(UUID(int=1), TESTS[0], bests, loads, day(299))
    assert found["refusal"] is None
    assert found["tau1_days"] == pytest.approx(42, abs=6)
    assert found["tau2_days"] == pytest.approx(9, abs=3)
    assert found["leave_one_out_rmse"] < found["naive_rmse"]
    noise = {when: 300 + float(dice.normal(0, 3)) for when in bests}
    assert row(UUID(int=1), TESTS[0], noise, loads, day(299))["refusal"]


def test_without_loads_it_says_so() -> None:
    assert row(UUID(int=1), TESTS[0], {day(0): 300.0}, [], day(5))["refusal"] == "no training load is known"
