"""Metrics that set an activity against what was known of its athlete."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perf_pipeline.physiology.cleaning import clean
from perf_pipeline.physiology.relative_metrics import REGISTRY, Known, RelativeInputs, relative_metrics
from perf_pipeline.physiology.signals import signals_of
from perf_pipeline.physiology.timeline import Timelines

ALL = Known(250.0, 20_000.0, 4.0, 165.0, 190.0, 45.0, "male", 70.0, 3)


def values(session, known=ALL, **more):
    return {
        m.name: m.value for m in relative_metrics(RelativeInputs(signals_of(Timelines(clean(session))), known, **more))
    }


def test_an_hour_at_a_steady_heart_rate_has_the_trimp_of_the_formula(make):
    found = values(make(range(3601), "bike", heart_rate_bpm=np.full(3601, 137.762)))
    r = (137.762 - 45) / (190 - 45)
    assert found["trimp"] == pytest.approx(60 * r * 0.64 * math.exp(1.92 * r), rel=1e-4)


def test_trimp_sums_the_seconds_and_not_the_mean(make):
    heart = np.where(np.arange(3601) < 1800, 110.0, 170.0)
    shares = [(bpm - 45) / 145 for bpm in (110, 170)]
    wanted = sum(30 * r * 0.64 * math.exp(1.92 * r) for r in shares)
    assert values(make(range(3601), "bike", heart_rate_bpm=heart))["trimp"] == pytest.approx(wanted, rel=2e-3)


def test_w_prime_left_after_four_minutes_above_threshold(make):
    watts = np.concatenate([np.full(601, 100.0), np.full(240, 300.0), np.full(600, 100.0)])
    found = values(make(range(len(watts)), "bike", power_watts=watts))
    assert found["w_balance_min_joules"] == pytest.approx(20_000 - 240 * 50, abs=1)
    assert found["w_balance_min_percent"] == pytest.approx(40, abs=0.01)
    assert found["w_balance_min_second"] == pytest.approx(840, abs=1)


@pytest.mark.parametrize(("sport", "kind"), [("bike", "power"), ("bike", "heart_rate"), ("run", "pace")])
def test_zones_add_up_to_the_time_that_the_channel_covers(make, sport, kind):
    t = np.arange(2001)
    channels = {
        "power_watts": 60.0 + 0.2 * t, "heart_rate_bpm": 100.0 + 0.04 * t, "distance_meters": np.cumsum(2 + 0.0015 * t),
    }  # fmt: skip
    found = values(make(t, sport, **channels))
    zones = {name: value for name, value in found.items() if name.startswith(f"{kind}_zone_")}
    assert len(zones) == 7
    assert sum(zones.values()) == pytest.approx(2000, abs=2)
    assert sum(value > 0 for value in zones.values()) >= 5


def test_a_steady_ride_lies_in_one_zone(make):
    found = values(make(range(1001), "bike", power_watts=np.full(1001, 210.0)))
    assert found["power_zone_3_tempo_seconds"] == pytest.approx(1000, abs=2)  # 84 % of CP


def test_per_kilogram_is_by_the_weight_of_the_day_and_tells_its_age(make):
    session = make(range(100), "bike", power_watts=np.full(100, 210.0))
    stored = {"normalized_power_watts": 280.0, "mean_power_watts": 210.0}
    found = values(session, stored=stored, best_watts={300: 350.0})
    assert found["normalized_power_watts_per_kg"] == 4.0
    assert found["mean_power_watts_per_kg"] == 3.0
    assert found["best_300s_watts_per_kg"] == 5.0
    assert (found["weight_kg"], found["weight_age_days"]) == (70.0, 3)
    assert "best_5s_watts_per_kg" not in found
    assert found["intensity_factor"] == pytest.approx(280 / 250)


def test_what_is_not_known_gives_nothing(make):
    t = np.arange(1000)
    steady = {"power_watts": np.full(1000, 200.0), "heart_rate_bpm": np.full(1000, 150.0)}
    session = make(t, "run", **steady, distance_meters=3.0 * t)
    assert values(session, Known()) == {}
    silent = make(t, "bike", heart_rate_bpm=np.full(1000, np.nan))
    assert values(silent, Known(lthr_bpm=160, hr_max_bpm=190, hr_rest_bpm=50)) == {}
    assert values(session, Known(cp_watts=0.0, w_prime_joules=-5.0, cs_mps=0.0, lthr_bpm=0.0, weight_kg=0.0)) == {}
    assert "trimp" not in values(session, Known(hr_max_bpm=40.0, hr_rest_bpm=55.0))


def test_the_sex_decides_the_weights_of_trimp(make):
    session = make(range(3601), "bike", heart_rate_bpm=np.full(3601, 150.0))
    trimps = [
        values(session, Known(hr_max_bpm=190, hr_rest_bpm=50, sex=sex))["trimp"] for sex in ("male", None, "female")
    ]
    assert trimps[0] != trimps[1] != trimps[2]


def test_every_metric_is_defined_and_of_the_athletes_grain():
    for name, metric in REGISTRY.items():
        assert name == metric.name
        assert metric.grain == "athlete"
        assert metric.needs
        assert metric.definition
        assert metric.source
