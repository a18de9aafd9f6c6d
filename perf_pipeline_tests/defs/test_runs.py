"""Runs of the graph: one athlete from dropped file to notification, and many at once."""

from __future__ import annotations

import dagster as dg
import pytest

from perf_pipeline.defs.athletes import STAGE_ORDER
from perf_pipeline.defs.run_requests import FAILED_TAG
from perf_pipeline.pipeline import services
from perf_pipeline.pipeline.quality import incoherent_efforts
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage.errors import DatabaseUnavailableError
from perf_pipeline_tests import making
from perf_pipeline_tests.defs.conftest import Graph, checks, metadata

FIRST = making.fit(making.powers("2026-05-04T10:00", (180, 380), (360, 320), (720, 290)))
BETTER = making.fit(making.powers("2026-06-08T10:00", (180, 400), (360, 340), (720, 310)))


def drop_all(graph: Graph, handle: str = "ann") -> None:
    files = {"first.fit": FIRST, "again.fit": FIRST, "better.fit": BETTER, "bad.fit": b"?"}
    for name, data in files.items():
        graph.drop(handle, name, data)


def test_one_run_takes_an_athlete_from_dropped_files_to_notifications(graph: Graph) -> None:
    drop_all(graph)
    result = graph.run("ann")
    assert result.success
    told = metadata(result, "source_files")
    assert {k: told[k] for k in ("archived", "duplicate", "quarantined", "files", "waiting", "athletes")} == {
        "archived": 2, "duplicate": 1, "quarantined": 1, "files": 4, "waiting": 0, "athletes": 1,
    }  # fmt: skip
    told = metadata(result, "activities")
    assert {k: told[k] for k in ("rows", "months", "months_skipped", "athletes")} == {
        "rows": 2, "months": 2, "months_skipped": 0, "athletes": 1,
    }  # fmt: skip
    assert metadata(result, "activity_streams")["files"] == 2
    assert metadata(result, "threshold_models")["written"] > 0
    assert metadata(result, "notifications")["inserted"] == 3
    ann = graph.athlete()
    assert len(ann.rows("activities")) == 2
    noted = sorted(
        (row["type"], row["data"].get("kind"), row["data"].get("value")) for row in ann.rows("notifications")
    )
    # Each effort of the second ride is 20 W above the first one's, and both lie on a curve: 260 W, then 280 W.
    assert [(kind, what) for kind, what, _ in noted] == [
        ("milestone", "count"), ("milestone", "threshold"), ("personal_record", None),
    ]  # fmt: skip
    assert [value for _, what, value in noted if what] == [1, pytest.approx(280, abs=0.5)]
    assert ann.rows("daily_fitness")[-15]["date"].isoformat() == "2026-06-10"
    assert ann.keys("inbox") == []


def test_the_checks_judge_the_run(graph: Graph) -> None:
    drop_all(graph)
    found = checks(graph.run("ann"))
    assert found["nothing_in_quarantine"] is False
    assert [name for name, passed in found.items() if not passed] == ["nothing_in_quarantine"]
    assert {"no_month_left_behind", "efforts_are_coherent", "fitness_reaches_today"} <= set(found)


def test_a_second_run_skips_what_is_up_to_date_and_changes_nothing(graph: Graph) -> None:
    drop_all(graph)
    graph.run("ann")
    before = graph.athlete().snapshot()
    result = graph.run("ann")
    assert metadata(result, "activities")["months_skipped"] == 2
    assert metadata(result, "activities").get("rows", 0) == 0
    assert differences(before, graph.athlete().snapshot()) == []


def test_a_full_refresh_computes_all_again_and_gives_the_same_rows(graph: Graph) -> None:
    drop_all(graph)
    graph.run("ann")
    before = graph.athlete().snapshot()
    result = graph.run("ann", full_refresh=True)
    assert (metadata(result, "activities")["months"], metadata(result, "activities")["months_skipped"]) == (2, 0)
    assert differences(before, graph.athlete().snapshot()) == []


@pytest.mark.parametrize(
    ("scope", "months"), [({"since": "2026-06"}, 1), ({"until": "2026-05"}, 1), ({"since": "2026-07"}, 0)]
)
def test_since_and_until_bound_the_months_of_a_run(graph: Graph, scope: dict[str, str], months: int) -> None:
    drop_all(graph)
    result = graph.run("ann", **scope)
    assert metadata(result, "activities")["months"] == months
    assert checks(result)["no_month_left_behind"] is False


