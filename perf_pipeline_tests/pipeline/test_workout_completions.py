"""Closing the loop: an activity is found to be its workout, is adapted no more, and counts for those to come."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from perf_pipeline.pipeline.history.planned_workouts import update_planned_workouts
from perf_pipeline.pipeline.history.workout_adaptations import update_adaptations
from perf_pipeline.pipeline.history.workout_completions import update_completions
from perf_pipeline.pipeline.workout_words import plan_of
from perf_pipeline_tests import making
from perf_pipeline_tests.formats.test_workouts import ZWO
from perf_pipeline_tests.pipeline.conftest import Athlete
from perf_pipeline_tests.pipeline.test_workout_adaptations import TODAY, threshold

CP = 270.0
PLAN = ZWO.replace(b'  <FreeRide Duration="120" FlatRoad="1"/>\n  <MaxEffort Duration="15"/>\n', b"")


def ridden(day: date, finished: int = 5, share: float = 1.0, hour: str = "08:00", before: int = 300) -> bytes:
    """The ride of that plan with so many of its intervals done, at a share of their target."""
    dice = np.random.default_rng(day.toordinal())
    parts = [np.full(before, 140.0), np.linspace(0.40, 0.75, 600) * CP]
    for number in range(5):
        parts.append(np.full(240, 1.06 * CP * share if number < finished else 0.55 * CP))
        parts.append(np.full(180, 0.5 * CP))
    parts += [np.full(300, 0.88 * CP), np.linspace(0.70, 0.45, 300) * CP]
    power = np.maximum(0, np.concatenate(parts) + dice.normal(0, 12, sum(map(len, parts))))
    channels = {"power_watts": np.round(power), "distance_meters": np.round(8.0 * np.arange(len(power)), 1)}
    return making.fit(making.activity(f"{day}T{hour}", "bike", channels))


def loop(athlete: Athlete, today: date = TODAY) -> dict[str, Any]:
    athlete.take_in()
    athlete.months()
    with athlete.lease() as lease:
        told = (athlete.store, athlete.warehouse, lease, athlete.handle, today)
        update_planned_workouts(athlete.store, athlete.warehouse, lease)
        return {"completions": update_completions(*told), "adaptations": update_adaptations(*told)}


def plan(athlete: Athlete, today: date = TODAY) -> list[dict[str, Any]]:
    with athlete.warehouse.begin() as connection:
        return plan_of(connection, athlete.profile_id, today)


def test_a_ride_is_found_to_be_its_workout_and_every_interval_is_measured(athlete: Athlete) -> None:
    threshold(athlete, CP)
    athlete.drop(f"workouts/{TODAY} five.zwo", PLAN)
    loop(athlete)
    assert athlete.keys("outbox")
    athlete.drop("ride.fit", ridden(TODAY))
    loop(athlete)
    (done,) = athlete.rows("workout_completions")
    assert (done["intervals"], done["finished"]) == (6, 6)
    assert done["score"] > 0.9
    first = done["compliance"][0]
    assert (first["low"], first["seconds"]) == (286, 240)
    assert first["start"] == pytest.approx(900, abs=20)
    assert first["mean"] == pytest.approx(286, abs=4)
    # Done is done: nothing is adapted or handed out any more, and what was said stays.
    assert athlete.keys("outbox") == []
    assert len(athlete.rows("workout_adaptations")) == 1
    assert [row["state"] for row in plan(athlete)] == ["done"]


def test_nothing_is_read_again_until_something_changes(athlete: Athlete) -> None:
    threshold(athlete, CP)
    athlete.drop(f"workouts/{TODAY} five.zwo", PLAN)
    athlete.drop("ride.fit", ridden(TODAY))
    assert loop(athlete)["completions"] == {"pairs": 1, "streams_read": 1, "completed": 1}
    assert loop(athlete)["completions"] == {"pairs": 1, "streams_read": 0, "completed": 1}
    # A second ride of that day, which is more like the plan, takes its place.
    athlete.drop("better.fit", ridden(TODAY, hour="17:00", before=0))
    told = loop(athlete)["completions"]
    assert (told["pairs"], told["completed"]) == (2, 1)
    before = athlete.rows("workout_completions")
    assert loop(athlete)["completions"]["streams_read"] == 0
    assert athlete.rows("workout_completions") == before


def test_a_rebuild_gives_the_same_completions(athlete: Athlete) -> None:
    threshold(athlete, CP)
    for days in (0, 1, 3):
        day = TODAY - timedelta(days=days)
        athlete.drop(f"workouts/{day} five.zwo", PLAN)
        athlete.drop(f"{day}.fit", ridden(day, finished=5 - days))
    threshold(athlete, CP, as_of=TODAY - timedelta(days=10))
    loop(athlete)
    first = athlete.rows("workout_completions")
    assert [row["finished"] for row in sorted(first, key=lambda row: -row["finished"])] == [6, 5, 3]
    with athlete.warehouse.begin() as connection:
        connection.exec_driver_sql("delete from workout_completions")
        connection.exec_driver_sql("delete from activity_outputs")
    loop(athlete)
    assert athlete.rows("workout_completions") == first


def test_unfinished_intervals_make_the_next_session_a_little_easier(athlete: Athlete) -> None:
    hard = PLAN.replace(b'OnPower="1.06"', b'OnPower="1.2"').replace(b"240", b"300")
    threshold(athlete, CP, as_of=TODAY - timedelta(days=20))
    athlete.drop(f"workouts/{TODAY + timedelta(days=1)} hard.zwo", hard)
    loop(athlete)
    for days in (3, 6, 9):
        day = TODAY - timedelta(days=days)
        athlete.drop(f"workouts/{day} five.zwo", PLAN)
        athlete.drop(f"{day}.fit", ridden(day, finished=2))
    loop(athlete)
    rows = sorted(athlete.rows("workout_adaptations"), key=lambda row: row["version"])
    before, after = rows
    assert after["readiness"]["followed"] == {"sessions": 3, "intervals": 18, "finished": 9}
    assert "Of 18 planned intervals of the last 28 days 9 were finished" in after["explanation"]
    assert _hardest(after) < _hardest(before)


def _hardest(row: dict[str, Any]) -> float:
    return max(one["target"]["end"] for item in row["steps"] for one in item.get("steps", [item]) if "target" in one)


@pytest.mark.parametrize(
    ("name", "day"), [("another day", TODAY + timedelta(days=3)), ("another sport", None), ("another shape", None)]
)
def test_what_is_not_that_workout_is_not_taken_for_it(athlete: Athlete, name: str, day: date | None) -> None:
    threshold(athlete, CP)
    athlete.drop(f"workouts/{TODAY} five.zwo", PLAN)
    if day is not None:
        athlete.drop("a.fit", ridden(day))
    elif name == "another sport":
        athlete.drop("a.fit", making.fit(making.run(f"{TODAY}T08:00", 55)))
    else:
        athlete.drop("a.fit", making.fit(making.ride(f"{TODAY}T08:00", 55, 200)))
    loop(athlete, TODAY + timedelta(days=4))
    assert athlete.rows("workout_completions") == []
    assert [row["state"] for row in plan(athlete, TODAY + timedelta(days=4))] == ["missed"]


def test_an_undated_workout_is_matched_by_its_shape(athlete: Athlete) -> None:
    threshold(athlete, CP, as_of=date(2026, 5, 1))
    athlete.drop("workouts/five.zwo", PLAN)
    athlete.drop("a.fit", ridden(date(2026, 5, 30)))
    loop(athlete)
    (done,) = athlete.rows("workout_completions")
    assert done["finished"] == 6
