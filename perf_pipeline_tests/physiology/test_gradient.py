"""Gradient from noisy altitude, against courses whose heights are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from perf_pipeline.formats.model import Session
from perf_pipeline.physiology.cleaning import CleanStreams, clean
from perf_pipeline.physiology.grade import graded_speed, minetti_cost
from perf_pipeline.physiology.gradient import gradients
from perf_pipeline.physiology.metrics import compute_metrics
from perf_pipeline.physiology.power import rolling_fourth_power_mean

FloatArray = NDArray[np.float64]
SPEED = 3.0
SECONDS = np.arange(5400.0)
METERS = SPEED * SECONDS
NORMALIZED, MEAN = "normalized_graded_speed_mps", "grade_adjusted_speed_mps"


@dataclass(frozen=True)
class Hills:
    """Sinusoidal hills of a wavelength and an amplitude in m."""

    wave: float
    amplitude: float

    @property
    def height(self) -> FloatArray:
        return 100 + self.amplitude * np.sin(2 * np.pi * METERS / self.wave)

    @property
    def truth(self) -> dict[str, float]:
        slope = self.amplitude * 2 * np.pi / self.wave * np.cos(2 * np.pi * METERS / self.wave)
        speed = SPEED * np.asarray(minetti_cost(slope)) / 3.6
        normalized = rolling_fourth_power_mean(speed)
        assert normalized is not None
        return {MEAN: float(speed.mean()), NORMALIZED: normalized}


ROLLING = [Hills(600, 5), Hills(1000, 10), Hills(1000, 15), Hills(1500, 20), Hills(2000, 30)]


def barometer(seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 0.5, len(SECONDS))


def receiver(seed: int, lasting: float = 30.0) -> FloatArray:
    """Height of a position: wrong by 3 m (sd) for about `lasting` seconds at a time."""
    rng, keep = np.random.default_rng(seed), np.exp(-1 / lasting)
    fresh, out = rng.normal(0, 3 * np.sqrt(1 - keep * keep), len(SECONDS)), np.empty(len(SECONDS))
    error = rng.normal(0, 3)
    for i in range(len(out)):
        out[i] = error = keep * error + fresh[i]
    return out


def found(make, altitude: FloatArray, every: int = 1) -> dict[str, float]:
    rows = slice(None, None, every)
    session: Session = make(
        SECONDS[rows], "run", distance_meters=METERS[rows], speed_mps=np.full(len(SECONDS[rows]), SPEED),
        altitude_meters=np.round(altitude[rows] * 5) / 5,
    )  # fmt: skip
    streams: CleanStreams = clean(session)
    return {m.name: m.value for m in compute_metrics(streams, session) if m.name in (MEAN, NORMALIZED)}


@pytest.mark.parametrize("noise", [barometer, receiver, lambda seed: receiver(seed, 60.0)])
@pytest.mark.parametrize("every", [1, 4])
def test_noise_on_the_flat_costs_nothing(make, noise, every):
    for seed in range(3):
        got = found(make, 100 + noise(seed), every)
        assert got[MEAN] == pytest.approx(SPEED, rel=0.01)
        assert got[NORMALIZED] == pytest.approx(SPEED, rel=0.02)


@pytest.mark.parametrize("hills", ROLLING, ids=str)
@pytest.mark.parametrize("noise", [barometer, receiver, lambda seed: receiver(seed, 60.0)])
def test_rolling_hills_cost_what_they_do_without_noise(make, hills, noise):
    many = [found(make, hills.height + noise(seed)) for seed in range(4)]
    for metric, limit in ((MEAN, 0.02), (NORMALIZED, 0.03)):
        assert np.mean([one[metric] for one in many]) == pytest.approx(hills.truth[metric], rel=limit)


@pytest.mark.parametrize("slope", [-0.2, -0.08, 0.08, 0.15])
def test_a_steady_slope_gives_minettis_value(make, slope):
    got = found(make, 1000 + slope * METERS + barometer(1))
    assert got[MEAN] == pytest.approx(SPEED * minetti_cost(slope) / 3.6, rel=0.02)
    assert got[NORMALIZED] == pytest.approx(SPEED * minetti_cost(slope) / 3.6, rel=0.02)


def test_a_calibration_on_the_way_is_no_wall(make):
    got = found(make, 100 + 40.0 * (METERS > 8000) + barometer(2))
    assert got[NORMALIZED] == pytest.approx(SPEED, rel=0.01)


def test_a_climb_faster_than_anybodys_is_the_altitudes_fault(make):
    """30 m up and down within 300 m at 3 m/s between tall houses, ten times: at 3 m/s nobody climbs 20 %."""
    far = np.abs(METERS[:, None] - np.arange(1000, 16_000, 1500)[None, :]).min(axis=1)
    got = found(make, 100 + 30 * np.clip(1 - far / 150, 0, 1))
    assert got[MEAN] == pytest.approx(SPEED, rel=0.01)
    assert got[NORMALIZED] == pytest.approx(SPEED, rel=0.02)


def test_gradients_are_bounded_and_short_courses_have_none():
    t = np.arange(400.0)
    assert gradients(0.2 * t, 5 * t, t, 0.2 * t).tolist() == [0.0] * 400
    steep = gradients(t, 0.9 * t, 10 * t, t)
    assert np.abs(steep).max() == 0.45
    still = gradients(np.zeros(400), np.linspace(0, 50, 400), t, np.zeros(400))
    assert still.tolist() == [0.0] * 400


def test_a_wandering_altitude_at_rest_is_no_hill(make):
    """Ten minutes at a bench, in which the altitude drifts by 20 m."""
    t = np.arange(4200.0)
    meters = 3 * np.minimum(t, 1800) + 3 * np.maximum(t - 2400, 0)
    drift = 20 * np.clip((t - 1800) / 600, 0, 1)
    session = make(t, "run", distance_meters=meters, altitude_meters=100 + drift)
    graded = graded_speed(clean(session))
    moving = graded[clean(session).channels["speed_mps"] > 1]
    assert float(np.mean(moving)) == pytest.approx(3.0, rel=0.02)
