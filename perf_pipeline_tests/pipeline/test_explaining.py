"""From a number back to the byte, and to nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from perf_pipeline.physiology.metric import Metric
from perf_pipeline.physiology.metrics import REGISTRY
from perf_pipeline.physiology.relative_metrics import REGISTRY as RELATIVE
from perf_pipeline.pipeline.explaining import Explanation, UnknownIdError, explain, latest
from perf_pipeline.pipeline.explaining.answers import _metric
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete
from perf_pipeline_tests.pipeline.test_report import trained

__all__ = ["trained"]


def explained(athlete: Athlete, kind: str, start: object) -> Explanation:
    with athlete.warehouse.begin() as connection:
        return explain(connection, kind, str(start))


def said(explanation: Explanation, what: str) -> str:
    return dict(explanation.lines)[what]


def test_an_effort_leads_to_its_seconds_its_cleaning_and_its_file(trained: Athlete) -> None:
    activities = {row["id"]: row for row in trained.rows("activities")}
    files = {row["id"]: row for row in trained.rows("source_files")}
    effort = max(
        (r for r in trained.rows("activity_efforts") if r["effort_type"] == "power" and r["duration_seconds"] == 180),
        key=lambda row: row["value"],
    )
    answer = explained(trained, "effort", effort["id"])
    file = files[activities[effort["activity_id"]]["source_file_id"]]
    assert said(answer, "sha256") == file["sha256"]
    assert said(answer, "file").startswith(file["archive_path"])
    assert said(answer, "received as") == "2026-05-10.fit"
    # 120 s easy, then three minutes hard; a record tells of the second before it.
    assert said(answer, "seconds of the stream").startswith("119.0 to 299.0")
    assert said(answer, "grade") == effort["grade"]
    version = next(r["code_version"] for r in trained.rows("month_outputs") if r["stage"] == "activity_efforts")
    assert version in said(answer, "code of activity_efforts")


def test_a_spike_outside_the_window_is_no_part_of_its_evidence(athlete: Athlete) -> None:
    ride = making.powers("2026-05-10", (300, 300))
    channels = dict(ride.sessions[0].streams.channels)
    channels["power_watts"] = channels["power_watts"].copy()
    channels["power_watts"][30] = 2400.0
    athlete.drop("spike.fit", making.fit(making.activity("2026-05-10", "bike", channels)))
    athlete.take_in()
    athlete.months()
    (activity,) = athlete.rows("activities")
    assert "power_watts" in said(explained(athlete, "activity", activity["id"]), "cleaning")
    best = next(
        row
        for row in athlete.rows("activity_efforts")
        if (row["effort_type"], row["duration_seconds"]) == ("power", 300)
    )
    assert said(explained(athlete, "effort", best["id"]), "cleaning in the window") == "nothing found"
    whole = max(
        (r for r in athlete.rows("activity_efforts") if r["effort_type"] == "power"),
        key=lambda r: r["duration_seconds"],
    )
    assert "power" in said(explained(athlete, "effort", whole["id"]), "cleaning in the window")


def test_a_threshold_leads_to_the_efforts_that_carry_it(trained: Athlete) -> None:
    row = next(
        r for r in trained.rows("threshold_models") if r["threshold"] is not None and r["model"] == "critical_power"
    )
    answer = explained(trained, "threshold", row["id"])
    assert len(answer.parts) >= 3
    assert f"{row['threshold']:.1f} W" == said(answer, "value")
    assert len(answer.parts) == len(row["details"]["efforts"])
    hashes = {file["sha256"] for file in trained.rows("source_files")}
    assert all(said(part, "sha256") in hashes for part in answer.parts)


def test_a_refusal_is_explained_by_its_reason(trained: Athlete) -> None:
    row = next(r for r in trained.rows("threshold_models") if r["refusal"] is not None)
    assert said(explained(trained, "threshold", row["id"]), "value") == f"refused: {row['refusal']}"


def test_a_record_names_what_it_beats_and_where_it_lies(trained: Athlete) -> None:
    row = next(r for r in trained.rows("notifications") if r["type"] == "personal_record")
    answer = explained(trained, "record", row["id"])
    assert len(answer.parts) == len(row["data"]["records"])
    for part, record in zip(answer.parts, row["data"]["records"], strict=True):
        assert record["previous_activity_id"] in said(part, "beats")
        assert said(part, "sha256")


def test_every_metric_of_an_activity_has_its_definition(trained: Athlete) -> None:
    row = next(r for r in trained.rows("activities") if r["type"] == "bike")
    answer = explained(trained, "activity", row["id"])
    stored = [m for m in trained.rows("activity_metrics") if m["activity_id"] == row["id"]]
    assert len(answer.parts) == len(stored)
    assert all({"value", "definition", "source"} <= dict(part.lines).keys() for part in answer.parts)


def test_every_metric_that_may_be_stored_is_explained() -> None:
    every: list[Metric[Any]] = [*REGISTRY.values(), *RELATIVE.values()]
    for metric in every:
        told = dict(_metric({"metric": metric.name, "value": 1.5, "unit": metric.unit}).lines)
        value = "1.5" if metric.unit == "1" else f"1.5 {metric.unit}"
        assert told == {"value": value, "definition": metric.definition, "source": metric.source}


def test_what_may_be_asked_about_can_be_asked_about(trained: Athlete) -> None:
    for kind in ("activity", "effort", "record", "threshold"):
        with trained.warehouse.begin() as connection:
            listed = latest(connection, kind, trained.profile_id)
        assert listed
        for key, _ in listed:
            assert explained(trained, kind, key).title


def test_an_unknown_or_ambiguous_id_is_said_to_be_so(trained: Athlete) -> None:
    for kind, start in (
        ("activity", "zzzzzz"),
        ("effort", "12"),
        ("record", "00000000-0000"),
        ("threshold", "%%%%"),
        ("effort", "____"),
    ):
        with pytest.raises(UnknownIdError):
            explained(trained, kind, start)
