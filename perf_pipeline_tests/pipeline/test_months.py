"""The unit of work: what is stale is computed, the rest is left alone, a month is replaced whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perf_pipeline.formats.model import CorruptFileError
from perf_pipeline.pipeline import month_tasks, month_work, months
from perf_pipeline.pipeline.compute import ProcessExecutor
from perf_pipeline.pipeline.journal import newest_rows
from perf_pipeline.pipeline.month_tasks import months_behind
from perf_pipeline.pipeline.month_work import ACTIVITIES, CURVES, EFFORTS, METRICS, PROFILE_METRICS, STREAMS
from perf_pipeline.pipeline.months import MonthsFailedError
from perf_pipeline.pipeline.quality import agreement_with_devices
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage.errors import LeaseLostError
from perf_pipeline.storage.tables import activity_metrics, athlete_leases, source_files
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import LONG_AGO, Athlete
from perf_pipeline_tests.pipeline.workers import DeadlyFile

MAY = making.fit(making.ride("2026-05-04T10:00", 6))
BAD = making.fit(making.ride("2026-05-06", 2))
MAY_RUN = making.gpx(making.run("2026-05-05T10:00", 6))
JUNE = making.fit(making.swim("2026-06-01T10:00", 6))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def trained(athlete: Athlete) -> Athlete:
    """Two activities in May and one in June, taken in and computed."""
    for name, data in {"ride.fit": MAY, "run.gpx": MAY_RUN, "swim.fit": JUNE}.items():
        athlete.drop(name, data)
    athlete.take_in()
    athlete.months()
    return athlete


@contextmanager
def another_version(monkeypatch: pytest.MonkeyPatch, *stages: str) -> Iterator[None]:
    """As if the code of the stages had been edited."""
    real = month_tasks.stage_versions()
    with monkeypatch.context() as patch:
        patch.setattr(month_tasks, "stage_versions", lambda: {**real, **dict.fromkeys(stages, "edited")})
        yield


def computed_stages(athlete: Athlete) -> dict[tuple[str, str], object]:
    return {(row["month"], row["stage"]): row["computed_at"] for row in athlete.rows("month_outputs")}


def changed_stages(before: dict[tuple[str, str], object], athlete: Athlete) -> set[tuple[str, str]]:
    after = computed_stages(athlete)
    return {key for key in after if after[key] != before.get(key)}


def test_activities_efforts_and_metrics_come_from_each_archived_file(trained: Athlete) -> None:
    rows = {row["type"]: row for row in trained.rows("activities")}
    assert set(rows) == {"bike", "run", "swim"}
    assert rows["bike"]["fit_file_path"] == f"archive/athlete=ann/month=2026-05/{sha(MAY)}.fit"
    assert (rows["bike"]["archive_month"], rows["swim"]["archive_month"]) == ("2026-05", "2026-06")
    assert rows["bike"]["distance_meters"] == 9 * 359
    best = {
        row["duration_seconds"]: float(row["value"])
        for row in trained.rows("activity_efforts")
        if row["effort_type"] == "power"
    }
    assert best[300] == best[60] == 200
    assert {row["activity_id"] for row in trained.rows("activity_metrics")} == {row["id"] for row in rows.values()}


def test_a_second_run_finds_nothing_to_do_and_changes_nothing(trained: Athlete) -> None:
    before, objects, times = trained.snapshot(), trained.contents(), computed_stages(trained)
    report = trained.months()
    assert (report.computed, report.skipped) == ([], 2)
    assert differences(before, trained.snapshot()) == []
    assert (trained.contents(), computed_stages(trained)) == (objects, times)
    assert months_behind(trained.warehouse, trained.profile_id, trained.store, "ann") == []


def test_a_new_file_recomputes_its_month_and_no_other(trained: Athlete) -> None:
    trained.drop("late.fit", making.fit(making.ride("2026-05-20")))
    trained.take_in()
    assert months_behind(trained.warehouse, trained.profile_id, trained.store, "ann") == ["2026-05"]
    before = computed_stages(trained)
    report = trained.months()
    assert (report.computed, report.skipped) == (["2026-05"], 1)
    assert {month for month, _ in changed_stages(before, trained)} == {"2026-05"}
    assert len(trained.rows("activities")) == 4


def test_a_full_refresh_computes_all_again_and_gives_the_same_rows_and_files(trained: Athlete) -> None:
    before, objects, times = trained.snapshot(), trained.contents(), computed_stages(trained)
    made = {row["id"]: row["created_at"] for row in trained.rows("activities")}
    report = trained.months(full_refresh=True)
    assert (sorted(report.computed), report.skipped) == (["2026-05", "2026-06"], 0)
    assert changed_stages(times, trained) == set(times)
    assert differences(before, trained.snapshot()) == []
    assert trained.contents() == objects
    assert {row["id"]: row["created_at"] for row in trained.rows("activities")} == made


def test_since_and_until_leave_other_months_alone(trained: Athlete) -> None:
    report = trained.months(full_refresh=True, since="2026-06")
    assert report.computed == ["2026-06"]
    report = trained.months(full_refresh=True, since="2026-05", until="2026-05")
    assert report.computed == ["2026-05"]


@pytest.mark.parametrize(
    ("edited", "recomputed"),
    [
        (STREAMS, {STREAMS}),  # what it gives is the same, so nothing downstream has a new input
        (ACTIVITIES, {ACTIVITIES}),
        (EFFORTS, {EFFORTS}),
        (CURVES, {CURVES}),
        (METRICS, {METRICS}),
    ],
)
def test_an_edit_of_a_stage_recomputes_that_stage_alone_while_its_output_stays(
    trained: Athlete, monkeypatch: pytest.MonkeyPatch, edited: str, recomputed: set[str]
) -> None:
    before, rows = computed_stages(trained), trained.snapshot()
    with another_version(monkeypatch, edited):
        trained.months()
    assert {stage for _, stage in changed_stages(before, trained)} == recomputed
    assert {line.split()[0] for line in differences(rows, trained.snapshot())} == {"month_outputs"}


def test_streams_that_change_recompute_everything_downstream(trained: Athlete, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = month_work.decode

    def renamed(*arguments: object) -> list[object]:
        return [replace(s, session=replace(s.session, notes="read anew")) for s in decode(*arguments)]

    monkeypatch.setattr(month_work, "decode", renamed)
    before = computed_stages(trained)
    with another_version(monkeypatch, STREAMS):
        trained.months(until="2026-05")
    assert changed_stages(before, trained) == {("2026-05", s) for s in (STREAMS, *month_work.DERIVED_STAGES)}


def test_only_the_stages_asked_for_and_what_feeds_them_are_computed(athlete: Athlete) -> None:
    athlete.drop("ride.fit", MAY)
    athlete.take_in()
    athlete.months((EFFORTS,))
    assert {stage for _, stage in computed_stages(athlete)} == {STREAMS, ACTIVITIES, EFFORTS}
    assert athlete.rows("activity_metrics") == []
    athlete.months((METRICS,))
    assert athlete.rows("activity_metrics") != []


@pytest.mark.parametrize("sidecar", ["ride.yaml", "ride.fit.yaml"])
def test_a_sidecar_that_arrives_later_names_its_activity(trained: Athlete, sidecar: str) -> None:
    trained.drop(sidecar, b"name: Over the pass\nnotes: windy\n")
    trained.take_in()
    before = computed_stages(trained)
    trained.months()
    named = {row["type"]: (row["name"], row["notes"]) for row in trained.rows("activities")}
    assert named["bike"] == ("Over the pass", "windy")
    assert named["run"] == ("Midday Run", None)
    assert changed_stages(before, trained) == {("2026-05", ACTIVITIES)}


def test_of_several_versions_of_a_sidecar_the_newest_counts_also_when_it_is_an_old_text(trained: Athlete) -> None:
    for day, name in enumerate((b"One", b"Two", b"One")):
        trained.drop("ride.yaml", b"name: " + name, modified=LONG_AGO + day)
        trained.take_in()
    trained.months()
    assert "One" in {row["name"] for row in trained.rows("activities")}


def test_a_sidecar_that_corrects_the_sport_changes_the_efforts(trained: Athlete) -> None:
    trained.drop("run.yaml", b"type: ride\n")
    trained.take_in()
    trained.months()
    assert sorted(row["type"] for row in trained.rows("activities")) == ["bike", "bike", "swim"]
    assert {row["effort_type"] for row in trained.rows("activity_efforts") if row["distance_meters"]} == {"pace"}
    runs = [row for row in trained.rows("activity_efforts") if row["unit"] == "s/km"]
    assert runs == []


def test_a_file_that_fails_after_archiving_is_quarantined_and_its_month_goes_on(
    athlete: Athlete, monkeypatch: pytest.MonkeyPatch
) -> None:
    athlete.drop("ride.fit", MAY)
    athlete.drop("bad.fit", BAD)
    athlete.take_in()
    (bad,) = (row for row in athlete.rows("source_files") if row["sha256"] != sha(MAY))
    refuse_bad(monkeypatch)
    report = athlete.months()
    assert dict(report.verdicts) == {"archived": 1, "quarantined": 1}
    (row,) = (row for row in athlete.rows("source_files") if row["id"] == bad["id"])
    assert (row["status"], bool(row["reason"]), row["archive_path"]) == ("quarantined", True, bad["archive_path"])
    note = json.loads(athlete.store.get(f"quarantine/athlete=ann/{bad['sha256']}.json"))
    assert (note["name"], note["reason"]) == (bad["archive_path"], row["reason"])
    assert [a["source_file_id"] for a in athlete.rows("activities")] != [bad["id"]]
    assert len(athlete.rows("activities")) == 1


def refuse_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is recognised by its head, and cannot be read beyond."""
    real = month_work.decode

    def decode(profile_id: object, sha256: str, data: bytes) -> object:
        if sha256 == sha(BAD):
            raise CorruptFileError("no record can be read")
        return real(profile_id, sha256, data)

    monkeypatch.setattr(month_work, "decode", decode)