def test_young_files_wait_unless_the_run_says_that_they_are_complete(graph: Graph) -> None:
    graph.drop("ann", "first.fit", FIRST, age_seconds=0)
    told = metadata(graph.run("ann"), "source_files")
    assert (told["files"], told["waiting"]) == (0, 1)
    assert metadata(graph.run("ann", take_in_at_once=True), "source_files")["archived"] == 1


def test_a_selection_of_one_asset_brings_up_to_date_what_feeds_it_and_nothing_else(graph: Graph) -> None:
    drop_all(graph)
    graph.run("ann", asset_selection=[dg.AssetKey("source_files")])
    assert graph.athlete().rows("activities") == []
    result = graph.run("ann", asset_selection=[dg.AssetKey("activity_efforts")])
    assert result.success
    assert metadata(result, "activity_efforts")["rows"] > 0
    assert metadata(result, "activities") == {}
    ann = graph.athlete()
    assert {row["stage"] for row in ann.rows("month_outputs")} == {"activity_streams", "activities", "activity_efforts"}
    assert ann.rows("activity_metrics") == []


def test_many_athletes_share_a_run(graph: Graph) -> None:
    for handle in ("ann", "bob", "cid"):
        drop_all(graph, handle)
    result = graph.run("ann", "bob", "cid")
    assert result.success
    assert metadata(result, "source_files")["athletes"] == 3
    assert metadata(result, "source_files")["archived"] == 6
    owners = {row["profile_id"] for row in graph.athlete().rows("notifications")}
    assert owners == {graph.athlete(handle).profile_id for handle in ("ann", "bob", "cid")}


def test_the_list_of_athletes_limits_a_range(graph: Graph) -> None:
    for handle in ("ann", "bob", "cid"):
        drop_all(graph, handle)
    result = graph.run("ann", "bob", "cid", athletes=["ann", "cid"])
    assert result.success
    assert metadata(result, "source_files")["athletes"] == 2
    assert len(graph.athlete("bob").keys("inbox/bob")) == 4
    assert len(graph.athlete("bob").keys("inbox/ann", "inbox/cid")) == 0


def test_an_athlete_outside_the_list_is_not_judged(graph: Graph) -> None:
    drop_all(graph, "bob")
    graph.run("bob")
    graph.drop("ann", "first.fit", FIRST)
    graph.drop("cid", "first.fit", FIRST)
    found = checks(graph.run("ann", "bob", "cid", athletes=["ann", "cid"]))
    assert found["nothing_in_quarantine"] is True  # what is in bob's does not count here


