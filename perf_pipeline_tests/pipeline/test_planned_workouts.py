"""Planned workouts: from a dropped file to a row, and what cannot be read keeps its reason."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from perf_pipeline.pipeline.history.planned_workouts import update_planned_workouts
from perf_pipeline_tests.formats.test_workouts import BOMB, ERG, LONG, YAML, ZWO
from perf_pipeline_tests.pipeline.conftest import LONG_AGO, Athlete


def plan(athlete: Athlete) -> dict[str, Any]:
    athlete.take_in()
    with athlete.lease() as lease:
        return update_planned_workouts(athlete.store, athlete.warehouse, lease)


def by_name(athlete: Athlete) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in athlete.rows("planned_workouts")}


def test_workouts_of_every_format_become_rows_with_their_day(athlete: Athlete) -> None:
    athlete.drop("workouts/2026-06-01 four.zwo", ZWO)
    athlete.drop("anywhere/course.erg", ERG)
    athlete.drop("workouts/track.yaml", YAML)
    plan(athlete)
    rows = by_name(athlete)
    assert {name: (row["format"], row["sport"], row["planned_date"]) for name, row in rows.items()} == {
        "Five by four": ("zwo", "bike", date(2026, 6, 1)),
        "Ramp and blocks": ("erg", "bike", None),
        "Track": ("yaml", "run", date(2026, 11, 28)),
    }
    assert rows["Ramp and blocks"]["base_threshold"] == 250
    assert rows["Five by four"]["steps"][1]["repeat"] == 5
    kinds = {row["kind"] for row in athlete.rows("source_files")}
    assert kinds == {"workout"}
    assert all(row["status"] == "archived" for row in athlete.rows("source_files"))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("workouts/bomb.zwo", BOMB + ZWO[3:], "DOCTYPE"),
        ("workouts/long.zwo", b"<workout_file><workout>" + LONG + b"</workout></workout_file>", "10000 steps"),
        ("workouts/cut.zwo", ZWO[:400], "not well-formed"),
        ("workouts/odd.yaml", YAML.replace(b"800 m", b"far"), "duration"),
        ("workouts/noise.zwo", bytes(range(1, 255)), "not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_kept_with_its_reason(athlete: Athlete, name: str, data: bytes, words: str) -> None:
    athlete.drop(name, data)
    athlete.drop("workouts/good.zwo", ZWO)
    plan(athlete)
    rows = by_name(athlete)
    assert rows["Five by four"]["refusal"] is None
    (bad,) = [row for row in rows.values() if row["name"] != "Five by four"]
    assert words in bad["refusal"]
    assert bad["steps"] == []
    (file,) = [row for row in athlete.rows("source_files") if row["status"] == "quarantined"]
    assert athlete.store.get(file["archive_path"]) == data


def test_nothing_is_read_again_and_a_newer_file_of_the_name_replaces_the_older(athlete: Athlete) -> None:
    athlete.drop("workouts/a.zwo", ZWO)
    assert plan(athlete)["read"] == 1
    assert plan(athlete)["read"] == 0
    athlete.drop("workouts/a.zwo", ZWO.replace(b'"5"', b'"4"'), LONG_AGO + 86_400)
    assert plan(athlete)["read"] == 2
    rows = sorted(athlete.rows("planned_workouts"), key=lambda row: row["received_on"])
    assert [row["steps"][1]["repeat"] for row in rows] == [5, 4]
    assert "replaced" in rows[0]["refusal"]
    assert rows[1]["refusal"] is None
    assert plan(athlete)["read"] == 0


def test_one_file_under_two_days_is_two_workouts(athlete: Athlete) -> None:
    athlete.drop("workouts/2026-06-01 a.zwo", ZWO)
    athlete.drop("workouts/2026-06-08 a.zwo", ZWO)
    plan(athlete)
    assert {row["planned_date"] for row in athlete.rows("planned_workouts")} == {date(2026, 6, 1), date(2026, 6, 8)}
