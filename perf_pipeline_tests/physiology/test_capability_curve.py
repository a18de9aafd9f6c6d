"""Between the predicted targets, and how long a power or pace can be held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.physiology.capability_curve import CapabilityCurve, Estimate, seconds_to_exhaustion
from perf_pipeline.physiology.refusal import Refusal

RIDE = CapabilityCurve.of_power(
    [(60, 480, 450, 510), (300, 330, 315, 345), (1200, 280, 268, 292), (3600, 250, 235, 265)]
)
RUN = CapabilityCurve.of_times(
    [(1500, 300, 290, 310), (5000, 1100, 1070, 1140), (10_000, 2300, 2230, 2400), (21_097.5, 5100, 4900, 5400)]
)


def test_at_a_target_it_is_the_target() -> None:
    found = RIDE.at(1200)
    assert isinstance(found, Estimate)
    assert (found.value, found.low, found.high) == pytest.approx((280, 268, 292))


@given(st.floats(60, 3600))
def test_how_long_it_can_be_held_is_the_inverse_of_how_much(seconds: float) -> None:
    watts = RIDE.at(seconds)
    assert isinstance(watts, Estimate)
    found = seconds_to_exhaustion(RIDE, watts.value, is_power=True)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(seconds, rel=1e-6)
    for end in (found.low, found.high):
        assert end is None or 60 <= end <= 3600
    if found.low is not None:
        assert found.low <= found.value
    if found.high is not None:
        assert found.high >= found.value


def test_riegels_law_between_two_distances() -> None:
    curve = CapabilityCurve.of_times([(5000, 1200, 1150, 1250), (20_000, 1200 * 4**1.06, 5000, 5600)])
    found = curve.at(10_000)
    assert isinstance(found, Estimate)
    assert 10_000 / found.value == pytest.approx(1200 * 2**1.06, rel=1e-9)


def test_a_pace_is_held_over_the_distance_that_takes_so_long() -> None:
    found = seconds_to_exhaustion(RUN, 10_000 / 2300, is_power=False)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(2300)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 2300 < found.high


@pytest.mark.parametrize(
    ("watts", "why"), [(200, "more than"), (900, "less than"), (0, "above zero"), (-5, "above zero")]
)
def test_beyond_the_predictions_there_is_no_number(watts: float, why: str) -> None:
    found = seconds_to_exhaustion(RIDE, watts, is_power=True)
    assert isinstance(found, Refusal)
    assert why in found.reason


def test_an_end_of_the_interval_beyond_the_predictions_is_left_open() -> None:
    found = seconds_to_exhaustion(RIDE, 252, is_power=True)
    assert isinstance(found, Estimate)
    assert found.high is None


@pytest.mark.parametrize("size", [30, 4000])
def test_a_size_outside_is_refused(size: float) -> None:
    assert isinstance(RIDE.at(size), Refusal)
