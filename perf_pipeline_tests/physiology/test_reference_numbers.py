"""Results worked out elsewhere that the formulas must reproduce."""

from __future__ import annotations

import numpy as np
import pytest

from perf_pipeline.physiology.grade import minetti_cost
from perf_pipeline.physiology.heart_rate import HeartRateProfile, banister_trimp
from perf_pipeline.physiology.hyperbola import hyperbolic, inverse_time, work_time
from perf_pipeline.physiology.load import fitness
from perf_pipeline.physiology.power import normalized_power
from perf_pipeline.physiology.prediction import (
    banister_performance,
    morton_seconds,
    riegel_seconds,
    vdot,
    vdot_race_seconds,
)
from perf_pipeline.physiology.thresholds import PowerEffort, critical_swim_speed, fit_critical_power
from perf_pipeline.physiology.w_balance import recovery_tau_seconds, w_balance_differential, w_balance_integral

VANHATALO = ((453.0, 160.0), (430.0, 205.0), (405.0, 260.0), (375.0, 430.0), (360.0, 685.0))
WATTS = np.array([p for p, _ in VANHATALO])
SECONDS = np.array([t for _, t in VANHATALO])


def close(value: float, tolerance: float = 1e-4) -> object:
    return pytest.approx(value, rel=tolerance)


def test_the_inverse_time_form_gives_vanhatalos_critical_power():
    fit = fit_critical_power([PowerEffort(t, p) for p, t in VANHATALO])
    assert fit.cp_watts == pytest.approx(330.0974103890, rel=1e-10)
    assert fit.w_prime_joules == pytest.approx(19857.150086, rel=1e-9)


@pytest.mark.parametrize(
    ("form", "cp", "w_prime"),
    [(inverse_time, 330.0974103890, 19857.150086), (work_time, 330.896, 19604.20), (hyperbolic, 332.166, 18949.74)],
)
def test_each_form_gives_its_own_parameters_of_vanhatalos_efforts(form, cp, w_prime):
    found = form(SECONDS, WATTS)
    assert found.limit == close(cp, 1e-5)
    assert found.capacity == close(w_prime, 1e-5)


def test_the_fit_tells_all_three_forms():
    forms = fit_critical_power([PowerEffort(t, p) for p, t in VANHATALO]).forms
    assert {k: round(v.limit, 3) for k, v in forms.items()} == {
        "inverse_time": 330.097, "work_time": 330.896, "hyperbolic": 332.166,
    }  # fmt: skip


def test_two_efforts_give_the_line_through_them():
    found = inverse_time(np.array([180.0, 600.0]), np.array([440.0, 361.0 + 1 / 3]))
    assert (found.limit, found.capacity) == (close(327.61905), close(20228.571))


def test_mortons_three_parameter_model():
    assert morton_seconds(620, 213, 28066, 631) == close(1.81469)
    assert morton_seconds(631, 213, 28066, 631) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("t400", "t200", "css"), [(360, 170, 1.0526), (390, 180, 0.95238)])
def test_critical_swim_speed(t400, t200, css):
    assert critical_swim_speed(200, t200, 400, t400) == close(css)


def test_banisters_impulse_and_response():
    p = banister_performance(np.full(7, 100.0), p0=500, k1=1, k2=2, tau1_days=27, tau2_days=10)
    assert p[[0, 1, 4, 6]] == pytest.approx([400, 315.396561, 137.997315, 70.097635], rel=1e-8)


def test_w_balance_integral():
    watts = np.arange(100.0)
    assert recovery_tau_seconds(watts, 25.0) == pytest.approx(795.4401052826, rel=1e-12)
    left = w_balance_integral(watts, 25.0, 2000.0)
    assert left[[50, 75]] == pytest.approx([1678.2431086243, 750.7741774439], rel=1e-10)


def test_w_balance_differential():
    assert w_balance_differential(np.arange(100.0), 25.0, 2000.0)[[50, 75]] == pytest.approx([1675, 725])


def test_w_balance_recovers_by_the_exact_step():
    # 100 J spent; then 10 s at 15 W under CP: the deficit falls by e^(-150/2000).
    left = w_balance_differential(np.array([125.0] + [10.0] * 10), 25.0, 2000.0)
    assert left[-1] == close(2000 - 100 * np.exp(-150 / 2000), 1e-12)


