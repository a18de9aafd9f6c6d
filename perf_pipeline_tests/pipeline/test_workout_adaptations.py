"""Adapted workouts: said once, said again only where it differs, exported as files that other readers open."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pytest

from perf_pipeline.formats.workouts import written_out
from perf_pipeline.formats.workouts_reading import read_workout
from perf_pipeline.pipeline.history.planned_workouts import update_planned_workouts
from perf_pipeline.pipeline.history.workout_adaptations import update_adaptations
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.tables import METADATA
from perf_pipeline_tests.formats.test_workouts import BOMB, ERG, YAML, ZWO
from perf_pipeline_tests.pipeline.conftest import Athlete

TODAY = date(2026, 6, 1)
EFFORTS = {"efforts": [{"duration_seconds": s, "weight": 1.0} for s in (180, 360, 720, 1200)]}


def insert(athlete: Athlete, table: str, **values: Any) -> None:
    with athlete.warehouse.begin() as connection:
        connection.execute(METADATA.tables[table].insert().values(**values))


def threshold(
    athlete: Athlete, cp: float | None, *, as_of: date = TODAY, version: int = 0, sport: str = "bike", **changes: Any
) -> None:
    model, unit = ("critical_power", "W") if sport == "bike" else ("critical_speed", "m/s")
    values: dict[str, Any] = {} if cp is None else {
        "threshold": cp, "threshold_low": cp * 0.97, "threshold_high": cp * 1.03, "capacity": cp * 74,
        "capacity_low": cp * 60, "capacity_high": cp * 88,
    }  # fmt: skip
    insert(
        athlete, "threshold_models", id=content_id("t", sport, as_of, version), profile_id=athlete.profile_id,
        sport=sport, model=model, as_of=as_of, version=version, unit=unit, details=EFFORTS, input_hash="x",
        **{**values, **changes},
    )  # fmt: skip


def form(athlete: Athlete, tsb: float, day: date = TODAY) -> None:
    insert(
        athlete, "daily_fitness", profile_id=athlete.profile_id, date=day, load=0, ctl=50, atl=50, tsb=tsb, ramp=1,
        projected=False,
    )  # fmt: skip


def adapt(athlete: Athlete, today: date = TODAY) -> dict[str, int]:
    athlete.take_in()
    with athlete.lease() as lease:
        update_planned_workouts(athlete.store, athlete.warehouse, lease)
        return update_adaptations(athlete.store, athlete.warehouse, lease, athlete.handle, today)


def said(athlete: Athlete) -> dict[str, dict[str, Any]]:
    names = {row["id"]: row["name"] for row in athlete.rows("planned_workouts")}
    rows = sorted(athlete.rows("workout_adaptations"), key=lambda row: (row["as_of"], row["version"]))
    return {names[row["planned_workout_id"]]: row for row in rows}


def test_a_workout_gets_its_watts_and_files_that_other_readers_open(athlete: Athlete) -> None:
    threshold(athlete, 270)
    form(athlete, -5)
    athlete.drop("workouts/2026-06-02 five.zwo", ZWO)
    counts = adapt(athlete)
    row = said(athlete)["Five by four"]
    assert (row["status"], row["refusal"]) == ("unchanged", None)
    assert row["finish_probability"] >= 0.8
    assert counts["exported"] == len(row["exports"]) == 2  # ERG has no free ride
    keys = athlete.keys("outbox/ann/workouts")
    assert keys == [f"outbox/ann/workouts/{name}" for name in sorted(row["exports"])]
    fit, zwo = (athlete.store.get(key) for key in keys)
    work = list(written_out(read_workout(fit).items))[1]
    assert work.target is not None
    assert (work.target.begin, work.seconds) == (round(1.06 * 270), 240)
    again = list(written_out(read_workout(zwo).items))
    assert again[1].target is not None
    assert again[1].target.begin == pytest.approx(286 / 270, abs=1e-5)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")
def test_fitparse_opens_what_is_exported_and_erg_holds_watts(athlete: Athlete) -> None:
    import fitparse

    threshold(athlete, 260, as_of=date(2026, 5, 1))
    threshold(athlete, 275)
    athlete.drop("workouts/blocks.erg", ERG)
    adapt(athlete)
    row = said(athlete)["Ramp and blocks"]
    assert row["status"] == "adapted"
    assert row["changes"][0]["kind"] == "threshold"
    by_ending = {name.rpartition(".")[2]: athlete.store.get(f"outbox/ann/workouts/{name}") for name in row["exports"]}
    assert set(by_ending) == {"fit", "zwo", "erg"}
    with fitparse.FitFile(io.BytesIO(by_ending["fit"]), check_crc=True) as fit:
        steps = [m.get_values() for m in fit.get_messages("workout_step")]
    watts = round(260 * 275 / 250)
    assert max(s["custom_target_power_high"] for s in steps if s.get("custom_target_power_high")) == 1000 + watts
    assert f"\t{watts}\r\n".encode() in by_ending["erg"]


def test_nothing_is_said_twice_and_a_new_threshold_is_news(athlete: Athlete) -> None:
    threshold(athlete, 270)
    form(athlete, -5)
    form(athlete, -6, TODAY + timedelta(days=1))
    athlete.drop("workouts/five.zwo", ZWO)
    assert adapt(athlete)["written"] == 1
    first = adapt(athlete)
    assert (first["computed"], first["written"]) == (0, 0)
    # Another day, another form, the same answer: looked at again, and not written.
    second = adapt(athlete, TODAY + timedelta(days=1))
    assert (second["computed"], second["written"]) == (1, 0)
    threshold(athlete, 281, version=1)
    assert adapt(athlete)["written"] == 1
    rows = sorted(athlete.rows("workout_adaptations"), key=lambda row: row["version"])
    assert [(row["as_of"], row["version"]) for row in rows] == [(TODAY, 0), (TODAY, 1)]
    planned = athlete.rows("planned_workouts")
    assert planned[0]["steps"][1]["steps"][0]["target"] == {
        "quantity": "power",
        "begin": 1.06,
        "end": 1.06,
        "relative": True,
    }


def test_a_tired_athlete_is_asked_for_less_today_and_not_for_next_week(athlete: Athlete) -> None:
    threshold(athlete, 270)
    form(athlete, -35)
    insert(
        athlete, "daily_wellness", profile_id=athlete.profile_id, metric_type="hrv_ms", date=TODAY, source="x",
        value=50, age_days=0, mean_7d=3.9, mean_60d=4.1, sd_60d=0.1, valid_7d=7, valid_60d=50,
    )  # fmt: skip
    athlete.drop("workouts/2026-06-01 now.zwo", ZWO.replace(b"Five by four", b"now"))
    athlete.drop("workouts/2026-06-09 later.zwo", ZWO.replace(b"Five by four", b"later"))
    adapt(athlete)
    now, later = said(athlete)["now"], said(athlete)["later"]
    assert now["status"] == "adapted"
    assert now["readiness"]["load_scale"] == 0.8
    assert {cut["signal"] for cut in now["readiness"]["cuts"]} == {"hrv", "tsb"}
    assert now["steps"][1]["steps"][0]["target"]["begin"] == 256
    assert later["status"] == "unchanged"
    assert "too early" in later["explanation"]


def test_refusals_are_answers_too(athlete: Athlete) -> None:
    threshold(athlete, 270)
    threshold(athlete, None, sport="run", refusal="no distance longer than 8 min since 2026-03-03")
    athlete.drop("workouts/bomb.zwo", BOMB + ZWO[3:])
    athlete.drop("workouts/track.yaml", YAML)
    athlete.drop("workouts/swim.yaml", b"name: swim\nsport: swim\nsteps: [{duration: 400 m, target: 1:40/100m}]")
    athlete.drop("workouts/free.yaml", b"name: free\nsport: bike\nsteps: [{duration: 1 h}]")
    athlete.drop("workouts/mad.yaml", b"name: mad\nsport: bike\nsteps: [{duration: 1 h, target: 900 W}]")
    counts = adapt(athlete)
    assert counts["refused"] == counts["workouts"] == 5
    refusals = {name: row["refusal"] for name, row in said(athlete).items()}
    assert "DOCTYPE" in refusals["bomb"]
    assert refusals["Track"] == "no critical speed for run today: no distance longer than 8 min since 2026-03-03"
    assert "no model" in refusals["swim"]
    assert refusals["free"] == "no step has a target of power or speed"
    assert "more than any human" in refusals["mad"]
    assert athlete.keys("outbox") == []


def test_what_is_past_leaves_the_outbox_and_what_was_said_stays(athlete: Athlete) -> None:
    threshold(athlete, 270)
    athlete.drop("workouts/2026-06-01 five.zwo", ZWO)
    adapt(athlete)
    assert athlete.keys("outbox")
    counts = adapt(athlete, TODAY + timedelta(days=1))
    assert (counts["workouts"], counts["swept"]) == (0, 2)
    assert athlete.keys("outbox") == []
    assert len(athlete.rows("workout_adaptations")) == 1


def test_a_lost_export_is_written_again(athlete: Athlete) -> None:
    threshold(athlete, 270)
    athlete.drop("workouts/five.zwo", ZWO)
    adapt(athlete)
    before = athlete.contents("outbox")
    athlete.store.delete(next(iter(before)))
    adapt(athlete)
    assert athlete.contents("outbox") == before


def test_a_killed_adaptation_leaves_nothing_that_the_next_one_does_not_mend(athlete: Athlete) -> None:
    threshold(athlete, 270)
    athlete.drop("workouts/five.zwo", ZWO)
    athlete.drop("workouts/blocks.erg", ERG)
    adapt(athlete)
    whole = {name: (row["status"], row["steps"]) for name, row in said(athlete).items()}, athlete.contents("outbox")
    with athlete.killed_at(0) as clock:
        adapt(athlete)
    for call in range(1, len(clock.calls) + 1, 3):
        with athlete.warehouse.begin() as connection:
            connection.execute(METADATA.tables["workout_adaptations"].delete())
        athlete.store.delete_many(athlete.keys("outbox"))
        with athlete.killed_at(call):
            adapt(athlete)
        adapt(athlete)
        assert ({n: (r["status"], r["steps"]) for n, r in said(athlete).items()}, athlete.contents("outbox")) == whole
