"""Fast kernels against slow, obvious ones: looking only where a best may be, filters without a library of filters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import lfilter

from perf_pipeline.physiology.cleaning import _rolling_median
from perf_pipeline.physiology.grade import SMOOTHING_SECONDS, smooth_altitude
from perf_pipeline.physiology.power import exponential_mean
from perf_pipeline.physiology.timeline import Timeline
from perf_pipeline.physiology.windows import best_time, best_windows

SEEDS = st.integers(0, 10_000)


def slow_best_time(seconds, meters, distance):
    """Every window that begins at a record, and every one that ends at one, by looking at each."""
    best = np.inf
    for k in range(len(meters)):
        for low, when in ((True, meters[k] + distance), (False, meters[k] - distance)):
            if not meters[0] <= when <= meters[-1]:
                continue
            if low:
                right = int(np.argmax(meters >= when))
            else:
                right = len(meters) - int(np.argmax(meters[::-1] <= when))
                right = min(right, len(meters) - 1)
            left = max(right - 1, 0)
            rise = meters[right] - meters[left]
            share = (when - meters[left]) / rise if rise > 0 else 1.0
            at = seconds[left] + (seconds[right] - seconds[left]) * min(max(share, 0.0), 1.0)
            best = min(best, abs(at - seconds[k]))
    return best


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_best_time_of_a_long_course_is_that_of_looking_everywhere(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(400, 900))
    seconds = np.cumsum(rng.choice([1.0, 1.0, 2.0, 7.0, 300.0], n, p=[0.5, 0.3, 0.1, 0.09, 0.01]))
    speed = np.repeat(rng.choice([0.0, 1.0, 3.0, 3.0, 6.0], n // 20 + 1), 20)[:n] + rng.uniform(0, 0.01, n)
    speed[rng.random(n) < 0.1] = 0.0  # standing: the same distance at several times
    meters = np.cumsum(speed * np.diff(seconds, prepend=0.0).clip(0, 8))
    for share in (0.02, 0.2, 0.7, 1.0):
        distance = share * (meters[-1] - meters[0])
        found = best_time(seconds, meters, distance)
        assert found is not None
        assert found[0] == pytest.approx(slow_best_time(seconds, meters, distance), rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_no_window_lies_over_a_gap_however_many_there_are(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 40, int(rng.integers(1, 30)))
    values = rng.choice([0.0, 120.0, 250.0, 1200.0], lengths.sum())
    segments = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.arange(len(values)) + 100.0 * segments
    line = Timeline(
        starts, np.ones(len(values)), values, segments, np.zeros(len(values), dtype=bool), whole_seconds=True
    )
    for width, found in zip((1, 2, 5, 17, 39), best_windows(line, (1, 2, 5, 17, 39)), strict=True):
        sums = [
            values[i : i + width].sum() / width
            for i in range(len(values) - width + 1)
            if segments[i] == segments[i + width - 1]
        ]
        assert (found is None) == (not sums)
        if found is not None:
            assert found[0] == pytest.approx(max(sums))
            first = int(np.flatnonzero(starts == found[1])[0])
            assert values[first : first + width].sum() / width == pytest.approx(max(sums))


@pytest.mark.parametrize("n", [1, 25, 249, 250, 251, 1000, 20_000])
def test_the_exponential_mean_is_that_of_the_recursion(n):
    watts = np.random.default_rng(n).gamma(2, 100, n)
    keep = np.exp(-1 / 25)
    slow, _ = lfilter([1 - keep], [1, -keep], watts, zi=[150.0 * keep])
    assert exponential_mean(watts, 25.0, 150.0) == pytest.approx(slow, rel=1e-9)


@pytest.mark.parametrize("n", [5, 6, 19, 20, 21, 400])
def test_altitude_is_smoothed_as_by_a_median_and_a_mean(n):
    altitude = np.random.default_rng(n).normal(100, 10, n)
    calm = median_filter(altitude, size=5, mode="nearest")
    wanted = uniform_filter1d(calm, size=min(round(SMOOTHING_SECONDS), n), mode="nearest")
    assert smooth_altitude(np.arange(n, dtype=float), altitude) == pytest.approx(wanted, rel=1e-9)


def test_a_rolling_median_is_taken_where_it_is_asked_for():
    values = np.random.default_rng(7).normal(0, 1, 200)
    rows = np.array([0, 1, 2, 77, 198, 199])
    assert _rolling_median(values, rows).tolist() == median_filter(values, size=7, mode="nearest")[rows].tolist()