def test_banisters_trimp_on_the_mean_heart_rate():
    profile = HeartRateProfile(190, 45, "male")
    assert banister_trimp(np.array([137.762]), 60.46471, profile) == close(84.5525)


def test_vdot_of_15_km_predicts_the_other_races():
    value = vdot(15_000, 67 * 60 + 48)
    assert value == close(46.3965, 1e-5)
    races = [vdot_race_seconds(value, d) for d in (5000, 10_000, 21_097.5, 42_195)]
    assert races == pytest.approx([21 * 60 + 14.9, 44 * 60 + 3.5, 97 * 60 + 37.8, 203 * 60 + 0.8], rel=5e-4)


def test_vdot_of_5_km_in_22_minutes():
    assert vdot(5000, 22 * 60) == pytest.approx(44.54, abs=0.005)


def test_riegel():
    assert riegel_seconds(1200, 5000, 10_000) == close(1200 * 2**1.06, 1e-12)


@pytest.mark.parametrize(
    ("watts", "expected"),
    [
        (np.full(300, 250.0), 250.0),
        (np.tile(np.repeat([400.0, 0.0], 30), 30), 267.68),
    ],
)
def test_normalized_power_counts_full_windows_only(watts, expected):
    assert normalized_power(watts) == close(expected, 2e-5)


def test_normalized_power_of_less_than_30_seconds_is_none():
    assert normalized_power(np.full(29, 250.0)) is None
    assert normalized_power(np.full(30, 250.0)) == 250.0


@pytest.mark.parametrize(
    ("gradient", "cost"),
    [
        (-0.45, 4.032), (-0.3, 2.462), (-0.2, 1.800), (-0.1, 2.152), (0.0, 3.6),
        (0.1, 5.968), (0.2, 9.007), (0.3, 12.579), (0.45, 19.426),
    ],
)  # fmt: skip
def test_minettis_cost(gradient, cost):
    assert minetti_cost(gradient) == pytest.approx(cost, abs=5e-4)


def test_minettis_cost_is_least_at_18_percent_downhill():
    gradients = np.linspace(-0.45, 0.45, 9001)
    costs = minetti_cost(gradients)
    assert gradients[np.argmin(costs)] == pytest.approx(-0.181, abs=5e-4)
    assert costs.min() == pytest.approx(1.781, abs=5e-4)


def test_minettis_cost_is_held_beyond_his_slopes():
    assert minetti_cost(0.9) == minetti_cost(0.45)


def test_42_days_of_load_100_give_a_ctl_of_63():
    assert fitness(np.full(42, 100.0)).ctl[-1] == close(63.212, 1e-5)


def test_ctl_is_neither_of_the_approximations():
    ctl = fitness(np.full(42, 100.0)).ctl[-1]
    # 1/42 a day would give 63.654, 2/43 would give 86.472.
    assert abs(ctl - 63.654) > 0.4
    assert abs(ctl - 86.472) > 20


def test_form_is_yesterdays_fitness_less_yesterdays_fatigue():
    found = fitness(np.full(42, 100.0))
    assert found.tsb[0] == 0
    assert found.tsb[1:] == pytest.approx(found.ctl[:-1] - found.atl[:-1])
    # After one day of 100: CTL 100 (1 - e^(-1/42)) = 2.3528, ATL 100 (1 - e^(-1/7)) = 13.3122.
    assert found.tsb[1] == pytest.approx(2.3528 - 13.3122, abs=1e-4)


def test_normalized_power_is_none_of_the_usual_wrong_ones():
    constant = normalized_power(np.full(300, 250.0))
    blocks = normalized_power(np.tile(np.repeat([400.0, 0.0], 30), 30))
    # Zero-filled starts give 244.96 and 267.62, expanding starts 271.87, means over blocks about 336.
    assert abs(constant - 244.96) > 5
    assert min(abs(blocks - wrong) for wrong in (267.62, 271.87, 336.0)) > 0.05


def test_vdot_is_told_to_a_tenth():
    assert round(vdot(15_000, 67 * 60 + 48), 1) == 46.4
