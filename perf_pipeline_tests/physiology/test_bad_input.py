"""Whatever a file holds, the numbers are right or absent, and nothing is raised."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perf_pipeline.formats.model import CHANNELS, Pause, Session, Streams
from perf_pipeline.formats.sports import SPORTS
from perf_pipeline.physiology.activity import summarise
from perf_pipeline.physiology.cleaning import clean
from perf_pipeline.physiology.efforts import best_efforts
from perf_pipeline.physiology.metrics import compute_metrics

DAY = 86_400


def everything(session):
    streams = clean(session)
    return streams, best_efforts(streams, session), summarise(session, streams), compute_metrics(streams, session)


def test_one_record(make):
    streams, efforts, summary, metrics = everything(
        make([5], power_watts=[200.0], heart_rate_bpm=[120.0], distance_meters=[3.0])
    )
    assert len(streams) == 1
    assert efforts == ()
    assert summary.source == "device"
    assert {m.name for m in metrics} <= {"max_power_watts", "max_heart_rate_bpm", "mean_power_watts"}


def test_no_time(make):
    t = np.zeros(500)
    streams, efforts, _, _ = everything(make(t, power_watts=np.full(500, 200.0), distance_meters=np.arange(500.0)))
    assert len(streams) == 1
    assert efforts == ()


def test_constant_zero_power(make):
    _, efforts, _, metrics = everything(make(range(500), power_watts=np.zeros(500)))
    assert efforts == ()
    assert "normalized_power_watts" not in {m.name for m in metrics}


def test_power_without_time_to_speak_of(make):
    _, efforts, _, metrics = everything(make([0, 1], power_watts=[250.0, 250.0]))
    assert [(e.effort_type, e.duration_seconds) for e in efforts] == [("power", 1)]
    assert "normalized_power_watts" not in {m.name for m in metrics}


@pytest.mark.parametrize("days", [27, 791, 16_002])
def test_a_span_of_weeks_costs_no_row_per_second(make, days):
    t = np.concatenate((np.arange(500), np.arange(500) + days * DAY))
    session = make(t, "run", power_watts=np.full(1000, 200.0), distance_meters=np.arange(1000) * 3.0)
    tracemalloc.start()
    _, efforts, _, _ = everything(session)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000
    assert max(e.duration_seconds for e in efforts if e.effort_type == "power") <= 480


def test_negative_distance(make):
    _, efforts, summary, _ = everything(make(range(100), "run", distance_meters=-np.arange(100.0)))
    assert efforts == ()
    assert summary.distance_meters is None or summary.distance_meters >= 0


def test_channels_of_nothing(make):
    nothing = np.full(100, np.nan)
    streams, efforts, summary, metrics = everything(make(range(100), **dict.fromkeys(CHANNELS, nothing)))
    assert (streams.channels, efforts, metrics) == ({}, (), ())
    assert summary.duration_seconds == 99


def test_infinite_values(make):
    _, efforts, summary, metrics = everything(
        make(
            range(100), "run", power_watts=np.full(100, np.inf), distance_meters=np.full(100, -np.inf), x=[np.inf] * 100
        )
    )
    assert (efforts, metrics, summary.distance_meters) == ((), (), None)


VALUES = st.sampled_from([np.nan, np.inf, -np.inf, -1e9, -1.0, 0.0, 1.0, 47.0, 150.0, 300.0, 65_535.0, 1e12])


@st.composite
def sessions(draw):
    n = draw(st.integers(0, 25))
    steps = st.sampled_from(
        [0, 1, 500, 1000, 1000, 1000, 3000, 8000, 60_000, -5000, 27 * DAY * 1000, -16_002 * DAY * 1000]
    )
    time_ms = 1_600_000_000_000 + np.cumsum([draw(steps) for _ in range(n)], dtype=np.int64)
    names = draw(st.lists(st.sampled_from([*CHANNELS, "extra"]), unique=True))
    channels = {name: np.array([draw(VALUES) for _ in range(n)]) for name in names}
    moments = st.integers(1_599_999_990_000, 1_600_000_100_000)
    pauses = tuple(Pause(draw(moments), draw(moments)) for _ in range(draw(st.integers(0, 3))))
    summary = draw(st.dictionaries(st.sampled_from(["duration_seconds", "distance_meters", "elapsed_seconds"]), VALUES))
    sport = draw(st.sampled_from([*SPORTS, "quidditch"]))
    return Session(0, sport, draw(moments), draw(moments), Streams(time_ms, channels), pauses=pauses, summary=summary)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sessions())
def test_nothing_is_raised_and_nothing_absurd_is_told(session):
    streams, efforts, summary, metrics = everything(session)
    assert (np.diff(streams.seconds) > 0).all()
    assert (streams.seconds >= 0).all()
    if streams.get("distance_meters") is not None:
        known = streams.get("distance_meters")
        assert (np.diff(known[np.isfinite(known)]) >= -1e-6).all()
    assert all(np.isfinite(e.value) and e.value > 0 and e.duration_seconds > 0 and e.start_offset >= 0 for e in efforts)
    assert all(np.isfinite(m.value) for m in metrics)
    assert 0 <= summary.moving_seconds <= summary.duration_seconds <= summary.elapsed_seconds
