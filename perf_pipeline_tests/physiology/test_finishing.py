"""The probability to finish, against a slow oracle that goes second by second with the W' balance of `w_balance`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.formats.workouts import Quantity
from perf_pipeline.physiology import finishing
from perf_pipeline.physiology.finishing import DAY_SD, Ability, Stretch, finish_probabilities, fit_correlation
from perf_pipeline.physiology.w_balance import w_balance_differential

ABLE = Ability(Quantity.POWER, 270.0, 262.0, 278.0, 20_000.0, 17_500.0, 22_500.0, -0.83)

stretches = st.lists(
    st.builds(
        lambda seconds, watts, judged: Stretch(float(seconds), watts, watts, judged=judged),
        st.integers(10, 400),
        st.integers(80, 420).map(float),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


plausible = st.lists(
    st.builds(
        lambda seconds, watts: Stretch(float(seconds), watts, watts, judged=True),
        st.integers(30, 500),
        st.one_of(st.integers(80, 200), st.integers(240, 330)).map(float),
    ),
    min_size=3,
    max_size=8,
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(plausible)
def test_the_share_that_comes_through_is_that_of_second_by_second_balances(plan: list[Stretch]) -> None:
    thresholds, capacity = ABLE.cloud()
    chosen = range(0, 1024, 40)
    watts = np.concatenate([np.full(int(one.seconds), one.begin) for one in plan])
    ends = np.cumsum([int(one.seconds) for one in plan])
    left = np.array([w_balance_differential(watts, thresholds[p], capacity[p]) for p in chosen])
    expected = [(left[:, :end] >= -1e-6).all(axis=1).mean() for end in ends]
    assert _of_points(ABLE, plan, chosen) == pytest.approx(expected)


def _of_points(able: Ability, plan: list[Stretch], chosen: range) -> tuple[float, ...]:
    """The same computation over some points of the cloud alone."""
    first, second = finishing._normal_points()
    some = (first[list(chosen)], second[list(chosen)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finishing, "_normal_points", lambda: some)
        patch.setattr(finishing, "POINTS", len(chosen))
        return finish_probabilities(able, plan)


def test_a_single_effort_is_finished_by_half_of_those_whose_median_can_just_do_it() -> None:
    seconds = 600.0
    watts = ABLE.threshold + ABLE.capacity / seconds
    (probability,) = finish_probabilities(ABLE, [Stretch(seconds, watts, watts, judged=True)])
    assert probability == pytest.approx(0.5, abs=0.02)


def test_the_cloud_has_the_moments_that_the_ability_states() -> None:
    thresholds, capacity = ABLE.cloud()
    fit = (278 - 262) / (2 * 1.6448536) / 270
    assert np.std(thresholds) / 270 == pytest.approx(np.hypot(fit, DAY_SD), rel=0.02)
    assert np.std(capacity) / 20_000 == pytest.approx((22_500 - 17_500) / (2 * 1.6448536) / 20_000, rel=0.03)
    expected = -0.83 * fit / np.hypot(fit, DAY_SD)
    assert np.corrcoef(thresholds, capacity)[0, 1] == pytest.approx(expected, abs=0.02)


def test_the_same_inputs_give_the_same_answer() -> None:
    plan = [Stretch(240, 320, 320, judged=True), Stretch(120, 130, 130)] * 5
    assert len({finish_probabilities(ABLE, plan) for _ in range(3)}) == 1


@settings(max_examples=60, deadline=None)
@given(stretches, st.floats(0, 0.2), st.floats(0, 0.2))
def test_a_fitter_athlete_never_has_a_lower_probability(plan: list[Stretch], more: float, reserve: float) -> None:
    fitter = replace(
        ABLE,
        threshold=ABLE.threshold * (1 + more), threshold_low=ABLE.threshold_low * (1 + more),
        threshold_high=ABLE.threshold_high * (1 + more), capacity=ABLE.capacity * (1 + reserve),
        capacity_low=ABLE.capacity_low * (1 + reserve), capacity_high=ABLE.capacity_high * (1 + reserve),
    )  # fmt: skip
    pairs = zip(finish_probabilities(ABLE, plan), finish_probabilities(fitter, plan), strict=True)
    assert all(better >= worse for worse, better in pairs)


def test_after_an_all_out_effort_nothing_is_left() -> None:
    plan = [Stretch(15, maximal=True), Stretch(60, 400, 400, judged=True)]
    assert finish_probabilities(ABLE, plan) == (0.0,)
    rested = [plan[0], Stretch(3600, 100, 100), plan[1]]
    assert finish_probabilities(ABLE, rested)[0] > 0.99


def test_the_correlation_of_the_parameters_is_that_of_simulated_fits() -> None:
    seconds = np.array([180.0, 360.0, 720.0, 1200.0])
    dice = np.random.default_rng(1)
    found = []
    for _ in range(4000):
        watts = 270 + 20_000 / seconds + dice.normal(0, 3, 4)
        slope, intercept = np.polyfit(1 / seconds, watts, 1)
        found.append((intercept, slope))
    assert fit_correlation(seconds.tolist()) == pytest.approx(np.corrcoef(np.array(found).T)[0, 1], abs=0.02)
