"""The prediction stages on real PostgreSQL: what is said, what is kept, what is skipped."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from perf_pipeline.physiology.prediction_cases import last_outcome
from perf_pipeline.pipeline.backtest_report import (
    by_class,
    calibration_svg,
    is_honest,
    markdown,
    near_coverage,
    read_cases,
    stored_coverage,
)
from perf_pipeline.pipeline.demo_efforts import FIRST_DAY, career
from perf_pipeline.pipeline.history.predictions import update_backtest, update_predictions
from perf_pipeline.pipeline.predicted import headlines, latest_predictions
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage.ids import content_id, source_file_id_of
from perf_pipeline.storage.tables import METADATA
from perf_pipeline.storage.warehouse import copy_rows
from perf_pipeline_tests.pipeline.conftest import Athlete

DAYS = 400
TODAY = date.fromordinal(FIRST_DAY + DAYS)


def write(athlete: Athlete, seed: int, sport: str, *, after: int = 0, until: int = DAYS) -> None:
    """The efforts of a generated career as the months would have written them, of the days after `after` to `until`."""
    one = career(seed, sport, years=1.2)
    profile = athlete.profile_id
    sources, activities, efforts = {}, {}, []
    for number, day, size, amount, start in zip(one.activity, one.day, one.size, one.amount, one.start, strict=True):
        if not after < day - FIRST_DAY <= until:
            continue
        started = datetime.fromordinal(day).replace(hour=7, tzinfo=UTC)
        sha256 = f"{seed}{sport}{number}"
        source, activity = source_file_id_of(profile, sha256), content_id("activity", profile, sha256)
        month = f"{started:%Y-%m}"
        sources[source] = {
            "id": source, "profile_id": profile, "sha256": sha256, "bytes": 1, "format": "fit", "kind": "activity",
            "status": "archived", "archive_path": f"archive/{sha256}", "month": month,
        }  # fmt: skip
        activities[activity] = {
            "id": activity, "profile_id": profile, "source_file_id": source, "name": "x", "type": sport,
            "started_at": started, "duration_seconds": 3600, "moving_seconds": 3600, "fit_file_path": "x",
            "session_index": 0, "archive_month": month, "reader": "x",
        }  # fmt: skip
        power = sport == "bike"
        efforts.append(
            {
                "id": content_id(activity, size), "activity_id": activity, "profile_id": profile,
                "duration_seconds": int(size if power else amount), "effort_type": "power" if power else "pace",
                "value": amount if power else 1000 * amount / size, "unit": "W" if power else "s/km",
                "start_offset": int(start), "recorded_at": started + timedelta(seconds=start),
                "distance_meters": None if power else size, "elapsed_seconds": None if power else amount,
                "grade": "confirmed",
            }
        )  # fmt: skip
    with athlete.warehouse.begin() as connection:
        for table, rows in (("source_files", sources), ("activities", activities)):
            copy_rows(connection, METADATA.tables[table], list(rows.values()))
        copy_rows(connection, METADATA.tables["activity_efforts"], efforts)


def say(athlete: Athlete, today: date = TODAY, **options: Any) -> tuple[dict[str, int], dict[str, int]]:
    with athlete.lease() as lease:
        return (
            update_backtest(athlete.warehouse, lease, today, **options),
            update_predictions(athlete.warehouse, lease, today, **options),
        )


def latest(athlete: Athlete, today: date = TODAY) -> dict[str, dict[str, Any]]:
    with athlete.warehouse.begin() as connection:
        return {row["target"]: row for row in latest_predictions(connection, [athlete.profile_id], today)}


def test_a_rider_is_told_watts_with_an_interval_the_efforts_behind_it_and_the_chance_to_beat_the_best(
    athlete: Athlete,
) -> None:
    write(athlete, 3, "bike")
    say(athlete)
    row = latest(athlete)["power 1200 s"]
    truth = career(3, "bike", years=1.2).truth.value(1200, DAYS)
    assert row["value_low"] < truth < row["value_high"]
    assert row["value"] == pytest.approx(truth, rel=0.08)
    assert (row["unit"], row["refusal"], row["duration_seconds"]) == ("W", None, 1200)
    assert 0 <= row["beats_best_probability"] <= 1
    assert 1 <= len(row["details"]["efforts"]) <= 3
    known = {str(one["id"]) for one in athlete.rows("activities")}
    assert {effort["activity_id"] for effort in row["details"]["efforts"]} <= known
    assert row["details"]["errors_pct"][row["model"]] > 0
    assert "median error" in row["details"]["why"] or "no model was nearer" in row["details"]["why"]


def test_a_runner_is_told_times_that_rise_with_distance(athlete: Athlete) -> None:
    write(athlete, 4, "run")
    say(athlete)
    rows = [row for row in latest(athlete).values() if row["refusal"] is None]
    assert len(rows) >= 6
    rows.sort(key=lambda row: row["distance_meters"])
    for name in ("value", "value_low", "value_high"):
        times = [row[name] for row in rows]
        assert times == sorted(times)
    assert all(row["value_low"] <= row["value"] <= row["value_high"] for row in rows)
    assert {row["target"] for row in headlines(rows)} >= {"distance 5000 m"}


def test_nothing_is_done_again_without_news(athlete: Athlete) -> None:
    write(athlete, 3, "bike")
    first = say(athlete)
    before = athlete.snapshot()
    backtest, predictions = say(athlete)
    assert (backtest["months"], backtest["written"], predictions["written"]) == (0, 0, 0)
    assert backtest["up_to_date"] == predictions["up_to_date"] == 1
    assert first[1]["answered"] > 2
    assert differences(before, athlete.snapshot()) == []
    with athlete.warehouse.begin() as connection:  # without the note of what was read, each day is asked after
        connection.exec_driver_sql("delete from athlete_outputs")
    backtest, predictions = say(athlete)
    assert (backtest["months"], backtest["written"], predictions["written"]) == (0, 0, 0)
    assert predictions["answered"] <= 2
    assert differences(before, athlete.snapshot()) == []


def test_another_device_for_the_same_ride_is_news(athlete: Athlete) -> None:
    write(athlete, 3, "bike")
    say(athlete)
    kept, gone = (row["id"] for row in athlete.rows("activities")[-2:])
    table = METADATA.tables["activities"]
    with athlete.warehouse.begin() as connection:
        connection.execute(table.update().where(table.c.id == gone).values(superseded_by=kept))
    backtest, predictions = say(athlete)
    assert "up_to_date" not in {**backtest, **predictions}


def test_a_curve_without_news_is_not_answered_again_on_the_same_day(athlete: Athlete) -> None:
    def forget(stages: str) -> None:
        with athlete.warehouse.begin() as connection:
            connection.exec_driver_sql("delete from athlete_outputs where stage like %(stages)s", {"stages": stages})

    def predict(today: date) -> tuple[int, int]:
        with athlete.lease() as lease:
            told = update_predictions(athlete.warehouse, lease, today)
        return told["answered"], told["written"]

    write(athlete, 3, "bike", until=DAYS - 3)
    write(athlete, 4, "run")
    predict(TODAY)
    # Of both curves, on the first day on which nothing new is said of either.
    quiet = next(day for n in range(1, 20) if predict(day := TODAY + timedelta(days=n)) == (2, 0))
    forget("capability_predictions")
    assert predict(quiet) == (0, 0)
    forget("capability_predictions%")
    assert predict(quiet) == (2, 0)
    write(athlete, 3, "bike", after=DAYS - 3)
    assert predict(quiet)[0] >= 1
    forget("capability_predictions%")
    assert predict(quiet)[1] == 0


def test_a_new_month_is_added_and_what_was_said_before_stays(athlete: Athlete) -> None:
    write(athlete, 3, "bike", until=330)
    say(athlete, date.fromordinal(FIRST_DAY + 330))
    said, cases = athlete.rows("capability_predictions"), athlete.rows("prediction_backtests")
    write(athlete, 3, "bike", after=330)
    backtest, predictions = say(athlete)
    assert 0 < backtest["months"] <= 3
    assert predictions["answered"] <= 13
    later = {row["id"]: row for row in athlete.rows("capability_predictions")}
    for row in said:
        assert later[row["id"]] == row
    assert {row["id"]: row for row in athlete.rows("prediction_backtests")}.items() >= {
        row["id"]: row for row in cases
    }.items()


def test_built_bit_by_bit_or_at_once_the_back_test_is_the_same(athlete: Athlete) -> None:
    for after, until in ((0, 150), (150, 290), (290, DAYS)):
        write(athlete, 4, "run", after=after, until=until)
        say(athlete, date.fromordinal(FIRST_DAY + until))
    slowly = athlete.rows("prediction_backtests")
    athlete.forget()
    write(athlete, 4, "run")
    say(athlete)
    assert athlete.rows("prediction_backtests") == slowly


def test_an_old_file_that_comes_late_is_told_as_a_new_version(athlete: Athlete) -> None:
    write(athlete, 3, "bike", after=100)
    say(athlete)
    old = {row["id"]: row for row in athlete.rows("capability_predictions")}
    write(athlete, 3, "bike", until=100)
    say(athlete)
    new = {row["id"]: row for row in athlete.rows("capability_predictions")}
    words = ("value", "value_low", "value_high", "model", "refusal", "details")
    assert all(new[key][name] == old[key][name] for key in old for name in words)
    assert max(row["version"] for row in new.values()) >= 1


def test_a_full_refresh_says_the_same_again(athlete: Athlete) -> None:
    write(athlete, 3, "bike")
    say(athlete)
    before = athlete.snapshot()
    backtest, predictions = say(athlete, full_refresh=True)
    assert backtest["written"] == backtest["cases"]
    assert predictions["written"] == 0
    assert differences(before, athlete.snapshot()) == []


def test_without_efforts_nothing_is_said(athlete: Athlete) -> None:
    assert say(athlete)[1]["written"] == 0
    assert athlete.rows("capability_predictions") == athlete.rows("prediction_backtests") == []


def test_the_report_tells_errors_beside_naive_and_riegel_and_draws_the_calibration(athlete: Athlete) -> None:
    write(athlete, 4, "run")
    say(athlete)
    with athlete.warehouse.begin() as connection:
        rows = read_cases(connection, [athlete.profile_id])
        assert stored_coverage(connection, [athlete.profile_id]) == near_coverage(rows)
        assert stored_coverage(connection, []) == (None, 0)
    results = {one.target: one for one in by_class(rows)}
    five = results["distance 5000 m"]
    same = [r for r in rows if r["target"] == "distance 5000 m" and r["near_maximal"] and r["predicted"] and r["naive"]]
    assert five.cases == len([r for r in same if r["riegel"]])
    assert five.outcomes >= five.near >= five.cases > 0
    assert f"| run | distance 5000 m | {five.cases} |" in markdown(list(results.values()))
    svg = calibration_svg(rows)
    assert svg is not None
    assert svg.startswith("<svg")


@pytest.mark.parametrize(
    ("share", "cases", "honest"),
    [(0.9, 400, True), (0.8, 400, False), (0.99, 400, True), (0.83, 400, True), (0.5, 10, True)],
)
def test_coverage_is_judged_by_what_chance_allows(share: float, cases: int, honest: bool) -> None:  # noqa: FBT001
    assert is_honest(share, cases) is honest


def test_what_comes_after_the_last_outcome_is_no_news_for_the_back_test(athlete: Athlete) -> None:
    last = last_outcome(TODAY.toordinal()) - FIRST_DAY
    write(athlete, 3, "bike", until=last - 20)
    say(athlete)
    write(athlete, 3, "bike", after=last + 2)
    backtest, predictions = say(athlete)
    assert backtest["up_to_date"] == 1
    assert "up_to_date" not in predictions
    with athlete.warehouse.begin() as connection:  # without the note it looks, and finds the same
        connection.exec_driver_sql("delete from athlete_outputs where stage = 'prediction_backtest'")
    assert (say(athlete)[0]["cases"] > 0, say(athlete)[0]["months"]) == (True, 0)
    write(athlete, 3, "bike", after=last - 20, until=last + 2)
    assert say(athlete)[0]["months"] > 0