def test_a_quarantined_file_is_tried_again_when_the_reader_changes(
    athlete: Athlete, monkeypatch: pytest.MonkeyPatch
) -> None:
    athlete.drop("ride.fit", MAY)
    athlete.take_in()
    with monkeypatch.context() as patch:
        patch.setattr(month_work, "decode", failing_decode)
        athlete.months()
    (row,) = athlete.rows("source_files")
    assert (row["status"], row["reason"]) == ("quarantined", "the reader failed: ZeroDivisionError")
    assert athlete.rows("activities") == []
    assert athlete.months().computed == []
    with another_version(monkeypatch, STREAMS):
        athlete.months()
    (row,) = athlete.rows("source_files")
    assert (row["status"], row["reason"]) == ("archived", None)
    assert athlete.keys("quarantine") == []
    assert len(athlete.rows("activities")) == 1


def failing_decode(*_: object) -> list[object]:
    raise ZeroDivisionError


def test_a_file_without_an_activity_is_said_to_be_none(athlete: Athlete, monkeypatch: pytest.MonkeyPatch) -> None:
    def course(*_: object) -> list[object]:
        raise month_work.NotAnActivityError("a course file")

    athlete.drop("ride.fit", MAY)
    athlete.take_in()
    monkeypatch.setattr(month_work, "decode", course)
    athlete.months()
    assert [(row["status"], row["reason"]) for row in athlete.rows("source_files")] == [
        ("not_an_activity", "a course file")
    ]


