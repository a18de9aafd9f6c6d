"""A difference from the device's own word is given the kind that the data show, and no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perf_pipeline.formats.model import Lap
from perf_pipeline.physiology.activity import summarise
from perf_pipeline.physiology.cleaning import clean
from perf_pipeline.physiology.device_word import UNEXPLAINED, compare

T = np.arange(1201)


def kinds(session):
    return {one.measure: one.kind for one in compare(session, clean(session))}


def test_numbers_within_the_tolerance_have_no_kind(make):
    watts = 200.0 + 20 * np.sin(T / 30)
    said = {
        "duration_seconds": 1200.4, "distance_meters": 3.001 * 1200, "mean_heart_rate_bpm": 151.0,
        "mean_power_watts": 201.0, "normalized_power_watts": 202.0,
    }  # fmt: skip
    session = make(
        T, "bike", power_watts=watts, heart_rate_bpm=np.full(1201, 150.0), distance_meters=3.0 * T, summary=said
    )
    assert kinds(session) == dict.fromkeys(
        ("duration_seconds", "distance_meters", "mean_power_watts", "normalized_power_watts", "mean_heart_rate_bpm"), ""
    )


def test_a_mean_without_zeros_is_told_from_one_that_is_wrong(make):
    watts = np.where(T % 100 < 20, 0.0, 200.0)
    for said, kind in ((200.0, "the device leaves zeros out"), (300.0, "its word is not of these records")):
        session = make(T, power_watts=watts, summary={"mean_power_watts": said})
        assert kinds(session)["mean_power_watts"] == kind


@pytest.mark.parametrize(
    ("said", "pauses", "kind"),
    [
        ({"duration_seconds": 1198.2}, (), "stamps of whole seconds"),
        ({"duration_seconds": 1150.0, "elapsed_seconds": 1200.0}, (), "pauses without events"),
        ({"duration_seconds": 1180.0}, ((100.0, 200.0),), "the timer ran in pauses"),
        ({"duration_seconds": 1300.0}, (), "a timer longer than its records"),
        ({"duration_seconds": 1150.0}, (), UNEXPLAINED),
    ],
)
def test_the_kinds_of_a_timer(make, said, pauses, kind):
    assert kinds(make(T, "run", pauses=pauses, distance_meters=3.0 * T, summary=said))["duration_seconds"] == kind


def test_a_timer_of_laps_cut_to_whole_seconds(make):
    session = make(T, "run", distance_meters=3.0 * T, summary={"duration_seconds": 1193.0})
    laps = tuple(Lap(session.start_ms, session.end_ms, {"duration_seconds": s}) for s in (149.0,) * 7 + (150.0,))
    assert kinds(replace(session, laps=laps))["duration_seconds"] == "laps cut to whole seconds"


def test_a_jump_that_the_device_counted(make):
    meters = 3.0 * T + np.where(T > 600, 80.0, 0.0)
    session = make(T, "run", distance_meters=meters, summary={"distance_meters": 3680.0})
    assert kinds(session)["distance_meters"] == "jumps that the device counted"
    assert kinds(replace(session, summary={"distance_meters": 3850.0}))["distance_meters"] == UNEXPLAINED


def test_a_timer_that_ran_through_a_night_is_not_believed(make):
    t = np.concatenate((T, T + 40_000))
    session = make(t, "run", pauses=[(1200.0, 40_000.0)], distance_meters=3.0 * np.arange(len(t)))
    for said in (2400.0, 9000.0):
        told = replace(session, summary={"duration_seconds": said})
        assert summarise(told, clean(told)).duration_seconds == 2400.0
