"""The sport that streams tell, and when they do not."""

from __future__ import annotations

import numpy as np
import pytest

from perf_pipeline.physiology.cleaning import clean
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.sport_inference import infer_sport

T = np.arange(1800)


def inferred(make, **channels):
    return infer_sport(clean(make(T, "other", **channels)))


def around(mean, spread):
    return mean + spread * np.sin(T / 37)


@pytest.mark.parametrize(
    ("sport", "speed", "cadence"),
    [("run", 3.0, 84), ("run", 4.2, 92), ("bike", 8.5, 85), ("walk", 1.4, 57), ("run", 3.1, None), ("bike", 8.0, None)],
)
def test_usual_speeds_and_cadences_tell_the_sport(make, sport, speed, cadence):
    channels = {"speed_mps": around(speed, 0.1 * speed)}
    if cadence:
        channels["cadence_rpm"] = around(cadence, 2)
    found = inferred(make, **channels)
    assert found.sport == sport
    assert 0.9 <= found.confidence < 1


def test_power_and_cadence_without_moving_are_a_bike_indoors(make):
    found = inferred(make, power_watts=around(200, 20), cadence_rpm=around(88, 3))
    assert (found.sport, found.evidence[0][:11]) == ("bike", "power 200 W")


def test_falling_fast_is_skiing(make):
    found = inferred(make, speed_mps=around(11, 5), altitude_meters=2800 - 1.5 * T.astype(float))
    assert found.sport == "ski"


@pytest.mark.parametrize("speed", [1.75, 4.9])
def test_between_two_sports_it_is_refused(make, speed):
    assert "may be" in inferred(make, speed_mps=around(speed, 0.1)).reason


def test_a_climb_on_foot_that_is_run_in_part_is_a_run(make):
    cadence = np.where(T % 600 < 200, 82.0, 58.0)
    speed = np.where(T % 600 < 200, 2.6, 1.4)
    found = inferred(make, speed_mps=speed, cadence_rpm=cadence, altitude_meters=500 + 0.2 * T)
    assert found.sport == "run"
    assert any("of the time" in told for told in found.evidence)


def test_the_same_speed_and_cadence_are_a_swim_on_the_flat_and_unknown_uphill(make):
    flat = {"speed_mps": around(0.85, 0.05), "cadence_rpm": around(30, 2)}
    assert inferred(make, **flat, altitude_meters=around(3, 1)).sport == "swim"
    assert inferred(make, **flat, altitude_meters=500 + 0.2 * T) != inferred(make, **flat, altitude_meters=around(3, 1))


def test_lengths_of_a_pool_are_swum(make):
    session = make(
        [0, 1], "other", lengths=[(0, 30, True), (30, 62, True)], summary={"pool_length_meters": 25.0}, end=62
    )
    found = infer_sport(clean(session), session)
    assert (found.sport, found.evidence) == ("swim", ("2 lengths of a pool",))


def test_strokes_of_an_oar_are_not_taken_for_a_crank(make):
    assert isinstance(inferred(make, power_watts=around(150, 20), cadence_rpm=around(25, 1)), Refusal)


def test_heart_rate_alone_tells_nothing(make):
    assert isinstance(inferred(make, heart_rate_bpm=around(140, 10)), Refusal)


def test_a_few_minutes_are_too_little(make):
    assert "less than 5 min" in infer_sport(clean(make(range(200), "other", speed_mps=[3.0] * 200))).reason