def test_a_fault_of_the_code_fails_its_month_and_no_other(trained: Athlete, monkeypatch: pytest.MonkeyPatch) -> None:
    before = trained.snapshot()
    real = month_work.efforts.rows

    def faulty(profile_id: object, prepared: object) -> list[dict[str, object]]:
        if prepared.clean.sport == "run":
            raise ZeroDivisionError("of efforts")
        return real(profile_id, prepared)

    monkeypatch.setattr(month_work.efforts, "rows", faulty)
    with pytest.raises(
        MonthsFailedError, match=r"1 months failed .*2026-05: activity_efforts: ZeroDivisionError: of efforts"
    ):
        trained.months(full_refresh=True)
    assert differences(before, trained.snapshot()) == []


def test_a_file_that_kills_its_worker_is_quarantined_and_the_others_are_computed(athlete: Athlete) -> None:
    for name, data in {"ride.fit": MAY, "run.gpx": MAY_RUN, "swim.fit": JUNE}.items():
        athlete.drop(name, data)
    athlete.take_in()
    processes = ProcessExecutor(2)
    athlete.months(executor=DeadlyFile(processes, sha(MAY_RUN)))
    processes.close()
    assert sorted(row["type"] for row in athlete.rows("activities")) == ["bike", "swim"]
    status = {row["sha256"]: (row["status"], row["reason"]) for row in athlete.rows("source_files")}
    assert status[sha(MAY_RUN)] == ("quarantined", "the reader's process died")
    assert status[sha(MAY)] == ("archived", None)


