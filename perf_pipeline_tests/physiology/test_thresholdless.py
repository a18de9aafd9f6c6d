"""What an activity keeps so that later thresholds need no stream: histograms, curves, durability, W' balance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.physiology.bounds import POWER_DURATIONS_SECONDS
from perf_pipeline.physiology.cleaning import CleanStreams, clean
from perf_pipeline.physiology.durability import durability
from perf_pipeline.physiology.efforts import best_efforts
from perf_pipeline.physiology.heart_rate import HeartRateProfile, banister_trimp
from perf_pipeline.physiology.histograms import Histogram, histogram
from perf_pipeline.physiology.mean_maximal import CURVE_SECONDS, mean_maximal_curve
from perf_pipeline.physiology.signals import signals_of
from perf_pipeline.physiology.timeline import Timelines, timeline_of
from perf_pipeline.physiology.w_balance import PowerBySecond, minimum, w_balance_differential
from perf_pipeline.physiology.windows import best_window, best_windows
from perf_pipeline.physiology.zones import (
    heart_rate_zone_bounds,
    power_zone_bounds,
    speed_zone_bounds,
    time_in_zones,
)


def test_a_histogram_tells_how_long_each_power_was_held(make):
    watts = [0.0] + [100.0] * 60 + [203.0] * 30 + [0.0] * 10
    found = histogram(Timelines(clean(make(range(101), power_watts=watts))), "power_watts")
    held = {c: s for c, s in zip(found.centres.tolist(), found.seconds, strict=True) if s}
    assert held == {0.0: 10.0, 100.0: 60.0, 205.0: 30.0}
    assert found.edges[0] == -2.5


def test_gaps_and_pauses_are_in_no_bin(make):
    t = [*range(101), *range(400, 501)]
    found = histogram(Timelines(clean(make(t, pauses=[(100, 400)], heart_rate_bpm=[140.0] * 202))), "heart_rate_bpm")
    assert (found.first, found.seconds) == (140, (200.0,))


def test_a_channel_that_is_not_there_has_no_histogram(make):
    streams = clean(make(range(10), power_watts=[1.0] * 10))
    assert histogram(Timelines(streams), "heart_rate_bpm") is None
    assert histogram(Timelines(streams), "graded_speed_mps") is None


def test_uphill_the_graded_speed_is_higher_than_the_speed(make):
    t = np.arange(601)
    session = make(t, "run", distance_meters=3.0 * t, altitude_meters=0.3 * t, speed_mps=np.full(601, 3.0))
    plain, graded = (histogram(Timelines(clean(session)), name) for name in ("speed_mps", "graded_speed_mps"))
    # A climb of 10 % costs 5.968 J/kg/m against 3.6 on the flat.
    assert plain.centres[int(np.argmax(plain.seconds))] == pytest.approx(3.0)
    assert graded.centres[int(np.argmax(graded.seconds))] == pytest.approx(3.0 * 5.968 / 3.6, abs=0.06)


def test_training_impulse_from_the_histogram_is_that_of_the_stream(make):
    rng = np.random.default_rng(2)
    heart = np.round(np.clip(140 + 25 * np.sin(np.arange(3600) / 300) + rng.normal(0, 3, 3600), 90, 185))
    profile = HeartRateProfile(190, 50, "female")
    found = histogram(Timelines(clean(make(range(3600), heart_rate_bpm=heart))), "heart_rate_bpm")
    whole = banister_trimp(heart[1:], 1 / 60, profile)
    assert banister_trimp(found.centres, np.array(found.seconds) / 60, profile) == pytest.approx(whole, rel=1e-6)


def test_time_in_zones_shares_out_the_bin_that_a_bound_cuts():
    found = Histogram("power_watts", 5.0, 20, (10.0, 20.0, 30.0))  # around 100, 105, 110 W
    assert time_in_zones(found, (102.5, 105.0, 300.0)) == pytest.approx((10.0, 10.0, 40.0, 0.0))
    assert time_in_zones(found, (50.0,)) == (0.0, 60.0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=30),
    st.integers(0, 40),
    st.lists(st.floats(-50, 400), min_size=1, max_size=7),
)
def test_zones_hold_all_of_the_time_and_none_twice(seconds, first, bounds):
    zones = time_in_zones(Histogram("power_watts", 5.0, first, tuple(seconds)), sorted(bounds))
    assert min(zones) >= -1e-9
    assert sum(zones) == pytest.approx(sum(seconds))


def test_there_are_seven_zones_with_rising_bounds():
    for bounds in (power_zone_bounds(250), heart_rate_zone_bounds(165, "run"), speed_zone_bounds(4.2)):
        assert len(bounds) == 6
        assert list(bounds) == sorted(bounds)
    assert heart_rate_zone_bounds(160, "run")[3] == heart_rate_zone_bounds(160, "bike")[3] == 160


def test_the_curve_agrees_with_the_best_efforts(make):
    rng = np.random.default_rng(8)
    streams = clean(make(range(4000), power_watts=np.round(rng.gamma(4, 50, 4000))))
    curve = mean_maximal_curve(streams, "power_watts")
    efforts = {e.duration_seconds: e.value for e in best_efforts(streams) if e.effort_type == "power"}
    of_curve = dict(zip(curve.durations.tolist(), curve.values.tolist(), strict=True))
    assert efforts
    assert {d: of_curve[d] for d in efforts} == efforts


def test_the_curve_has_every_second_up_to_two_minutes_and_about_200_durations():
    assert CURVE_SECONDS[:120] == tuple(range(1, 121))
    assert set(POWER_DURATIONS_SECONDS) < set(CURVE_SECONDS)
    assert 190 <= len(CURVE_SECONDS) <= 220


def test_the_curve_ends_where_no_stretch_is_long_enough(make):
    t = [*range(301), *range(400, 901)]
    curve = mean_maximal_curve(clean(make(t, pauses=[(300, 400)], power_watts=[200.0] * 802)), "power_watts")
    assert curve.durations.max() == max(d for d in CURVE_SECONDS if d <= 500)
    assert curve.values == pytest.approx(200.0)


def test_the_curve_of_an_irregular_stream_is_that_of_a_slow_oracle(make):
    rng = np.random.default_rng(3)
    t = np.cumsum(rng.choice([0.8, 1.0, 1.3], 60))
    watts = rng.uniform(50, 400, 60)
    curve = mean_maximal_curve(clean(make(t, power_watts=watts, start=t[0])), "power_watts")
    fine = np.arange(t[0], t[-1], 0.1)
    power = watts[np.minimum(np.searchsorted(t, fine + 0.05), 59)]
    total = np.concatenate(([0.0], np.cumsum(power * 0.1)))
    for duration in (1, 7, 20):
        best = max((total[10 * duration :] - total[: -10 * duration]) / duration)
        assert dict(zip(curve.durations, curve.values, strict=True))[duration] == pytest.approx(best, rel=0.03)


def test_no_curve_without_power(make):
    assert mean_maximal_curve(clean(make(range(100), power_watts=np.zeros(100))), "power_watts") is None


def test_bests_after_prior_work_begin_after_it(make):
    # 250 W for 2 h is 1,800 kJ: 1,000 kJ are done after 4,000 s. A hard 5 min comes before, a lesser one after.
    watts = np.full(7201, 250.0)
    watts[1001:1301] = 400.0
    watts[6001:6301] = 350.0
    found = {(d.prior, d.effort.duration_seconds): d for d in durability(clean(make(range(7201), power_watts=watts)))}
    late = found[(1000.0, 300)]
    assert (late.effort.value, late.fresh_value, late.effort.start_offset) == (350.0, 400.0, 6000)
    assert late.loss_percent == pytest.approx(12.5)
    assert min(d.effort.start_offset for d in found.values()) >= (1_000_000 - 300 * 150) / 250
    assert {prior for prior, _ in found} == {1000.0}


def test_a_short_ride_tells_nothing_of_durability(make):
    assert durability(clean(make(range(1801), power_watts=np.full(1801, 250.0)))) == ()


def test_without_power_hours_count(make):
    t = np.arange(9001)
    meters = np.where(t <= 4500, 3.0 * t, 13_500 + 2.7 * (t - 4500))
    found = durability(clean(make(t, "run", distance_meters=meters)))
    assert {(d.prior, d.prior_unit) for d in found} == {(1.0, "h"), (2.0, "h")}
    after_two = next(d for d in found if d.prior == 2.0 and d.effort.duration_seconds == 600)
    assert (after_two.effort.value, after_two.fresh_value) == (pytest.approx(2.7), pytest.approx(3.0))


def least(session, cp_watts=300.0, w_prime_joules=20_000.0):
    power = signals_of(Timelines(clean(session))).power
    return power and minimum(power, cp_watts, w_prime_joules)


def test_the_least_w_balance_is_found_with_its_second(make):
    # 100 s at 100 W above Critical Power spend 10 kJ; what follows recovers.
    watts = np.concatenate((np.full(301, 200.0), np.full(100, 400.0), np.full(200, 150.0)))
    found = least(make(range(601), power_watts=watts))
    assert (found.joules, found.second) == (pytest.approx(10_000), 400.0)


def test_a_pause_restores_w_prime(make):
    t = [*range(101), *range(7000, 7103)]
    watts = [400.0] * len(t)
    paused = least(make(t, pauses=[(100, 7000)], power_watts=watts))
    assert (paused.joules, paused.second) == (pytest.approx(9_800, abs=101), pytest.approx(7102, abs=1))
    assert least(make(range(202), power_watts=[400.0] * 202)).joules == pytest.approx(-100)


def test_without_power_there_is_no_balance(make):
    assert least(make(range(100), heart_rate_bpm=[120.0] * 100)) is None
    assert least(make(range(100), power_watts=[120.0] * 100), w_prime_joules=0.0) is None


@pytest.mark.parametrize("seed", range(40))
def test_the_least_w_balance_is_that_of_the_sum_second_by_second(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 900, rng.integers(1, 6))
    gaps = rng.uniform(3.5, 5000, len(lengths))
    begins = np.cumsum(gaps + np.concatenate(([0], lengths[:-1])))
    watts = np.clip(rng.normal(250, 90, lengths.sum()) + 80 * np.sin(np.arange(lengths.sum()) / 70), 0, None)
    cp, w_prime = rng.uniform(150, 400), rng.uniform(5_000, 30_000)
    # The oracle goes over every second of the activity, pauses as rest, and knows no stretches.
    line, clock, end = [], [], begins[0]
    for begin, ride in zip(begins, np.split(watts, np.cumsum(lengths)[:-1]), strict=True):
        rest = int(min(begin - end, 3600))
        line += [0.0] * rest + ride.tolist()
        clock += [begin] * rest + [begin + second for second in range(1, len(ride) + 1)]
        end = begin + len(ride)
    left = w_balance_differential(np.array(line), cp, w_prime)
    found = minimum(PowerBySecond(begins, begins + lengths, watts), cp, w_prime)
    assert found.joules == pytest.approx(left.min(), abs=1e-6)
    assert found.second == clock[int(np.argmin(left))]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_looking_only_where_a_best_may_be_changes_no_best(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 400))
    steps = rng.choice([0.25, 0.7, 1.0, 1.1, 2.9, 40.0], n, p=[0.1, 0.3, 0.3, 0.2, 0.08, 0.02])
    watts = rng.choice([0.0, 150.0, 400.0, 900.0], n)
    line = timeline_of(CleanStreams("bike", 0, np.cumsum(steps), {"power_watts": watts}), "power_watts")
    durations = [*range(1, 60), 90, 120, 200, 300]
    at_once, one_by_one = best_windows(line, durations), [best_window(line, d) for d in durations]
    assert [b is None for b in at_once] == [b is None for b in one_by_one]
    assert [b[0] for b in at_once if b] == pytest.approx([b[0] for b in one_by_one if b], rel=1e-12)
