"""From streams and what was known of the athlete to rows: each activity once, until something of it changes."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from perf_pipeline.pipeline.compute import ProcessExecutor
from perf_pipeline.pipeline.month_work import MONTH_STAGES
from perf_pipeline.pipeline.months import MonthsFailedError
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage.tables import METADATA
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete

TODAY = date(2026, 6, 14)


@pytest.fixture
def trained(athlete: Athlete) -> Athlete:
    """Efforts on five days of May that set Critical Power as of the 10th, a weight, and two easy rides after it."""
    efforts = [(120, 400), (180, 350), (360, 300), (720, 275), (1200, 265)]
    for day, effort in zip((4, 5, 6, 7, 8), efforts, strict=True):
        athlete.drop(f"{day}.fit", making.fit(making.powers(f"2026-05-{day:02d}T10:00", effort)))
    athlete.drop("easy.fit", making.fit(making.ride("2026-05-20T10:00", 20, 200)))
    athlete.drop("june.fit", making.fit(making.ride("2026-06-02T10:00", 20, 230)))
    athlete.drop("weight.csv", b"date,metric,value\n2026-05-12,weight_kg,70\n")
    athlete.take_in()
    athlete.months()
    athlete.history(TODAY)
    return athlete


def metrics(athlete: Athlete) -> dict[str, dict[str, float]]:
    """Relative metrics by day."""
    days = {row["id"]: str(row["started_at"].date()) for row in athlete.rows("activities")}
    found: dict[str, dict[str, float]] = {}
    for row in athlete.rows("activity_metrics"):
        if row["grain"] == "athlete":
            found.setdefault(days[row["activity_id"]], {})[row["metric"]] = row["value"]
    return found


def test_each_activity_is_set_against_what_was_known_on_its_day(trained: Athlete) -> None:
    told = trained.relate(TODAY)
    found = metrics(trained)
    assert set(found) == {"2026-05-20", "2026-06-02"}  # before the 10th nothing was known
    cp = next(r["threshold"] for r in trained.rows("threshold_models") if r["model"] == "critical_power")
    assert found["2026-05-20"]["intensity_factor"] == pytest.approx(200 / cp, rel=1e-3)
    assert found["2026-05-20"]["weight_age_days"] == 8
    assert found["2026-06-02"]["mean_power_watts_per_kg"] == pytest.approx(230 / 70, rel=1e-3)
    assert sum(v for k, v in found["2026-06-02"].items() if k.startswith("power_zone")) == pytest.approx(1199, abs=2)
    assert told["activities"] == told["computed"] == 7


def test_nothing_is_read_where_nothing_changed(trained: Athlete, monkeypatch: pytest.MonkeyPatch) -> None:
    trained.relate(TODAY)
    before = trained.snapshot()
    monkeypatch.setattr("perf_pipeline.pipeline.stages.relative_metrics.read_signals", None)
    assert trained.relate(TODAY)["up_to_date"] == 1
    assert trained.relate(date(2026, 6, 15))["computed"] == 0
    assert differences(before, trained.snapshot()) == []


def test_a_weight_of_a_later_day_changes_what_comes_after_it_alone(trained: Athlete) -> None:
    trained.relate(TODAY)
    before = metrics(trained)
    trained.drop("june.csv", b"date,metric,value\n2026-06-01,weight_kg,71\n")
    trained.take_in()
    trained.months()
    trained.history(TODAY)
    assert trained.relate(TODAY)["computed"] == 1
    after = metrics(trained)
    assert after["2026-05-20"] == before["2026-05-20"]
    assert after["2026-06-02"]["weight_kg"] == 71


def test_a_recomputed_month_keeps_the_rows_and_a_full_refresh_gives_the_same(trained: Athlete) -> None:
    trained.relate(TODAY)
    before = trained.snapshot()
    trained.months(full_refresh=True)
    assert trained.relate(TODAY)["computed"] == 0
    trained.relate(TODAY, full_refresh=True)
    assert differences(before, trained.snapshot()) == []


def test_an_activity_that_gave_way_loses_its_rows(trained: Athlete) -> None:
    trained.relate(TODAY)
    table = METADATA.tables["activities"]
    ids = {row["started_at"].date(): row["id"] for row in trained.rows("activities")}
    with trained.warehouse.begin() as connection:
        connection.execute(
            table.update().where(table.c.id == ids[date(2026, 6, 2)]).values(superseded_by=ids[date(2026, 5, 20)])
        )
    trained.relate(TODAY)
    assert set(metrics(trained)) == {"2026-05-20"}


def test_processes_give_the_same_rows(trained: Athlete) -> None:
    trained.relate(TODAY)
    before = trained.snapshot()
    executor = ProcessExecutor(2)
    try:
        trained.relate(TODAY, executor=executor, full_refresh=True)
    finally:
        executor.close()
    assert differences(before, trained.snapshot()) == []


def test_killed_between_any_two_calls_the_next_run_ends_the_same(trained: Athlete) -> None:
    trained.relate(TODAY)
    wanted = trained.snapshot()

    def forget() -> None:
        with trained.warehouse.begin() as connection:
            for name in ("activity_outputs", "athlete_outputs"):
                connection.execute(METADATA.tables[name].delete())
            table = METADATA.tables["activity_metrics"]
            connection.execute(table.delete().where(table.c.grain == "athlete"))

    forget()
    with trained.killed_at(0) as clock:
        trained.relate(TODAY)
    for call in range(1, len(clock.calls) + 1):
        forget()
        with trained.killed_at(call):
            trained.relate(TODAY)
        trained.relate(TODAY)
        assert differences(wanted, trained.snapshot()) == [], f"killed before call {call}"


def test_a_banister_model_without_tests_is_refused_and_says_why(trained: Athlete) -> None:
    trained.impulse_response(TODAY)
    rows: dict[str, Any] = {row["test"]: row for row in trained.rows("impulse_response_models")}
    assert rows["power 300 s"]["refusal"].endswith("days with a test, 10 are needed")
    assert rows["power 300 s"]["p0"] is None
    assert trained.impulse_response(TODAY)["up_to_date"] == 1


def test_without_the_months_signals_it_says_what_to_do_and_does_the_other_months(trained: Athlete) -> None:
    with trained.warehouse.begin() as connection:
        table = METADATA.tables["month_outputs"]
        connection.execute(table.delete().where(table.c.month == "2026-05", table.c.stage == "activity_signals"))
    with pytest.raises(MonthsFailedError, match="2026-05: no signals: materialize activity_signals"):
        trained.relate(TODAY)
    assert set(metrics(trained)) == {"2026-06-02"}
    trained.months()
    trained.relate(TODAY)
    assert set(metrics(trained)) == {"2026-05-20", "2026-06-02"}


def test_an_activity_that_came_after_its_months_signals_is_told_and_comes_with_them(trained: Athlete) -> None:
    trained.relate(TODAY)
    trained.drop("late.fit", making.fit(making.ride("2026-06-04T10:00", 20, 210)))
    trained.take_in()
    trained.months(tuple(stage for stage in MONTH_STAGES if stage != "activity_signals"))
    trained.history(TODAY)
    with pytest.raises(MonthsFailedError, match="2026-06: no signals of 1 activities"):
        trained.relate(TODAY)
    trained.months()
    assert trained.relate(TODAY)["computed"] == 1
    assert "2026-06-04" in metrics(trained)


def test_what_is_passed_over_as_settled_has_not_changed(trained: Athlete) -> None:
    trained.relate(TODAY)
    for day, watts in ((10, 240), (12, 215), (13, 220)):
        trained.drop(f"june {day}.fit", making.fit(making.ride(f"2026-06-{day:02d}T10:00", 20, watts)))
        trained.take_in()
        trained.months()
        trained.history(TODAY)
        told = trained.relate(TODAY)
        assert told["computed"] >= 1
        assert told["activities"] < 7
    trained.drop("late.fit", making.fit(making.ride("2026-05-22T10:00", 20, 205)))
    trained.take_in()
    trained.months()
    trained.history(TODAY)
    assert trained.relate(TODAY)["activities"] > 7
    before = trained.snapshot()
    with trained.warehouse.begin() as connection:
        connection.exec_driver_sql("delete from athlete_outputs where stage like 'relative_metrics%%'")
    assert trained.relate(TODAY)["computed"] == 0
    assert differences(before, trained.snapshot()) == []