def test_processes_give_the_same_rows_as_this_process(trained: Athlete) -> None:
    before = trained.snapshot()
    processes = ProcessExecutor(2)
    trained.months(executor=processes, full_refresh=True)
    processes.close()
    assert differences(before, trained.snapshot()) == []


def test_parquet_gets_its_name_only_with_the_commit(athlete: Athlete) -> None:
    athlete.drop("ride.fit", MAY)
    athlete.take_in()
    with athlete.killed_at(0) as clock:
        athlete.months()
    moves = [index for index, call in enumerate(clock.calls) if call.startswith("move")]
    assert clock.calls[moves[0]] == "move streams/athlete=ann/month=2026-05/streams.parquet"
    begun, committed = clock.calls.index("begin"), clock.calls.index("commit")
    assert all(begun < move < committed for move in moves)
    assert not [
        call for call in clock.calls if call.startswith(("put streams", "put sessions", "put curves", "put signals"))
    ]
    assert athlete.keys("staging") == []


def test_a_holder_who_lost_the_lease_cannot_commit(athlete: Athlete) -> None:
    athlete.drop("ride.fit", MAY)
    athlete.take_in()
    with athlete.lease() as stalled:
        with athlete.warehouse.begin() as connection:
            connection.execute(athlete_leases.update().values(token=athlete_leases.c.token + 1))
        with pytest.raises(LeaseLostError):
            months.bring_up_to_date(
                athlete.store, athlete.warehouse, stalled, "ann", athlete.executor,
                stages=frozenset({STREAMS, ACTIVITIES}), file_timeout_seconds=60,
            )  # fmt: skip
    assert athlete.rows("activities") == athlete.rows("month_outputs") == []
    assert athlete.keys("streams", "sessions", "curves", "signals") == []


def test_an_activity_whose_file_has_gone_is_deleted_and_the_others_keep_their_ids(trained: Athlete) -> None:
    before = {row["id"]: row["created_at"] for row in trained.rows("activities") if row["type"] != "run"}
    with trained.warehouse.begin() as connection:
        connection.execute(source_files.update().where(source_files.c.sha256 == sha(MAY_RUN)).values(kind="other"))
    trained.months()
    assert {row["id"]: row["created_at"] for row in trained.rows("activities")} == before
    assert {row["activity_id"] for row in trained.rows("activity_efforts")} == set(before)


@pytest.mark.parametrize("stages", [(STREAMS,), (STREAMS, ACTIVITIES), month_work.MONTH_STAGES])
def test_a_month_that_has_lost_its_last_file_leaves_nothing_behind(trained: Athlete, stages: tuple[str, ...]) -> None:
    with trained.warehouse.begin() as connection:
        connection.execute(source_files.update().where(source_files.c.sha256 == sha(JUNE)).values(kind="other"))
    trained.months(stages)
    trained.months()
    assert {row["type"] for row in trained.rows("activities")} == {"bike", "run"}
    assert {row["month"] for row in trained.rows("month_outputs")} == {"2026-05"}
    folders = [f"{kind}/athlete=ann/month=2026-06" for kind in ("streams", "sessions", "curves", "signals")]
    assert trained.keys(*folders, "staging") == []


