"""Load by the best method that the data allow, and fitness day by day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.physiology.heart_rate import HeartRateProfile, banister_trimp, banister_weights, trimp_from_moments
from perf_pipeline.physiology.load import LoadInputs, activity_load, fitness, project

HOUR = 3600.0
EVERYTHING = LoadInputs(
    "bike", HOUR, normalized_power_watts=250, mean_speed_mps=9, mean_heart_rate_bpm=150, heart_rate_sd_bpm=8,
    heart_rate_skewness=-0.5, heart_rate_seconds=HOUR, cp_watts=250, lthr_bpm=165, hr_max_bpm=185,
    hr_rest_bpm=50, sex="female",
)  # fmt: skip


def test_an_hour_at_critical_power_is_100():
    load = activity_load(EVERYTHING)
    assert (load.method, load.tss, load.intensity) == ("power", pytest.approx(100), pytest.approx(1))


def test_load_goes_with_the_square_of_intensity_and_with_moving_time():
    assert activity_load(replace(EVERYTHING, normalized_power_watts=200, moving_seconds=2 * HOUR)).tss == pytest.approx(
        128
    )


def test_without_a_threshold_power_the_heart_rate_is_used():
    load = activity_load(replace(EVERYTHING, cp_watts=None))
    assert load.method == "heart_rate"
    assert load.trimp is not None


def test_an_hour_at_threshold_heart_rate_is_100():
    steady = replace(EVERYTHING, cp_watts=None, mean_heart_rate_bpm=165, heart_rate_sd_bpm=0)
    assert activity_load(steady).tss == pytest.approx(100)


def test_without_limits_of_the_heart_only_the_duration_is_left_and_the_assumption_is_told():
    load = activity_load(replace(EVERYTHING, cp_watts=None, hr_max_bpm=None))
    assert (load.method, load.intensity) == ("duration", 0.65)
    assert load.tss == pytest.approx(100 * 0.65**2)
    assert "0.65 of threshold assumed for bike" in load.note


def test_a_run_is_measured_by_graded_pace():
    load = activity_load(LoadInputs("run", HOUR / 2, graded_speed_mps=3.6, cs_mps=4.0))
    assert (load.method, load.tss) == ("pace", pytest.approx(50 * 0.81))


def test_a_swim_is_measured_by_the_cube_of_pace():
    load = activity_load(LoadInputs("swim", HOUR, mean_speed_mps=0.9, css_mps=1.0))
    assert (load.method, load.tss) == ("swim", pytest.approx(72.9))


def test_an_intensity_that_nobody_holds_is_not_believed():
    assert activity_load(replace(EVERYTHING, cp_watts=100, hr_max_bpm=None)).method == "duration"


def test_no_time_is_no_load():
    for seconds in (0.0, -5.0, float("nan")):
        assert activity_load(LoadInputs("bike", seconds)).tss == 0


def test_stored_metrics_by_name_are_enough():
    metrics = {"normalized_power_watts": 250.0, "mean_heart_rate_bpm": 150.0}
    inputs = LoadInputs.from_metrics("bike", HOUR, metrics, {"cp_watts": 250.0})
    assert activity_load(inputs).tss == pytest.approx(100)


@given(st.lists(st.floats(60, 185), min_size=100, max_size=400))
def test_trimp_from_three_moments_is_near_the_sum_per_second(heart_rate):
    bpm = np.array(heart_rate)
    sd = bpm.std()
    skewness = float(((bpm - bpm.mean()) ** 3).mean() / sd**3) if sd > 0 else 0.0
    profile = HeartRateProfile(190, 50, "male")
    exact = banister_trimp(bpm, 1 / 60, profile)
    assert trimp_from_moments(len(bpm) / 60, bpm.mean(), sd, skewness, profile) == pytest.approx(exact, rel=0.02)


def test_trimp_of_a_real_looking_ride_is_within_half_a_percent():
    rng = np.random.default_rng(2)
    bpm = np.clip(
        np.concatenate((np.linspace(80, 130, 600), rng.normal(145, 10, 3000), rng.normal(170, 6, 900))), 60, 189
    )
    profile = HeartRateProfile(190, 50, "female")
    skewness = ((bpm - bpm.mean()) ** 3).mean() / bpm.std() ** 3
    exact = banister_trimp(bpm, 1 / 60, profile)
    assert trimp_from_moments(len(bpm) / 60, bpm.mean(), bpm.std(), skewness, profile) == pytest.approx(
        exact, rel=0.005
    )


def test_trimp_weighs_men_women_and_the_unknown():
    assert banister_weights("male") == (0.64, 1.92)
    assert banister_weights("female") == (0.86, 1.67)
    assert banister_weights(None) == (pytest.approx(0.75), pytest.approx(1.795))


def slow_fitness(loads, ctl, atl):
    rows = []
    for load in loads:
        tsb = ctl - atl
        ctl += (load - ctl) * (1 - np.exp(-1 / 42))
        atl += (load - atl) * (1 - np.exp(-1 / 7))
        rows.append((ctl, atl, tsb))
    return np.array(rows)


@given(st.lists(st.floats(0, 400), min_size=1, max_size=60), st.floats(0, 120), st.floats(0, 150))
def test_fitness_is_the_recurrence_step_by_step(loads, ctl0, atl0):
    found, slow = fitness(np.array(loads), ctl0, atl0), slow_fitness(loads, ctl0, atl0)
    assert found.ctl == pytest.approx(slow[:, 0], abs=1e-9)
    assert found.atl == pytest.approx(slow[:, 1], abs=1e-9)
    assert found.tsb == pytest.approx(slow[:, 2], abs=1e-9)


def test_ramp_is_the_change_of_ctl_over_a_week():
    found = fitness(np.full(20, 100.0))
    assert found.ramp[13] == pytest.approx(found.ctl[13] - found.ctl[6])
    assert found.ramp[6] == pytest.approx(found.ctl[6])


def test_monotony_and_strain_of_fosters_week():
    week = np.array([100.0, 0, 100, 0, 100, 0, 50])  # mean 50, sample standard deviation 50
    found = fitness(week)
    assert np.isnan(found.monotony[:6]).all()
    assert found.monotony[6] == pytest.approx(1.0)
    assert found.strain[6] == pytest.approx(350)


def test_a_week_without_variation_has_no_monotony():
    assert np.isnan(fitness(np.full(7, 80.0)).monotony[6])


def test_two_weeks_without_training_bring_form_up_and_fitness_down():
    found = project(np.full(42, 80.0), 14)
    assert len(found.ctl) == 56
    assert found.ctl[-1] == pytest.approx(found.ctl[41] * np.exp(-14 / 42))
    assert found.tsb[-1] > 0 > found.tsb[41]


def test_no_days_are_no_fitness():
    assert len(fitness(np.empty(0)).ctl) == 0
