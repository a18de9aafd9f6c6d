"""The registry of metrics: what each entry must say, and that an entry and a function are all that a metric takes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from perf_pipeline.formats.model import FileFormat
from perf_pipeline.physiology import metrics as registry
from perf_pipeline.physiology.cleaning import clean
from perf_pipeline.physiology.metric import ACTIVITY_GRAIN, Metric
from perf_pipeline.physiology.metrics import DURABILITY_SECONDS, REGISTRY, compute_metrics
from perf_pipeline.pipeline.stages import metrics as stage
from perf_pipeline.pipeline.stages.preparation import prepare
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.sessions import FileMeta, StoredSession

UNITS = {
    "watts": "W", "kilojoules": "kJ", "bpm": "bpm", "rpm": "rpm", "mps": "m/s", "celsius": "degC", "meters": "m",
    "seconds": "s", "km": "s/km", "100m": "s/100m",
}  # fmt: skip
SCIENCE = (Path(__file__).parents[2] / "docs" / "science.md").read_text()


def values(make, *arguments, **channels):
    session = make(*arguments, **channels)
    return {m.name: m.value for m in compute_metrics(clean(session), session)}


def test_every_metric_says_what_it_is_and_what_it_needs():
    for name, metric in REGISTRY.items():
        assert name == metric.name
        assert all((metric.unit, metric.definition, metric.source, metric.needs))
        assert metric.grain == ACTIVITY_GRAIN
        ending = name.rpartition("_")[2]
        assert ending not in UNITS or UNITS[ending] == metric.unit, name


def test_the_page_on_science_has_every_metric_as_the_registry_does():
    for metric in REGISTRY.values():
        if metric.name.startswith("durability_"):
            seconds, _, unit = re.fullmatch(r"durability_(\d+)s_after_(\d+)(kj_watts|h_mps)", metric.name).groups()
            assert (int(seconds) in DURABILITY_SECONDS, f"`durability_<s>s_after_<n>{unit}`" in SCIENCE) == (True, True)
        else:
            cells = (f"`{metric.name}`", metric.unit, metric.definition, "; ".join(metric.needs), metric.source)
            assert f"| {' | '.join(cells)} |" in SCIENCE, metric.name


def test_a_new_metric_is_one_function_and_one_entry(make, monkeypatch):
    def first_watts(inputs):
        return float(inputs.watts[0]) if inputs.watts is not None else None

    entry = Metric("first_watts", "W", "the first second's power", "nobody", first_watts, ("power_watts",))
    monkeypatch.setattr(registry, "REGISTRY", {**REGISTRY, entry.name: entry})
    session = make(range(100), power_watts=np.arange(100.0) + 50)
    stored = StoredSession(content_id("a"), "0" * 64, FileMeta(FileFormat.FIT), session)
    rows = {row["metric"]: row for row in stage.rows(content_id("p"), prepare(stored, None))}
    assert (rows["first_watts"]["value"], rows["first_watts"]["unit"], rows["first_watts"]["grain"]) == (
        51.0, "W", "activity",
    )  # fmt: skip
    without = make(range(100), heart_rate_bpm=np.full(100, 120.0))
    assert "first_watts" not in {m.name for m in compute_metrics(clean(without), without)}


def test_bests_after_prior_work_are_metrics(make):
    # 250 W for 2 h is 1,800 kJ: 1,000 kJ are done after 4,000 s. A hard 5 min comes before, a lesser one after.
    watts = np.full(7201, 250.0)
    watts[1001:1301] = 400.0
    watts[6001:6301] = 350.0
    found = values(make, range(7201), power_watts=watts)
    assert found["durability_300s_after_1000kj_watts"] == pytest.approx(350)
    assert found["durability_1200s_after_1000kj_watts"] == pytest.approx((300 * 350 + 900 * 250) / 1200)
    assert not [name for name in found if "2000kj" in name or name.endswith("h_mps")]


def test_without_power_hours_of_prior_work_count(make):
    t = np.arange(9001)
    meters = np.where(t <= 4500, 3.0 * t, 13_500 + 2.7 * (t - 4500))
    found = values(make, t, "run", distance_meters=meters)
    assert found["durability_1200s_after_1h_mps"] == pytest.approx((900 * 3.0 + 300 * 2.7) / 1200)
    assert found["durability_1200s_after_2h_mps"] == pytest.approx(2.7)
    assert not [name for name in found if "after_3h" in name or name.endswith("kj_watts")]


def test_a_short_activity_tells_nothing_of_durability(make):
    found = values(make, range(1801), power_watts=np.full(1801, 250.0), distance_meters=9.0 * np.arange(1801))
    assert not [name for name in found if name.startswith("durability_")]


def test_grade_adjusted_pace_is_that_of_the_flat_at_the_same_cost(make):
    t = np.arange(1801)
    meters = 2.5 * t
    flat = values(make, t, "run", distance_meters=meters, altitude_meters=np.full(1801, 100.0))
    uphill = values(make, t, "run", distance_meters=meters, altitude_meters=100 + 0.1 * meters)
    assert flat["grade_adjusted_pace_seconds_per_km"] == pytest.approx(400, rel=1e-3)
    # Minetti: at 10 % a metre costs 5.968 J/kg where the flat takes 3.6.
    assert uphill["grade_adjusted_pace_seconds_per_km"] == pytest.approx(400 * 3.6 / 5.968, rel=0.01)


def test_swolf_is_the_mean_of_seconds_and_strokes_of_a_length(make):
    from dataclasses import replace

    session = make([], "swim", lengths=[(0, 30, True), (30, 62, True)], summary={"pool_length_meters": 25.0}, end=62)
    counted = tuple(replace(one, strokes=n) for one, n in zip(session.lengths, (18, 20), strict=True))
    session = replace(session, lengths=counted)
    found = {m.name: m.value for m in compute_metrics(clean(session), session)}
    assert found["swolf"] == pytest.approx(((30 + 18) + (32 + 20)) / 2)
