"""Files that tell little or nonsense, through all stages: an absence with its reason, never a wrong number."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from perf_pipeline.formats.model import ActivityFile, Streams
from perf_pipeline.pipeline.month_tasks import months_behind
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete

T = np.arange(900)
NORTH = {"latitude_degrees": 47.0 + 3e-5 * T, "longitude_degrees": 8.0 + 0.0 * T}
TODAY = date(2026, 6, 1)
Told = dict[str, Any]


@pytest.fixture
def through(athlete: Athlete) -> Callable[[str, bytes], Told]:
    """Takes a file in, runs every stage of months and history beside a good ride, and gives what came of it."""

    def run(name: str, data: bytes) -> Told:
        athlete.drop("good.fit", making.fit(making.ride("2026-05-20T10:00", 40)))
        athlete.drop(name, data)
        athlete.take_in()
        athlete.months()
        athlete.history(TODAY)
        assert months_behind(athlete.warehouse, athlete.profile_id, athlete.store, "ann") == []
        good = {row["id"] for row in athlete.rows("activities") if row["started_at"] == making.at("2026-05-20T10:00")}
        assert len(good) == 1
        (file,) = (row for row in athlete.rows("arrivals") if row["name"] == name)
        (source,) = (row for row in athlete.rows("source_files") if row["id"] == file["source_file_id"])
        activities = [row for row in athlete.rows("activities") if row["id"] not in good]
        return {
            "source": source,
            "activities": activities,
            "efforts": [e for e in athlete.rows("activity_efforts") if e["activity_id"] not in good],
            "metrics": {
                m["metric"]: m["value"] for m in athlete.rows("activity_metrics") if m["activity_id"] not in good
            },
            "loads": [x for x in athlete.rows("activity_loads") if x["activity_id"] not in good],
        }

    return run


def with_streams(file: ActivityFile, time_ms: np.ndarray, channels: dict[str, np.ndarray]) -> ActivityFile:
    (session,) = file.sessions
    session = replace(session, streams=Streams(time_ms, channels), end_ms=int(time_ms[-1]))
    return replace(file, sessions=(session,))


def test_one_record_is_an_activity_without_efforts(through) -> None:
    file = making.activity(
        "2026-05-04T10:00", "bike", {"power_watts": np.array([250.0]), "heart_rate_bpm": np.array([120.0])}
    )
    told = through("one.fit", making.fit(file))
    (row,) = told["activities"]
    assert (row["duration_seconds"], row["distance_meters"], told["efforts"]) == (0, None, [])
    assert set(told["metrics"]) <= {"max_power_watts", "max_heart_rate_bpm", "mean_power_watts"}


def test_points_without_time_are_no_activity_and_the_file_says_why(through) -> None:
    data = re.sub(rb"<time>[^<]*</time>", b"", making.gpx(making.activity("2026-05-04T10:00", "run", NORTH)))
    told = through("route.gpx", data)
    assert told["source"]["status"] in {"not_an_activity", "quarantined"}
    assert told["source"]["reason"]
    assert (told["activities"], told["efforts"], told["metrics"]) == ([], [], {})


def test_points_of_which_some_have_no_time_count_by_those_that_have(through) -> None:
    parts = making.gpx(making.activity("2026-05-04T10:00", "run", NORTH)).split(b"<time>")
    data = b"<time>".join(parts[:600]) + b"".join(part.partition(b"</time>")[2] for part in parts[600:])
    told = through("some.gpx", data)
    (row,) = told["activities"]
    assert 590 <= row["duration_seconds"] <= 600


def test_power_that_is_always_zero_gives_no_number_of_power(through) -> None:
    told = through("zero.fit", making.fit(making.ride("2026-05-04T10:00", 15, watts=0)))
    assert not [e for e in told["efforts"] if e["effort_type"] == "power"]
    assert not [
        name for name in told["metrics"] if "watts" in name or "kilojoules" in name or name == "variability_index"
    ]
    assert [load["method"] for load in told["loads"]] != ["power"]


def test_power_whose_records_all_bear_one_time_gives_no_effort(through) -> None:
    file = making.activity("2026-05-04T10:00", "bike", {"power_watts": np.full(900, 300.0)})
    still = np.full(900, file.sessions[0].start_ms)
    told = through("still.tcx", making.tcx(with_streams(file, still, {"power_watts": np.full(900, 300.0)})))
    (row,) = told["activities"]
    assert told["efforts"] == []
    assert row["duration_seconds"] <= 1
    assert not {"normalized_power_watts", "work_kilojoules"} & set(told["metrics"])


def test_27_days_between_two_records_are_no_part_of_any_number(through) -> None:
    file = making.ride("2026-05-04T10:00", 15)
    (session,) = file.sessions
    time_ms = session.streams.time_ms + np.where(T >= 850, 27 * 86_400_000, 0)
    told = through("weeks.fit", making.fit(with_streams(file, time_ms, dict(session.streams.channels))))
    (row,) = told["activities"]
    assert row["duration_seconds"] <= 900
    assert max(e["duration_seconds"] for e in told["efforts"]) <= 900
    assert told["metrics"]["mean_power_watts"] == pytest.approx(200)


def test_distance_below_zero_is_rejected_with_its_anomaly(through) -> None:
    file = making.activity("2026-05-04T10:00", "run", {"distance_meters": 3.0 * T, "heart_rate_bpm": 140 + 0.0 * T})
    data = re.sub(rb"<DistanceMeters>(?=[0-9])", b"<DistanceMeters>-", making.tcx(file))
    told = through("negative.tcx", data)
    (row,) = told["activities"]
    assert row["distance_meters"] in (None, 0)
    assert told["efforts"] == []
    assert not {"mean_speed_mps", "max_speed_mps"} & set(told["metrics"])
    assert told["metrics"]["mean_heart_rate_bpm"] == pytest.approx(140)


def test_a_channel_of_nothing_is_absent(through) -> None:
    channels = {"power_watts": np.full(900, np.nan), "distance_meters": 9.0 * T, "heart_rate_bpm": np.full(900, np.nan)}
    told = through("nothing.fit", making.fit(making.activity("2026-05-04T10:00", "bike", channels)))
    assert {e["effort_type"] for e in told["efforts"]} == {"speed"}
    assert not [name for name in told["metrics"] if "watts" in name or "heart" in name]
    assert told["metrics"]["mean_speed_mps"] == pytest.approx(9, rel=0.01)


def test_values_that_no_athlete_has_are_rejected_and_told(through) -> None:
    channels = {
        "power_watts": np.where(T % 100 < 50, 20_000.0, 200.0), "heart_rate_bpm": np.where(T % 60 < 5, 251.0, 130.0),
        "distance_meters": 9.0 * T, "altitude_meters": np.where(T < 300, 9500.0, 400.0),
    }  # fmt: skip
    told = through("wild.fit", making.fit(making.activity("2026-05-04T10:00", "bike", channels)))
    (row,) = told["activities"]
    assert {(a["kind"], a["channel"]) for a in row["anomalies"]} >= {
        ("out_of_bounds", "power_watts"), ("out_of_bounds", "heart_rate_bpm"), ("out_of_bounds", "altitude_meters"),
    }  # fmt: skip
    assert told["metrics"]["max_power_watts"] == 200
    assert told["metrics"]["max_heart_rate_bpm"] == 130
    assert told["metrics"]["elevation_gain_meters"] == 0
    assert max(float(e["value"]) for e in told["efforts"] if e["effort_type"] == "power") == pytest.approx(200)


def test_a_sidecar_without_a_known_sport_leaves_the_activity_whole(through, athlete: Athlete) -> None:
    athlete.drop("ride.fit.yaml", b"type: quidditch\n")
    told = through("ride.fit", making.fit(making.ride("2026-05-04T10:00", 15)))
    (row,) = told["activities"]
    assert (row["type"], row["sport_source"]) == ("other", "sidecar")
    assert told["metrics"]["mean_power_watts"] == pytest.approx(200)
