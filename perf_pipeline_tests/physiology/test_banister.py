"""Impulse and response: recovered where tests allow, refused where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from perf_pipeline.physiology.banister import fit_banister
from perf_pipeline.physiology.prediction import banister_performance
from perf_pipeline.physiology.refusal import Refusal

TRUE = {"p0": 250.0, "k1": 0.05, "k2": 0.09, "tau1_days": 42.0, "tau2_days": 8.0}


def a_year(seed=1):
    """Loads in blocks of hard and easy weeks."""
    dice = np.random.default_rng(seed)
    weeks = np.repeat(dice.choice([20.0, 60.0, 110.0], 52), 7)
    return np.where(dice.random(364) < 0.25, 0.0, weeks * dice.uniform(0.5, 1.5, 364))


def test_an_athlete_who_follows_the_model_is_recovered():
    loads = a_year()
    days = list(range(30, 360, 12))
    fit = fit_banister(loads, days, banister_performance(loads, **TRUE)[days])
    assert {name: getattr(fit, name) for name in TRUE} == pytest.approx(TRUE, rel=1e-6)
    assert (fit.tests, fit.r_squared) == (len(days), pytest.approx(1.0))


def test_noisy_tests_still_predict_better_than_their_mean():
    loads = a_year()
    days = list(range(30, 360, 8))
    noise = np.random.default_rng(2).normal(0, 3, len(days))
    fit = fit_banister(loads, days, banister_performance(loads, **TRUE)[days] + noise)
    assert fit.leave_one_out_rmse < 0.7 * fit.naive_rmse
    assert fit.tau1_days == pytest.approx(42, abs=16)


def test_the_left_out_error_is_that_of_refitting_without_each_test():
    loads = a_year()
    days = np.arange(30, 360, 10)
    y = banister_performance(loads, **TRUE)[days] + np.random.default_rng(4).normal(0, 2, len(days))
    fit = fit_banister(loads, days, y)
    gain, fatigue = (
        banister_performance(loads, p0=0, k1=1, k2=0, tau1_days=tau, tau2_days=1)[days]
        for tau in (fit.tau1_days, fit.tau2_days)
    )
    errors = []
    for k in range(len(days)):
        rest = np.arange(len(days)) != k
        design = np.column_stack((np.ones(len(days)), gain, -fatigue))
        solution = np.linalg.lstsq(design[rest], y[rest], rcond=None)[0]
        errors.append(y[k] - design[k] @ solution)
    assert fit.leave_one_out_rmse == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-6)


@pytest.mark.parametrize(
    ("days", "reason"),
    [(range(30, 120, 12), "8 days with a test"), (range(30, 80, 4), "the tests span 48 days"), ([], "0 days")],
)
def test_too_little_is_refused(days, reason):
    loads = a_year()
    found = fit_banister(loads, list(days), banister_performance(loads, **TRUE)[list(days)])
    assert reason in found.reason


def test_tests_that_training_does_not_explain_are_refused():
    days = list(range(30, 360, 12))
    answers = [
        fit_banister(a_year(seed), days, np.random.default_rng(seed).normal(250, 5, len(days))) for seed in range(20)
    ]
    assert sum(isinstance(answer, Refusal) for answer in answers) >= 19


def test_tests_of_one_result_are_refused():
    assert "one result" in fit_banister(a_year(), list(range(30, 360, 12)), [250.0] * 28).reason
