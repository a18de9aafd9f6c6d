"""The athlete-grain stages: thresholds, loads, fitness and notifications over the whole series."""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from perf_pipeline.pipeline.history.fitness import update_fitness
from perf_pipeline.pipeline.history.loads import update_loads
from perf_pipeline.pipeline.history.notifications import update_notifications
from perf_pipeline.pipeline.history.thresholds import as_of_days, update_thresholds
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.pipeline.stages import fitness
from perf_pipeline.storage.ids import content_id, source_file_id_of
from perf_pipeline.storage.tables import METADATA
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete

MONDAY = date(2026, 5, 4)
CP, W_PRIME = 250.0, 20_000.0
DURATIONS = (120, 180, 240, 300, 360, 480, 600, 720, 900, 1200)


@dataclass
class Diary:
    """Writes activities, efforts and metrics as the months would have."""

    athlete: Athlete
    numbers: Any

    def note(
        self,
        day: str | date,
        *,
        sport: str = "bike",
        power: dict[int, float] | None = None,
        metrics: dict[str, float] | None = None,
        seconds: int = 3600,
        **changes: Any,
    ) -> UUID:
        started = making.at(day) if isinstance(day, str) else datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        number = next(self.numbers)
        profile = self.athlete.profile_id
        sha256 = hashlib.sha256(str(number).encode()).hexdigest()
        source, activity = source_file_id_of(profile, sha256), content_id("activity", profile, sha256, 0)
        self.insert(
            "source_files", id=source, profile_id=profile, sha256=sha256, bytes=1, format="fit", kind="activity",
            status="archived", archive_path=f"archive/{number}", month=f"{started.year:04d}-{started.month:02d}",
        )  # fmt: skip
        self.insert(
            "activities", id=activity, profile_id=profile, source_file_id=source, name=f"Ride {number}", type=sport,
            started_at=started, duration_seconds=seconds, moving_seconds=seconds, fit_file_path="x", session_index=0,
            archive_month=f"{started.year:04d}-{started.month:02d}", reader="x", **changes,
        )  # fmt: skip
        for duration, value in (power or {}).items():
            self.insert(
                "activity_efforts", id=content_id(activity, duration), activity_id=activity, profile_id=profile,
                duration_seconds=duration, effort_type="power", value=value, unit="W", start_offset=10 * duration,
                recorded_at=started + timedelta(seconds=10 * duration), grade="confirmed",
            )  # fmt: skip
        for metric, value in (metrics or {}).items():
            self.insert(
                "activity_metrics", activity_id=activity, profile_id=profile, metric=metric, value=value, unit="x"
            )
        return activity

    def insert(self, table: str, **values: Any) -> None:
        with self.athlete.warehouse.begin() as connection:
            connection.execute(METADATA.tables[table].insert().values(**values))

    def change(self, table: str, **values: Any) -> None:
        with self.athlete.warehouse.begin() as connection:
            connection.execute(METADATA.tables[table].update().values(**values))


def curve(cp: float = CP, w_prime: float = W_PRIME) -> dict[int, float]:
    """Best efforts of an athlete who is exactly the two-parameter model: P = CP + W'/t."""
    return {t: cp + w_prime / t for t in DURATIONS}


def records(diary: Diary) -> list[dict[str, Any]]:
    return [row for row in diary.athlete.rows("notifications") if row["type"] == "personal_record"]


@pytest.fixture
def diary(athlete: Athlete) -> Diary:
    return Diary(athlete, count(1))


def thresholds(athlete: Athlete) -> dict[tuple[date, int], float | None]:
    return {
        (row["as_of"], row["version"]): row["threshold"]
        for row in athlete.rows("threshold_models")
        if (row["sport"], row["model"]) == ("bike", "critical_power")
    }