def test_an_athlete_who_fails_does_not_stop_the_others_and_is_named_at_the_end(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LEASE_WAIT_SECONDS", 0.05)
    for handle in ("ann", "bob", "cid"):
        drop_all(graph, handle)
    with graph.athlete("bob").lease():  # somebody else is at work on bob
        result = graph.run("ann", "bob", "cid")
    assert not result.success
    (failed,) = (event for event in result.all_events if event.is_step_failure)
    assert failed.step_key == STAGE_ORDER[-1]
    message = failed.event_specific_data.error_display_string
    assert "1 of the run's athletes failed: bob: source_files: AthleteBusyError" in message
    owners = {row["profile_id"] for row in graph.athlete().rows("notifications")}
    assert owners == {graph.athlete("ann").profile_id, graph.athlete("cid").profile_id}
    assert len(graph.athlete("bob").keys("inbox/bob")) == 4
    assert graph.instance.get_run_by_id(result.run_id).tags[FAILED_TAG] == "bob"


def test_a_run_whose_only_athlete_fails_ends_at_once(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LEASE_WAIT_SECONDS", 0.05)
    drop_all(graph)
    with graph.athlete().lease():
        result = graph.run("ann")
    (failed,) = (event for event in result.all_events if event.is_step_failure)
    assert failed.step_key == "source_files"


def test_a_failure_is_forgotten_by_the_next_run(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LEASE_WAIT_SECONDS", 0.05)
    drop_all(graph)
    with graph.athlete().lease():
        graph.run("ann")
    assert graph.run("ann").success
    assert len(graph.athlete().rows("activities")) == 2


def test_a_month_that_fails_fails_the_run_and_names_the_month(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    from perf_pipeline.pipeline import month_work

    real = month_work.efforts.rows

    def faulty(profile_id: object, prepared: object) -> list[dict[str, object]]:
        if prepared.stored.session.start_ms > making.at("2026-06-01").timestamp() * 1000:
            raise ZeroDivisionError
        return real(profile_id, prepared)

    monkeypatch.setattr(month_work.efforts, "rows", faulty)
    drop_all(graph)
    result = graph.run("ann")
    assert not result.success
    reason = "2026-06: activity_efforts: ZeroDivisionError"
    assert reason in str(
        next(e.event_specific_data.error_display_string for e in result.all_events if e.is_step_failure)
    )
    # All else of that month, the other months, and the stages after them are done; what is not, is named.
    athlete = graph.athlete()
    assert [row["archive_month"] for row in athlete.rows("activities")] == ["2026-05", "2026-06"]
    assert len({row["activity_id"] for row in athlete.rows("activity_metrics")}) == 2
    assert len({row["activity_id"] for row in athlete.rows("activity_efforts")}) == 1
    assert athlete.rows("daily_fitness")
    assert not checks(result)["no_month_left_behind"]
    assert list(metadata(result, "activities")["failed_months"]["ann"]) == ["2026-06"]
    monkeypatch.undo()
    assert graph.run("ann").success
    assert len({row["activity_id"] for row in athlete.rows("activity_efforts")}) == 2


def test_a_database_that_is_down_fails_the_run_at_once(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def down(self: object, handle: str) -> object:
        asked.append(handle)
        raise DatabaseUnavailableError("the database went away")

    monkeypatch.setattr("perf_pipeline.storage.warehouse.Warehouse.ensure_profile", down)
    result = graph.run("ann", "bob")
    assert not result.success
    assert asked == ["ann"]


def test_a_new_day_moves_fitness_on_without_touching_the_files(graph: Graph) -> None:
    drop_all(graph)
    graph.run("ann")
    months = graph.athlete().rows("month_outputs")
    result = graph.run("ann", job="calendar_job", today="2026-06-11")
    assert result.success
    assert (
        max(r["date"].isoformat() for r in graph.athlete().rows("daily_fitness") if not r["projected"]) == "2026-06-11"
    )
    assert graph.athlete().rows("month_outputs") == months


def test_a_new_day_makes_up_for_a_run_that_failed_after_intake(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_all(graph)
    with monkeypatch.context() as patch:
        patch.setattr("perf_pipeline.defs.assets.months.bring_up_to_date", fail)
        assert not graph.run("ann").success
    assert (graph.athlete().keys("inbox"), graph.athlete().rows("activities")) == ([], [])
    assert graph.run("ann", job="calendar_job").success
    assert graph.athlete().rows("activities")


def fail(*arguments: object, **options: object) -> None:
    raise RuntimeError("out of luck")


def test_a_handle_that_may_not_name_an_athlete_fails_with_the_rule(graph: Graph) -> None:
    result = graph.run("Ann Smith")
    message = next(e.event_specific_data.error_display_string for e in result.all_events if e.is_step_failure)
    assert "'Ann Smith' may not name an athlete" in message


def test_efforts_are_looked_at_where_they_were_written_and_everywhere_after_a_fault(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str] | None] = []
    faults = {"2026-06": 1}

    def look(connection, profiles, months=None):
        found = incoherent_efforts(connection, profiles, months)
        asked.append(months)
        return found + list(profiles) * (faults.get("2026-06", 0) if months is None or "2026-06" in months else 0)

    monkeypatch.setattr("perf_pipeline.defs.checks.incoherent_efforts", look)
    graph.drop("ann", "first.fit", FIRST)
    assert checks(graph.run("ann"))["efforts_are_coherent"] is True
    assert checks(graph.run("ann"))["efforts_are_coherent"] is True
    assert asked == [["2026-05"]]
    graph.drop("ann", "better.fit", BETTER)
    assert checks(graph.run("ann"))["efforts_are_coherent"] is False
    assert checks(graph.run("ann"))["efforts_are_coherent"] is False
    faults.clear()
    assert checks(graph.run("ann"))["efforts_are_coherent"] is True
    assert checks(graph.run("ann"))["efforts_are_coherent"] is True
    assert asked == [["2026-05"], ["2026-06"], None, None]


def test_an_effort_that_contradicts_a_shorter_one_is_found_in_its_month(graph: Graph) -> None:
    drop_all(graph)
    graph.run("ann")
    ann = graph.athlete()
    with ann.warehouse.begin() as connection:
        wrong = connection.exec_driver_sql(
            "update activity_efforts set value = 1 where effort_type = 'power' and duration_seconds = 300"
            " and recorded_at > '2026-06-01' returning id"
        ).scalars().all()  # fmt: skip
        assert len(wrong) == 1
        for months, found in ((None, wrong), (["2026-06"], wrong), (["2026-05"], []), ([], [])):
            assert incoherent_efforts(connection, [ann.profile_id], months) == found, months
