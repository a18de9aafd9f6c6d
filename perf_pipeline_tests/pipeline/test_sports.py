"""Who names the sport of an activity, and what hangs on it."""

from __future__ import annotations

import numpy as np
import pytest

from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete

T = np.arange(1800)


def unnamed(speed: float, *, jump: bool = False) -> bytes:
    """A GPX track that tells no sport, northwards at this speed; with a jump of 60 m in a second where asked for."""
    wave = speed * (1 + 0.05 * np.sin(T / 37))
    meters = np.cumsum(wave) + (60.0 * (T >= 900) if jump else 0.0)
    north = 47.0 + np.degrees(meters / 6_371_000)
    file = making.activity("2026-05-04T10:00", "other", {"latitude_degrees": north, "longitude_degrees": 8.0 + 0 * T})
    return making.gpx(file).replace(b"<type>other</type>", b"")


@pytest.fixture
def computed(athlete: Athlete):
    def compute(name: str, data: bytes, sidecar: bytes | None = None) -> dict[str, object]:
        athlete.drop(name, data)
        if sidecar:
            athlete.drop(f"{name}.yaml", sidecar)
        athlete.take_in()
        athlete.months()
        (row,) = athlete.rows("activities")
        return row

    return compute


def test_the_files_own_word_is_taken_as_it_is(computed) -> None:
    row = computed("ride.fit", making.fit(making.ride("2026-05-04T10:00")))
    assert (row["type"], row["sport_source"], row["sport_confidence"], row["sport_evidence"]) == (
        "bike", "file", None, None,
    )  # fmt: skip


def test_a_sidecars_word_goes_before_the_files(computed) -> None:
    row = computed("ride.fit", making.fit(making.ride("2026-05-04T10:00")), b"type: run")
    assert (row["type"], row["sport_source"]) == ("run", "sidecar")


def test_an_inferred_sport_says_how_sure_it_is_and_decides_the_efforts(computed, athlete: Athlete) -> None:
    row = computed("track.gpx", unnamed(3.0))
    assert (row["type"], row["sport_source"]) == ("run", "inferred")
    assert 0.9 <= row["sport_confidence"] <= 0.99
    assert row["sport_evidence"]["told_by"][0] == "moving at 10.8 km/h"
    assert row["name"] == "Midday Run"
    distances = [e for e in athlete.rows("activity_efforts") if e["unit"] == "s/km"]
    assert sorted(float(e["distance_meters"]) for e in distances) == [
        400,
        800,
        1000,
        1500,
        1609.344,
        3000,
        3218.688,
        5000,
    ]
    assert "mean_speed_mps" in {m["metric"] for m in athlete.rows("activity_metrics")}


@pytest.mark.parametrize(("sidecar", "found"), [(None, True), (b"type: other", False)])
def test_an_inferred_sports_own_bounds_clean_the_streams(computed, sidecar: bytes | None, *, found: bool) -> None:
    row = computed("track.gpx", unnamed(3.0, jump=True), sidecar)
    # 63 m in a second are no run, and are believed of a sport that nobody knows (up to 100 m/s).
    assert row["type"] == ("other" if sidecar else "run")
    assert ("gps_jump" in {a["kind"] for a in row["anomalies"]}) == found


def test_a_refusal_leaves_the_sport_other_with_its_reason(computed, athlete: Athlete) -> None:
    row = computed("track.gpx", unnamed(1.75))
    assert (row["type"], row["sport_source"], row["sport_confidence"]) == ("other", "unknown", None)
    assert row["sport_evidence"]["refusal"].startswith("it may be ")
    assert {e["effort_type"] for e in athlete.rows("activity_efforts")} == {"speed"}


def test_a_sport_that_we_have_no_word_for_is_other_by_the_file_and_not_guessed(computed) -> None:
    row = computed("track.gpx", unnamed(3.0).replace(b"<trkseg>", b"<type>Quidditch</type><trkseg>", 1))
    assert (row["type"], row["sport_source"], row["sport_evidence"]) == ("other", "file", None)