@pytest.mark.parametrize("harm", ["removed", "damaged", "of another run"])
def test_parquet_that_is_not_what_was_recorded_is_written_again_when_a_stage_needs_it(
    trained: Athlete, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    before, objects = trained.snapshot(), trained.contents()
    key = "streams/athlete=ann/month=2026-05/streams.parquet"
    if harm == "removed":
        trained.store.delete(key)
    elif harm == "damaged":
        trained.store.put(key, trained.store.get(key)[:-20])
    else:
        trained.store.put(key, trained.store.get(key.replace("-05", "-06")))
    with another_version(monkeypatch, EFFORTS):
        trained.months()
    assert trained.contents() == objects
    assert {line.split()[0] for line in differences(before, trained.snapshot())} == {"month_outputs"}


def test_wellness_files_give_the_athletes_own_metrics(athlete: Athlete) -> None:
    athlete.drop("body.csv", b"date,metric,value\n2026-05-04,weight_kg,71.5\n2026-05-05,resting_hr_bpm,48\n")
    athlete.take_in()
    athlete.months((PROFILE_METRICS,))
    rows = {row["metric_type"]: (float(row["value"]), row["unit"]) for row in athlete.rows("profile_metrics")}
    assert rows == {"weight_kg": (71.5, "kg"), "resting_hr_bpm": (48.0, "bpm")}
    assert {stage for _, stage in computed_stages(athlete)} == {PROFILE_METRICS}


@pytest.mark.parametrize("year", ["0001", "9999", "1989", "2099"])
def test_a_clock_of_any_year_stops_no_month(athlete: Athlete, year: str) -> None:
    wrong = making.gpx(making.run("2026-05-04", 3)).replace(b"2026-05-04", f"{year}-12-31".encode())
    wrong = wrong.replace(b"9999-12-31T", b"9999-12-31T").replace(b"0001-12-31", b"0001-01-01")
    athlete.drop("clock.gpx", wrong.replace(b"Z</time>", b"-12:00</time>" if year == "9999" else b"+12:00</time>"))
    athlete.drop("ride.fit", MAY)
    athlete.take_in()
    athlete.months()
    assert "bike" in {row["type"] for row in athlete.rows("activities")}
    assert sum(row["status"] in {"archived", "quarantined"} for row in athlete.rows("source_files")) == 2
    assert months_behind(athlete.warehouse, athlete.profile_id, athlete.store, "ann") == []


def test_an_analyst_reads_the_streams_by_month_with_duckdb(trained: Athlete) -> None:
    query = f"""
        select athlete, cast(month as varchar), count(*), max(power_watts), count(distinct activity_id)
        from read_parquet('{trained.root}/streams/*/*/*.parquet', hive_partitioning = true)
        group by 1, 2 order by 2
    """
    with duckdb.connect() as connection:
        assert connection.execute(query).fetchall() == [
            ("ann", "2026-05", 720, 200.0, 2),
            ("ann", "2026-06", 360, None, 1),
        ]


def test_an_analyst_reads_the_curves_by_month_with_duckdb(trained: Athlete) -> None:
    query = f"""
        select cast(month as varchar), sport, duration_seconds, max(power_watts), round(max(speed_mps)::double, 2)
        from read_parquet('{trained.root}/curves/*/*/*.parquet', hive_partitioning = true)
        where duration_seconds in (1, 300) group by 1, 2, 3 order by 1, 2, 3
    """
    with duckdb.connect() as connection:
        assert connection.execute(query).fetchall() == [
            ("2026-05", "bike", 1, 200.0, 9.0),
            ("2026-05", "bike", 300, 200.0, 9.0),
            ("2026-05", "run", 1, None, 3.0),
            ("2026-05", "run", 300, None, 3.0),
            ("2026-06", "swim", 1, None, 1.0),
            ("2026-06", "swim", 300, None, 1.0),
        ]


def test_the_curve_of_a_corrected_sport_is_written_anew(trained: Athlete) -> None:
    trained.drop("run.yaml", b"type: ride\n")
    trained.take_in()
    before = computed_stages(trained)
    trained.months()
    assert ("2026-05", CURVES) in changed_stages(before, trained)
    (key,) = trained.keys("curves/athlete=ann/month=2026-05")
    assert set(pq.read_table(pa.BufferReader(trained.store.get(key))).column("sport").to_pylist()) == {"bike"}


def test_a_month_replaces_the_metrics_of_its_own_grain_and_leaves_the_athletes(trained: Athlete) -> None:
    ride = next(row["id"] for row in trained.rows("activities") if row["type"] == "bike")
    theirs = {
        "activity_id": ride, "metric": "intensity_factor", "profile_id": trained.profile_id, "value": 0.8, "unit": "1",
        "grain": "athlete",
    }  # fmt: skip
    with trained.warehouse.begin() as connection:
        connection.execute(activity_metrics.insert().values(theirs))
    before = trained.rows("activity_metrics")
    trained.months(full_refresh=True)
    assert trained.rows("activity_metrics") == before
    assert theirs in before


def test_the_share_of_numbers_that_are_the_devices_own_is_told_by_measure(athlete: Athlete) -> None:
    said = {"duration_seconds": 359.6, "distance_meters": 3231.0, "mean_power_watts": 201.0}
    for day, power in enumerate((201.0, 201.0, 260.0, 201.0)):  # the third device leaves something out
        summary = {**said, "mean_power_watts": power}
        athlete.drop(f"{day}.fit", making.fit(making.ride(f"2026-05-0{day + 1}T10:00", 6, summary=summary)))
    athlete.take_in()
    athlete.months()
    with athlete.warehouse.begin() as connection:
        found = agreement_with_devices(connection, [athlete.profile_id])
    assert {name: found[name] for name in said} == {
        "duration_seconds": (4, 1.0), "distance_meters": (4, 1.0), "mean_power_watts": (4, 0.75),
    }  # fmt: skip


def drop_two(athlete: Athlete) -> None:
    """A ride and a file that fails after archiving in May, a swim in June."""
    for name, data in {"ride.fit": MAY, "bad.fit": BAD, "swim.fit": JUNE, "swim.yaml": b"name: Lake\n"}.items():
        athlete.drop(name, data)
    athlete.take_in()


def without_times(objects: dict[str, bytes]) -> dict[str, object]:
    """The objects, notes of quarantine without the moment at which they were written, the journal as what it tells."""
    files = newest_rows({key: data for key, data in objects.items() if "/journal/source_files/" in key}, "id")
    return {"journal": files} | {
        key: {**json.loads(data), "received_at": None} if key.startswith("quarantine/") else data
        for key, data in objects.items()
        if "/journal/" not in key
    }


def test_killed_at_any_call_the_next_run_ends_where_an_undisturbed_one_would(
    athlete: Athlete, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_bad(monkeypatch)
    drop_two(athlete)
    month_tasks._READ.clear()
    with athlete.killed_at(0) as clock:
        athlete.months()
    calls, wanted, objects = len(clock.calls), athlete.snapshot(), without_times(athlete.contents())
    assert calls > 15
    for call in range(1, calls + 1):
        athlete.forget()
        drop_two(athlete)
        month_tasks._READ.clear()  # a process of its own has read nothing
        with athlete.killed_at(call) as clock:
            athlete.months()
        assert len(clock.calls) == call
        athlete.months()
        assert differences(wanted, athlete.snapshot()) == [], f"killed before: {clock.calls[-1]}"
        assert without_times(athlete.contents()) == objects, f"killed before: {clock.calls[-1]}"


def test_a_refresh_that_was_stopped_goes_on_where_it_was(trained: Athlete) -> None:
    trained.months()
    began = datetime.now(UTC)
    trained.months(full_refresh=True, until="2026-05")
    done = computed_stages(trained)
    report = trained.months(full_refresh=True, refresh_began=began)
    assert (report.computed, report.skipped) == (["2026-06"], 1)
    assert {month for month, _ in changed_stages(done, trained)} == {"2026-06"}


def test_a_refresh_of_one_stage_leaves_what_feeds_it(trained: Athlete) -> None:
    trained.months()
    before = computed_stages(trained)
    trained.months((EFFORTS,), full_refresh=True, since="2026-06")
    assert changed_stages(before, trained) == {("2026-06", EFFORTS)}


def test_progress_tells_months_activities_and_time(trained: Athlete) -> None:
    heard: list[tuple[int, int, str]] = []
    trained.months(full_refresh=True, progress=lambda *told: heard.append(told))
    assert [told[:2] for told in heard] == [(1, 2), (2, 2)]
    assert re.fullmatch(r"1 of 2 months, \d+ activities/s, [\d.]+ (s|min|h) left", heard[0][2])