def test_the_threshold_is_answered_as_of_each_sunday_and_today(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    diary.athlete.history(MONDAY + timedelta(days=9))
    found = thresholds(diary.athlete)
    assert set(found) == {(date(2026, 5, 10), 0)}  # Wednesday the 13th repeats it
    assert found[date(2026, 5, 10), 0] == pytest.approx(CP, rel=1e-4)
    (row,) = (row for row in diary.athlete.rows("threshold_models") if row["model"] == "critical_power")
    assert row["capacity"] == pytest.approx(W_PRIME, rel=1e-3)
    assert row["unit"] == "W"


def test_an_effort_of_today_counts_today(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    diary.athlete.history(MONDAY)
    assert set(thresholds(diary.athlete)) == {(MONDAY, 0)}


def test_nothing_is_written_on_a_second_run_nor_on_a_day_without_news(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    diary.athlete.history(MONDAY + timedelta(days=7))
    before = diary.athlete.rows("threshold_models")
    again = diary.athlete.history(MONDAY + timedelta(days=7))
    assert (
        again["thresholds"]["written"] == again["thresholds"]["fitted"] - 1 == 0 or again["thresholds"]["written"] == 0
    )
    assert (again["loads"]["inserted"], again["loads"]["updated"], again["loads"]["withdrawn"]) == (0, 0, 0)
    assert (again["fitness"]["inserted"], again["fitness"]["updated"]) == (0, 0)
    assert diary.athlete.history(MONDAY + timedelta(days=8))["thresholds"]["written"] == 0
    assert diary.athlete.rows("threshold_models") == before


def test_an_effort_that_changes_appends_a_version_and_keeps_what_was_said(diary: Diary) -> None:
    today = date(2026, 5, 10)
    diary.note(MONDAY, power=curve())
    diary.athlete.history(today)
    said = diary.athlete.rows("threshold_models")
    diary.note(MONDAY + timedelta(days=1), power=curve(cp=280))
    diary.athlete.history(today)
    found = thresholds(diary.athlete)
    assert {key: value and round(value) for key, value in found.items()} == {(today, 0): 250, (today, 1): 280}
    assert said[0] in diary.athlete.rows("threshold_models")


def test_an_effort_leaves_the_window_after_ninety_days(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    last = MONDAY + timedelta(days=89)
    diary.athlete.history(last + timedelta(days=1))
    found = {as_of: value for (as_of, _), value in thresholds(diary.athlete).items()}
    assert found[last - timedelta(days=last.weekday() + 1)] == pytest.approx(CP, rel=1e-4)
    assert found[last + timedelta(days=1)] is None
    rows = diary.athlete.rows("threshold_models")
    (row,) = (row for row in rows if row["threshold"] is None and row["model"] == "critical_power")
    assert row["refusal"] == "no effort of the right length in the last 90 days"


def test_an_earlier_today_does_not_answer_again_for_days_to_come(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    diary.note(MONDAY + timedelta(days=7), power=curve(cp=280))
    diary.athlete.history(MONDAY + timedelta(days=7))
    before = thresholds(diary.athlete)
    diary.athlete.history(MONDAY + timedelta(days=1))
    assert {key: value for key, value in thresholds(diary.athlete).items() if key in before} == before
    assert not [version for _, version in thresholds(diary.athlete) if version]


def test_a_load_is_against_the_threshold_valid_on_its_day(diary: Diary) -> None:
    hour_at_cp = {"normalized_power_watts": 250.0}
    first = diary.note(MONDAY, power=curve(), metrics=hour_at_cp)
    second = diary.note(MONDAY + timedelta(days=7), metrics=hour_at_cp)
    diary.athlete.history(MONDAY + timedelta(days=7))
    rows = {row["activity_id"]: row for row in diary.athlete.rows("activity_loads")}
    assert rows[first]["method"] == "duration"  # nothing was known on that day
    assert rows[first]["load"] == pytest.approx(100 * 0.65**2)
    assert (rows[second]["method"], rows[second]["threshold_as_of"]) == ("power", date(2026, 5, 10))
    assert rows[second]["load"] == pytest.approx(100, abs=0.05)


def test_a_later_threshold_does_not_rewrite_earlier_days(diary: Diary) -> None:
    hour_at_cp = {"normalized_power_watts": 250.0}
    diary.note(MONDAY, power=curve(), metrics=hour_at_cp)
    second = diary.note(MONDAY + timedelta(days=7), metrics=hour_at_cp)
    diary.athlete.history(MONDAY + timedelta(days=7))
    before = {row["activity_id"]: row for row in diary.athlete.rows("activity_loads")}
    third = diary.note(MONDAY + timedelta(days=8), power=curve(cp=280))
    fourth = diary.note(MONDAY + timedelta(days=15), metrics=hour_at_cp)
    diary.athlete.history(MONDAY + timedelta(days=15))
    after = {row["activity_id"]: row for row in diary.athlete.rows("activity_loads")}
    assert {key: row for key, row in after.items() if key in before} == before
    assert after[second]["load"] == pytest.approx(100, abs=0.05)
    assert after[fourth]["load"] == pytest.approx(100 * (250 / 280) ** 2, abs=0.05)
    assert third in after


HEART = {
    "mean_heart_rate_bpm": 150.0, "heart_rate_sd_bpm": 8.0, "heart_rate_skewness": 0.0, "heart_rate_seconds": 3600.0,
}  # fmt: skip


def test_heart_rate_limits_are_rows_of_the_day_and_loads_are_against_them(diary: Diary) -> None:
    ids = [
        diary.note(
            MONDAY + timedelta(days=n),
            metrics={**HEART, "max_heart_rate_bpm": 180.0 + n, "best_20min_heart_rate_bpm": 160.0 + n},
        )
        for n in (0, 2, 4)
    ]
    later = diary.note(MONDAY + timedelta(days=8), metrics=HEART)
    row = diary.note(MONDAY + timedelta(days=8), sport="row", metrics=HEART)
    diary.athlete.history(MONDAY + timedelta(days=8))
    answers = {(r["model"], r["as_of"]): r for r in diary.athlete.rows("threshold_models") if r["sport"] == "bike"}
    sunday = date(2026, 5, 10)
    assert answers["hr_max", sunday]["threshold"] == 182.0  # the 98th percentile of three is the second
    assert answers["lthr", sunday]["threshold"] == pytest.approx(0.98 * 162)
    assert answers["lthr", sunday]["details"]["evidence"][0]["activity_id"] == str(ids[2])
    assert answers["lthr", sunday]["threshold_low"] <= answers["lthr", sunday]["threshold"]
    loads = {r["activity_id"]: r for r in diary.athlete.rows("activity_loads")}
    assert {loads[i]["method"] for i in ids} == {"duration"}  # nothing was known on those days
    assert (loads[later]["method"], loads[later]["threshold_as_of"]) == ("heart_rate", sunday)
    assert loads[later]["threshold"] == pytest.approx(0.98 * 162)
    # minutes x r x a e^(b r), half of the hour at 142 bpm and half at 158, with the mean of men's and women's weights
    shares = [(bpm - 55) / (182 - 55) for bpm in (142, 158)]
    assert loads[later]["trimp"] == pytest.approx(sum(30 * r * 0.75 * math.exp(1.795 * r) for r in shares), abs=0.01)
    assert "55 bpm assumed" in loads[later]["note"]
    assert loads[row]["note"].endswith("threshold heart rate of bike")


def test_a_heart_rate_limit_needs_three_activities(diary: Diary) -> None:
    diary.note(MONDAY, metrics={"max_heart_rate_bpm": 180.0})
    diary.athlete.history(MONDAY + timedelta(days=6))
    (row,) = (r for r in diary.athlete.rows("threshold_models") if r["model"] == "hr_max")
    assert row["threshold"] is None
    assert row["refusal"] == "maximal heart rate needs 3 activities with heart rate, there are 1"


def test_a_fit_tells_what_carries_it_and_what_would_sharpen_it(diary: Diary) -> None:
    for n, t in enumerate((120, 240, 480, 900, 1200)):
        diary.note(MONDAY + timedelta(days=n), power={t: CP + W_PRIME / t})
    diary.note(MONDAY, power={5: 900.0, 3600: 220.0})
    diary.athlete.history(MONDAY + timedelta(days=6))
    rows = {r["model"]: r for r in diary.athlete.rows("threshold_models") if r["sport"] == "bike"}
    assert rows["ftp_20min"]["threshold"] == pytest.approx(0.95 * (CP + W_PRIME / 1200), abs=0.01)
    told = rows["critical_power"]["details"]
    assert set(told["forms"]) == {"inverse_time", "work_time", "hyperbolic"}
    assert told["forms_disagree_percent"] == pytest.approx(0, abs=0.01)
    assert [e["leaves_on"] for e in told["efforts"]] == [str(MONDAY + timedelta(days=n + 90)) for n in range(5)]
    assert all(abs(e["change"]) < 0.01 for e in told["efforts"])
    assert told["next_effort"]["seconds"] in DURATIONS
    assert told["omni_domain"]["decay_watts"] == pytest.approx((CP + W_PRIME / 3600 - 220) / math.log(2), rel=1e-3)
    assert told["three_parameter"]["max_watts"] > 900


def test_more_than_the_threshold_held_for_over_half_an_hour_contradicts_it(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    diary.note(MONDAY + timedelta(days=1), power={3600: 262.0})
    diary.athlete.history(MONDAY + timedelta(days=6))
    (row,) = (r for r in diary.athlete.rows("threshold_models") if r["model"] == "critical_power")
    assert row["threshold"] is None
    assert row["refusal"] == (
        "262 W held for 60 min lie above the Critical Power of 250 that shorter efforts give: those were not maximal"
    )


def test_forms_that_say_different_things_are_no_answer(diary: Diary) -> None:
    efforts = ((120, 397), (180, 359), (300, 328), (480, 294), (720, 291), (900, 288), (1200, 222))
    for n, (t, watts) in enumerate(efforts):
        diary.note(MONDAY + timedelta(days=n % 7), power={t: watts})
    diary.athlete.history(MONDAY + timedelta(days=6))
    (row,) = (r for r in diary.athlete.rows("threshold_models") if r["model"] == "critical_power")
    assert row["threshold"] is None
    assert row["refusal"] == "the forms of the model put Critical Power between 198.7 and 270.5 W: no one curve"


def test_a_fault_of_the_strap_is_no_maximal_heart_rate(diary: Diary) -> None:
    for n, highest in enumerate((181.0, 183.0, 185.0, 238.0, 240.0)):
        metrics = {"max_heart_rate_bpm": highest, "best_20min_heart_rate_bpm": 170.0}
        diary.note(MONDAY + timedelta(days=n), sport="run", metrics=metrics)
    diary.athlete.history(MONDAY + timedelta(days=6))
    (row,) = (r for r in diary.athlete.rows("threshold_models") if r["model"] == "hr_max")
    assert row["threshold"] == 183.0
    assert row["details"]["activities"] == 3


def test_a_threshold_heart_rate_of_an_easy_year_is_not_used(diary: Diary) -> None:
    for n in range(3):
        diary.note(
            MONDAY + timedelta(days=n), metrics={"max_heart_rate_bpm": 190.0, "best_20min_heart_rate_bpm": 160.0}
        )
    for n in range(3):
        easy = {"max_heart_rate_bpm": 140.0, "best_20min_heart_rate_bpm": 120.0}
        diary.note(MONDAY + timedelta(days=500 + n), metrics=easy)
    after = diary.note(MONDAY + timedelta(days=510), metrics=HEART)
    diary.athlete.history(MONDAY + timedelta(days=510))
    (load,) = (r for r in diary.athlete.rows("activity_loads") if r["activity_id"] == after)
    assert load["method"] == "duration"
    assert load["trimp"] > 0  # the maximum of five years still stands


def test_climbing_is_worth_its_time_though_nobody_moves(diary: Diary) -> None:
    climbed = diary.note(MONDAY, sport="climb")
    diary.change("activities", moving_seconds=0)
    diary.athlete.history(MONDAY)
    (load,) = diary.athlete.rows("activity_loads")
    assert (load["activity_id"], load["load"]) == (climbed, 25.0)  # an hour at half of threshold


def test_bike_and_run_keep_models_of_their_own(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    diary.note(MONDAY, sport="run", power=curve(cp=320))
    diary.athlete.history(MONDAY + timedelta(days=6))
    found = {
        r["sport"]: r["threshold"] for r in diary.athlete.rows("threshold_models") if r["model"] == "critical_power"
    }
    assert found == {"bike": pytest.approx(250, rel=1e-4), "run": pytest.approx(320, rel=1e-4)}


def test_what_is_up_to_date_is_not_read(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    diary.athlete.history(MONDAY)
    again = diary.athlete.history(MONDAY)
    assert {stage for stage, told in again.items() if told.get("up_to_date")} >= {"thresholds", "loads", "fitness"}
    diary.note(MONDAY, power=curve(cp=260))
    assert diary.athlete.history(MONDAY)["thresholds"]["written"] > 0


@pytest.mark.parametrize("profile", [{"sex": None}, {"sex": "unheard of"}, {"sex": "male", "birth_date": None}])
def test_a_profile_that_says_little_stops_nothing(diary: Diary, profile: dict[str, Any]) -> None:
    for n in range(4):
        diary.note(
            MONDAY + timedelta(days=2 * n),
            metrics={**HEART, "max_heart_rate_bpm": 185.0, "best_20min_heart_rate_bpm": 165.0},
        )
    diary.change("profiles", **profile)
    diary.athlete.history(MONDAY + timedelta(days=8))
    rows = diary.athlete.rows("activity_loads")
    told = [r["note"] for r in rows if r["method"] == "heart_rate"]
    assert told
    assert all(("sex not known" in note) == (profile["sex"] != "male") for note in told)


def test_an_hour_at_threshold_for_42_days_makes_a_fitness_of_63(athlete: Athlete) -> None:
    days = [(MONDAY + timedelta(days=n), 100.0) for n in range(42)]
    rows = fitness.rows(athlete.profile_id, days, MONDAY + timedelta(days=41))
    assert rows[41]["ctl"] == pytest.approx(63.212, abs=5e-4)  # 100 (1 - 1/e)
    assert rows[41]["atl"] == pytest.approx(99.752, abs=5e-4)  # 100 (1 - e^-6)
    assert rows[0]["tsb"] == 0
    assert rows[42]["tsb"] == pytest.approx(63.212 - 99.752, abs=1e-3)
    assert rows[-1]["ctl"] == pytest.approx(63.212 * 0.716531, abs=1e-3)  # e^(-14/42)


def test_fitness_runs_from_the_first_load_to_today_and_two_weeks_on_without_holes(diary: Diary) -> None:
    diary.note(MONDAY)
    diary.note(MONDAY + timedelta(days=4))
    diary.note(MONDAY + timedelta(days=4), seconds=1800)
    today = MONDAY + timedelta(days=10)
    diary.athlete.history(today)
    rows = diary.athlete.rows("daily_fitness")
    assert [row["date"] for row in rows] == [MONDAY + timedelta(days=n) for n in range(11 + 14)]
    assert [row["date"] for row in rows if row["projected"]] == [today + timedelta(days=n) for n in range(1, 15)]
    assert rows[4]["load"] == pytest.approx(1.5 * 42.25)
    assert [row["load"] for row in rows[11:]] == [0.0] * 14


def test_the_next_day_only_moves_the_end_of_the_series(diary: Diary) -> None:
    diary.note(MONDAY)
    diary.athlete.history(MONDAY + timedelta(days=3))
    before = {row["date"]: row["ctl"] for row in diary.athlete.rows("daily_fitness")}
    told = diary.athlete.history(MONDAY + timedelta(days=4))["fitness"]
    after = {row["date"]: row["ctl"] for row in diary.athlete.rows("daily_fitness")}
    assert {day: after[day] for day in before} == before
    assert (told["inserted"], told["updated"], told["withdrawn"]) == (1, 1, 0)


def test_a_morning_east_of_greenwich_counts_at_once(diary: Diary) -> None:
    today = date(2026, 5, 4)
    diary.note("2026-05-04T20:00", utc_offset_seconds=12 * 3600, power=curve())
    diary.athlete.history(today)
    (load,) = diary.athlete.rows("activity_loads")
    assert load["local_date"] == date(2026, 5, 5)
    done = [row for row in diary.athlete.rows("daily_fitness") if not row["projected"]]
    assert [(row["date"], row["load"]) for row in done] == [(date(2026, 5, 5), load["load"])]
    assert set(thresholds(diary.athlete)) == {(date(2026, 5, 5), 0)}
    before = diary.athlete.snapshot()
    diary.athlete.history(date(2026, 5, 5))
    assert differences(before, diary.athlete.snapshot()) == []


@pytest.mark.parametrize("wrong", ["2099-01-01", "0002-06-01", "1989-12-31", "9998-06-01", "2026-05-06"])
def test_clocks_in_the_future_or_before_1990_are_left_out_of_the_series(diary: Diary, wrong: str) -> None:
    good = diary.note(MONDAY, power=curve())
    diary.note(wrong, power=curve(cp=400))
    diary.athlete.history(MONDAY + timedelta(days=1))
    assert [row["activity_id"] for row in diary.athlete.rows("activity_loads")] == [good]
    assert len(diary.athlete.rows("daily_fitness")) == 2 + 14
    assert records(diary) == []


def test_a_superseded_activity_is_left_out_everywhere(diary: Diary) -> None:
    first = diary.note(MONDAY, power=curve())
    diary.note(MONDAY, power=curve(cp=300), superseded_by=first)
    diary.athlete.history(MONDAY + timedelta(days=6))
    assert [row["activity_id"] for row in diary.athlete.rows("activity_loads")] == [first]
    assert next(iter(thresholds(diary.athlete).values())) == pytest.approx(CP, rel=1e-4)
    assert records(diary) == []


def test_a_record_is_notified_once_and_what_was_read_stays_read(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    better = diary.note(MONDAY + timedelta(days=7), power=curve(cp=280))
    today = MONDAY + timedelta(days=7)
    diary.athlete.history(today)
    (row,) = records(diary)
    assert row["data"]["activity_id"] == str(better)
    assert row["title"] == "All-time record: 20:00 at 297 W and 4 more"
    assert row["message"].startswith("Ride 2: 20:00 at 297 W, 11.2 % better than 267 W of 2026-05-04")
    assert len(row["data"]["records"]) == len(DURATIONS)
    assert sum(record["headline"] for record in row["data"]["records"]) == row["data"]["feats"] == 5
    assert row["occurred_at"] == datetime(2026, 5, 11, 12, tzinfo=UTC)
    best = next(r for r in row["data"]["records"] if r["duration_seconds"] == 1200)
    assert (best["value"], best["previous_value"]) == pytest.approx((296.6667, 266.6667), abs=1e-3)
    diary.change("notifications", is_read=True)
    told = diary.athlete.history(today)["notifications"]
    assert (told["inserted"], told["updated"], told["withdrawn"]) == (0, 0, 0)
    diary.change("activities", name="Renamed")
    with diary.athlete.lease() as lease:  # beside the months, which would note it: so all is read again
        told = update_notifications(diary.athlete.warehouse, lease, today, full_refresh=True)
    assert (told["inserted"], told["updated"]) == (0, 2)  # the record, and the milestone of the first activity
    (again,) = records(diary)
    assert (again["id"], again["is_read"], again["created_at"]) == (row["id"], True, row["created_at"])
    assert again["message"].startswith("Renamed: ")


def test_a_notification_whose_evidence_has_gone_is_withdrawn(diary: Diary) -> None:
    first = diary.note(MONDAY, power=curve())
    better = diary.note(MONDAY + timedelta(days=7), power=curve(cp=280))
    today = MONDAY + timedelta(days=7)
    diary.athlete.history(today)
    with diary.athlete.warehouse.begin() as connection:
        table = METADATA.tables["activities"]
        connection.execute(table.update().where(table.c.id == better).values(superseded_by=first))
    assert diary.athlete.history(today)["notifications"]["withdrawn"] == 2  # and the gain of threshold
    assert records(diary) == []


def test_one_athletes_series_is_not_anothers(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    other = Athlete(diary.athlete.store, diary.athlete.root, diary.athlete.warehouse, "bob")
    Diary(other, diary.numbers).note(MONDAY + timedelta(days=1), power=curve(cp=300))
    for athlete in (diary.athlete, other):
        athlete.history(MONDAY + timedelta(days=2))
    before = diary.athlete.snapshot()
    other.history(MONDAY + timedelta(days=2))
    diary.athlete.history(MONDAY + timedelta(days=2))
    assert differences(before, diary.athlete.snapshot()) == []
    assert {row["profile_id"] for row in diary.athlete.rows("daily_fitness")} == {
        diary.athlete.profile_id, other.profile_id,
    }  # fmt: skip
    assert records(diary) == []


def test_an_athlete_without_anything_has_nothing_and_no_error(athlete: Athlete) -> None:
    told = athlete.history(MONDAY)
    assert told["thresholds"]["written"] == told["loads"]["rows"] == told["fitness"]["rows"] == 0


def test_killed_between_any_two_calls_the_next_run_says_the_same(diary: Diary) -> None:
    for week in range(3):
        diary.note(MONDAY + timedelta(weeks=week), power=curve(cp=250 + 10 * week))
    today = MONDAY + timedelta(weeks=3)
    athlete = diary.athlete
    with athlete.lease() as lease, lease.transaction():
        pass  # what the diary has noted is journalled
    with athlete.killed_at(0) as clock:
        athlete.history(today)
    calls, wanted = len(clock.calls), athlete.snapshot()
    for call in range(1, calls + 1):
        with athlete.warehouse.begin() as connection:
            for name in ("athlete_outputs", "threshold_models", "activity_loads", "daily_fitness", "notifications"):
                connection.execute(METADATA.tables[name].delete())
        with athlete.killed_at(call) as clock:
            athlete.history(today)
        assert len(clock.calls) == call
        athlete.history(today)
        assert differences(wanted, athlete.snapshot()) == [], f"killed before: {clock.calls[-1]}"


def test_a_clock_that_was_never_set_begins_neither_the_fitness_nor_the_milestones(diary: Diary) -> None:
    stray, first = (diary.note(day, seconds=3600) for day in (date(2000, 1, 1), MONDAY))
    today = MONDAY + timedelta(days=6)
    diary.athlete.history(today)
    days = sorted(row["date"] for row in diary.athlete.rows("daily_fitness"))
    assert (days[0], len(days)) == (MONDAY, 7 + fitness.PROJECTED_DAYS)
    (told,) = (row for row in diary.athlete.rows("notifications") if row["type"] == "milestone")
    assert told["data"]["activity_id"] == str(first)
    assert {row["activity_id"] for row in diary.athlete.rows("activity_loads")} == {stray, first}
    assert {row["id"] for row in diary.athlete.rows("activities")} == {stray, first}


def test_a_length_that_the_watch_counted_twice_carries_no_critical_swim_speed(diary: Diary) -> None:
    def swim(day: date, times: dict[int, float], **evidence: Any) -> None:
        activity = diary.note(day, sport="swim")
        for meters, seconds in times.items():
            diary.insert(
                "activity_efforts", id=content_id(activity, meters), activity_id=activity, grade="candidate",
                profile_id=diary.athlete.profile_id, duration_seconds=math.ceil(seconds), effort_type="pace",
                value=100 * seconds / meters, unit="s/100m", distance_meters=meters, elapsed_seconds=seconds,
                start_offset=0, recorded_at=making.at(f"{day}T10:00"), evidence=evidence,
            )  # fmt: skip

    swim(MONDAY, {200: 170.0, 400: 360.0}, reasons=["jump_near"])
    swim(MONDAY + timedelta(days=1), {200: 165.0, 400: 300.0}, reasons=["jump_near", "hasty_length"])
    diary.athlete.history(MONDAY + timedelta(days=6))
    (row,) = (row for row in diary.athlete.rows("threshold_models") if row["model"] == "critical_swim_speed")
    assert row["threshold"] == pytest.approx(200 / 190, abs=1e-4)
    assert row["details"]["best_seconds"] == {"200 m": 170.0, "400 m": 360.0}


@pytest.mark.parametrize("reach", [90, 91, 365])
def test_answered_are_the_sundays_that_see_an_effort_the_one_after_and_today(reach: int) -> None:
    days = {MONDAY, MONDAY + timedelta(days=6), MONDAY + timedelta(days=40), MONDAY + timedelta(days=900)}
    today = MONDAY + timedelta(days=930)
    wanted, day = {today, MONDAY + timedelta(days=2)}, MONDAY
    while day <= today:
        if day.weekday() == 6 and any(0 <= (day - one).days < reach + 14 - reach % 7 for one in days):
            wanted.add(day)
        day += timedelta(days=1)
    observed = [one.toordinal() for one in days]
    assert as_of_days(observed, [MONDAY + timedelta(days=2)], today, reach) == sorted(wanted)
    assert as_of_days([], [], today, reach) == []
    assert as_of_days([today.toordinal() + 30], [], today, reach) == [today]


@pytest.mark.parametrize("seed", range(3))
def test_a_look_at_the_last_weeks_alone_says_what_a_look_at_all_says(diary: Diary, seed: int) -> None:
    rng = random.Random(seed)
    athlete, today = diary.athlete, MONDAY
    for number in range(12):
        today += timedelta(days=rng.choice([0, 1, 2, 6, 7, 20]))
        day = today - timedelta(days=rng.choice([0, 0, 1, 8, 45, 300]))
        power = {d: round(CP + W_PRIME / d + rng.uniform(-60, 20), 1) for d in DURATIONS}
        beats = {"best_20min_heart_rate_bpm": rng.uniform(140, 170), "max_heart_rate_bpm": rng.uniform(170, 230)}
        means = {"normalized_power_watts": 200.0, "mean_heart_rate_bpm": 140.0, "heart_rate_seconds": 3600.0}
        diary.note(day, sport=rng.choice(["bike", "run"]), power=power, metrics={**beats, **means})
        measured = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
        diary.insert(
            "profile_metrics", id=content_id("resting", number), profile_id=athlete.profile_id, unit="bpm",
            metric_type="resting_hr_bpm", value=rng.uniform(40, 60), recorded_at=measured, source=f"watch {number}",
        )  # fmt: skip
        if rng.random() < 0.2:
            with athlete.warehouse.begin() as connection:
                table = METADATA.tables["activities"]
                some = rng.choice(list(connection.scalars(table.select().with_only_columns(table.c.id))))
                connection.execute(table.delete().where(table.c.id == some))
        athlete.history(today)
    with athlete.lease() as lease:
        assert update_thresholds(athlete.warehouse, lease, today)["up_to_date"] == 1
        partly = update_thresholds(athlete.warehouse, lease, today + timedelta(days=1))["as_of_days"]
        told = update_thresholds(athlete.warehouse, lease, today, full_refresh=True)
        assert (told["written"], partly < told["as_of_days"] / 4) == (0, True)
        for update in (update_loads, update_fitness):
            told = update(athlete.warehouse, lease, today, full_refresh=True)
            assert (told["inserted"], told["updated"], told["withdrawn"]) == (0, 0, 0)
            assert told["rows"] > 8


@pytest.mark.parametrize(
    ("table", "day"),
    [
        ("activity_loads", "local_date"), ("daily_fitness", "date"), ("notifications", "occurred_at"),
        ("threshold_models", "as_of"),
    ],
)  # fmt: skip
def test_rows_that_have_gone_come_back_though_the_history_is_as_it_was(diary: Diary, table: str, day: str) -> None:
    for week in range(30):
        diary.note(MONDAY + timedelta(weeks=week), power=curve(CP + week, W_PRIME), metrics={"mean_speed_mps": 8.0})
    today = MONDAY + timedelta(weeks=30)
    diary.athlete.history(today)
    before = diary.athlete.rows(table)
    oldest = {"daily_fitness": "date", "threshold_models": "as_of", "notifications": "occurred_at"}.get(
        table, "local_date"
    )
    first = min(row[oldest] for row in before)
    gone = METADATA.tables[table]
    with diary.athlete.warehouse.begin() as connection:
        assert connection.execute(gone.delete().where(gone.c[day] == first)).rowcount
    diary.athlete.history(today)
    told = {"computed_at", "created_at", "updated_at"}
    assert [{k: v for k, v in row.items() if k not in told} for row in diary.athlete.rows(table)] == [
        {k: v for k, v in row.items() if k not in told} for row in before
    ]
