"""Intake: what is dropped is archived or quarantined and accounted for, whatever it is and whatever happens."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perf_pipeline.formats.model import ActivityFile
from perf_pipeline.pipeline import intake, intake_work
from perf_pipeline.pipeline.compute import ProcessExecutor
from perf_pipeline.pipeline.journal import newest_rows
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage.errors import LeaseLostError, StorageUnavailableError
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import athlete_leases
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import LONG_AGO, Athlete
from perf_pipeline_tests.pipeline.crashing import Clock, CrashingStore


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def statuses(athlete: Athlete) -> dict[str, str]:
    return {row["name"]: row["status"] for row in athlete.rows("arrivals")}


def test_an_activity_is_archived_under_the_utc_month_of_its_start(athlete: Athlete) -> None:
    late = making.fit(making.ride("2026-04-30T23:58", utc_offset_seconds=7200))
    athlete.drop("tour/late.fit", late)
    report = athlete.take_in()
    key = f"archive/athlete=ann/month=2026-04/{sha(late)}.fit"
    assert athlete.store.get(key) == late
    assert athlete.keys("inbox", "quarantine") == []
    (row,) = athlete.rows("source_files")
    assert (row["archive_path"], row["month"], row["status"], row["bytes"]) == (key, "2026-04", "archived", len(late))
    assert row["starts_at"] == datetime(2026, 4, 30, 23, 58, tzinfo=UTC)
    assert statuses(athlete) == {"tour/late.fit": "archived"}
    assert (report.received, report.months) == (Counter(archived=1), {"2026-04"})


def test_a_file_that_tells_no_time_goes_to_the_month_in_which_it_arrived(athlete: Athlete) -> None:
    athlete.drop("ride.yaml", b"name: Home\n", modified=datetime(2026, 2, 3, tzinfo=UTC).timestamp())
    athlete.take_in()
    assert athlete.keys("archive/athlete=ann/month=2026-02") == [
        f"archive/athlete=ann/month=2026-02/{sha(b'name: Home' + bytes([10]))}.yaml"
    ]


@pytest.mark.parametrize("make", [making.fit, making.gpx, making.tcx])
def test_the_bytes_decide_what_a_file_is_and_not_its_name(athlete: Athlete, make: object) -> None:
    data = make(making.run("2026-05-04"))
    athlete.drop("upload.bin", data)
    athlete.take_in()
    (row,) = athlete.rows("source_files")
    assert (row["format"], row["kind"], row["status"]) == (make.__name__, "activity", "archived")


def test_the_same_content_under_another_name_or_packed_is_a_duplicate(athlete: Athlete) -> None:
    data = making.fit(making.ride("2026-05-04"))
    for name, content in {"a.fit": data, "b.fit": data, "c.fit.gz": making.gzipped(data)}.items():
        athlete.drop(name, content)
    athlete.take_in()
    athlete.drop("d.zip", making.zipped({"inside.fit": data}))
    athlete.take_in()
    assert statuses(athlete) == {
        "a.fit": "archived", "b.fit": "duplicate", "c.fit.gz": "duplicate", "d.zip!inside.fit": "duplicate",
    }  # fmt: skip
    assert len(athlete.keys("archive/athlete=ann/month=2026-05")) == 1
    assert athlete.keys("inbox") == []


def test_two_copies_that_arrive_in_different_months_are_kept_once(athlete: Athlete) -> None:
    athlete.drop("a.yaml", b"name: x\n", modified=datetime(2026, 2, 3, tzinfo=UTC).timestamp())
    athlete.drop("b.yaml", b"name: x\n", modified=datetime(2026, 3, 3, tzinfo=UTC).timestamp())
    athlete.take_in()
    (row,) = athlete.rows("source_files")
    assert [k for k in athlete.keys("archive") if "/journal/" not in k] == [row["archive_path"]]
    assert statuses(athlete) == {"a.yaml": "archived", "b.yaml": "duplicate"}


def test_the_same_file_dropped_again_changes_nothing_and_is_removed(athlete: Athlete) -> None:
    data = making.fit(making.ride("2026-05-04"))
    athlete.drop("a.fit", data)
    athlete.drop("bad.fit", making.corrupt(data))
    athlete.take_in()
    before, objects = athlete.snapshot(), athlete.contents()
    athlete.drop("a.fit", data, modified=LONG_AGO + 1000)
    athlete.drop("bad.fit", making.corrupt(data), modified=LONG_AGO + 1000)
    report = athlete.take_in()
    assert (report.already, report.received.total()) == (2, 0)
    assert differences(before, athlete.snapshot()) == []
    assert athlete.contents() == objects


def test_an_unreadable_file_is_quarantined_with_its_bytes_and_the_reason(athlete: Athlete) -> None:
    athlete.drop("notes.txt", b"just a note")
    athlete.drop("good.fit", making.fit(making.ride("2026-05-04")))
    report = athlete.take_in()
    name = f"quarantine/athlete=ann/{sha(b'just a note')}"
    assert athlete.store.get(f"{name}.bin") == b"just a note"
    note = json.loads(athlete.store.get(f"{name}.json"))
    assert note == {
        "name": "notes.txt", "reason": "neither FIT, GPX, TCX, a workout nor a wellness table", "object": f"{name}.bin",
        "received_at": datetime.fromtimestamp(LONG_AGO, UTC).isoformat(),
    }  # fmt: skip
    assert report.problems == [("notes.txt", note["reason"])]
    assert report.received == Counter(archived=1, quarantined=1)
    assert athlete.keys("inbox") == []


@pytest.mark.parametrize("text", [b"name: [1, 2]\n", b"a: &x 1\nb: *x\n", b"\tname: x", b"- a list\n", b"\xff\xfe\xfa"])
@pytest.mark.parametrize("name", ["ride.yaml", "profile.yaml"])
def test_a_text_beside_the_activities_that_says_nothing_readable_is_quarantined(
    athlete: Athlete, name: str, text: bytes
) -> None:
    athlete.drop(name, text.replace(b"name", b"timezone") if name == "profile.yaml" else text)
    athlete.take_in()
    assert statuses(athlete) == {name: "quarantined"}


def test_what_is_no_activity_is_kept_and_said_to_be_none(athlete: Athlete) -> None:
    table = b"lap,watts\n1,200\n"
    athlete.drop("laps.csv", table)
    report = athlete.take_in()
    (row,) = athlete.rows("source_files")
    assert (row["status"], row["kind"], bool(row["reason"])) == ("not_an_activity", "other", True)
    assert athlete.store.get(row["archive_path"]) == table
    assert report.received == Counter(not_an_activity=1)


def test_every_member_of_a_container_is_accounted_for_by_its_own_name(athlete: Athlete) -> None:
    members = {
        "may/ride.fit": making.fit(making.ride("2026-05-04")), "bad.fit": b"nonsense", "__MACOSX/._ride.fit": b"litter",
        "run.gpx.gz": making.gzipped(making.gpx(making.run("2026-05-05"))),
    }  # fmt: skip
    athlete.drop("export.zip", making.zipped(members))
    athlete.take_in()
    assert statuses(athlete) == {
        "export.zip!may/ride.fit": "archived", "export.zip!run.gpx.gz": "archived", "export.zip!bad.fit": "quarantined",
    }  # fmt: skip


def test_what_an_export_tells_of_its_members_is_recorded_with_them(athlete: Athlete) -> None:
    table = (
        b"Activity ID,Activity Date,Activity Name,Activity Type,Activity Description,Filename\n"
        b"1,x,Over the pass,Ride,,activities/1.fit\n"
    )
    members = {"activities.csv": table, "activities/1.fit": making.fit(making.ride("2026-05-04"))}
    athlete.drop("export.zip", making.zipped(members))
    athlete.take_in()
    told = {row["name"]: row["sidecar"] for row in athlete.rows("arrivals")}
    assert told["export.zip!activities/1.fit"] == {"name": "Over the pass", "type": "Ride"}


def test_a_container_that_expands_without_bound_is_set_aside_and_the_others_go_on(athlete: Athlete) -> None:
    athlete.drop("bomb.gz", making.gzipped(bytes(30_000_000)))
    athlete.drop("good.fit", making.fit(making.ride("2026-05-04")))
    athlete.take_in()
    assert statuses(athlete) == {"bomb.gz": "quarantined", "good.fit": "archived"}
    assert "expands" in next(row["reason"] for row in athlete.rows("source_files") if row["status"] == "quarantined")


def test_an_empty_container_is_kept_and_said_to_be_empty(athlete: Athlete) -> None:
    athlete.drop("empty.zip", making.zipped({}))
    athlete.take_in()
    assert statuses(athlete) == {"empty.zip": "not_an_activity"}


def test_a_fault_of_a_reader_costs_the_file_that_shows_it(athlete: Athlete, monkeypatch: pytest.MonkeyPatch) -> None:
    identify = intake_work.reading.identify

    def faulty(data: bytes, name: str) -> object:
        if name == "odd.fit":
            raise ZeroDivisionError
        return identify(data, name)

    monkeypatch.setattr(intake_work.reading, "identify", faulty)
    athlete.drop("odd.fit", making.fit(making.ride("2026-05-04")))
    athlete.drop("good.fit", making.fit(making.ride("2026-05-05")))
    report = athlete.take_in()
    assert statuses(athlete) == {"odd.fit": "quarantined", "good.fit": "archived"}
    assert report.problems == [("odd.fit", "the reader failed: ZeroDivisionError")]


def test_arrivals_are_as_many_as_files_given(athlete: Athlete) -> None:
    data = making.fit(making.ride("2026-05-04"))
    given = {
        "a.fit": data, "b.fit": data, "c.fit": making.corrupt(data), "empty.fit": b"", "d.csv": b"x,y\n",
        "e.tcx": b"<html>", "f.zip": making.zipped({"1.fit": making.fit(making.swim("2026-05-06")), "2.fit": b""}),
        "ride.yaml": b"name: x\n",
    }  # fmt: skip
    for name, content in given.items():
        athlete.drop(name, content)
    report = athlete.take_in()
    assert report.received.total() == len(given) + 1  # the zip is its two members
    assert Counter(statuses(athlete).values()) == report.received
    assert len(athlete.rows("arrivals")) == len(given) + 1


def test_a_profile_changes_the_athlete_and_the_newest_wins_whenever_it_comes(athlete: Athlete) -> None:
    def told() -> tuple[object, ...]:
        (row,) = athlete.rows("profiles")
        return row["sex"], row["timezone"], str(row["birth_date"])

    athlete.drop("profile.yaml", b"sex: f\ntimezone: Europe/Berlin\nbirth_date: 1990-12-31\n", modified=LONG_AGO)
    athlete.take_in()
    assert told() == ("female", "Europe/Berlin", "1990-12-31")
    athlete.drop("profile.yaml", b"sex: m\n", modified=LONG_AGO + 10)
    athlete.take_in()
    assert told() == ("male", None, "None")
    athlete.drop("old/profile.yaml", b"sex: f\n", modified=LONG_AGO - 10)
    athlete.take_in()
    assert told() == ("male", None, "None")


def test_a_profile_that_is_taken_back_to_an_earlier_text_counts_again(athlete: Athlete) -> None:
    for day, sex in enumerate((b"f", b"m", b"f")):
        athlete.drop("profile.yaml", b"sex: " + sex, modified=LONG_AGO + day)
        athlete.take_in()
    assert [row["sex"] for row in athlete.rows("profiles")] == ["female"]
    assert len(athlete.rows("arrivals")) == 2


def test_a_young_file_waits(athlete: Athlete) -> None:
    athlete.drop("a.fit", making.fit(making.ride("2026-05-04")))
    young = datetime.fromtimestamp(LONG_AGO + 1.5, UTC)
    assert athlete.take_in(now=young).waiting == 1
    assert athlete.rows("arrivals") == []
    assert athlete.take_in(now=young, settle_seconds=0).received == Counter(archived=1)


def test_a_name_that_is_no_text_stays_in_place_and_stops_nobody(athlete: Athlete) -> None:
    good = athlete.drop("good.fit", making.fit(making.ride("2026-05-04")))
    odd = good.with_name("l\udce4uft.fit")
    odd.write_bytes(b"x")
    athlete.take_in()
    assert (odd.exists(), statuses(athlete)) == (True, {"good.fit": "archived"})


class _ForgetfulStore(CrashingStore):
    """Writes something else than it was given."""

    def put(self, key: str, data: bytes) -> None:
        self.inner.put(key, data[:-1])


def test_a_copy_that_differs_leaves_the_inbox_as_it_was(athlete: Athlete) -> None:
    data = making.fit(making.ride("2026-05-04"))
    athlete.drop("a.fit", data)
    with pytest.raises(StorageUnavailableError, match="differs from what was written"):
        athlete.take_in(store=_ForgetfulStore(athlete.store, Clock()))
    assert athlete.contents("inbox") == {"inbox/ann/a.fit": data}
    assert athlete.rows("source_files") == athlete.rows("arrivals") == []
    athlete.take_in()
    assert athlete.store.get(athlete.rows("source_files")[0]["archive_path"]) == data


class _MeddlingStore(CrashingStore):
    """Somebody replaces a file right after it was read."""

    def __init__(self, inner: ObjectStore, path: Path, data: bytes) -> None:
        super().__init__(inner, Clock())
        self.path, self.data = path, data

    def get(self, key: str) -> bytes:
        found = self.inner.get(key)
        if key.startswith("inbox/") and self.data:
            self.path.write_bytes(self.data)
            self.data = b""
        return found


def test_a_file_replaced_while_it_is_taken_in_is_not_lost(athlete: Athlete) -> None:
    old, new = making.fit(making.ride("2026-05-04")), making.fit(making.ride("2026-05-05"))
    path = athlete.drop("a.fit", old)
    athlete.take_in(store=_MeddlingStore(athlete.store, path, new))
    assert athlete.contents("inbox") == {"inbox/ann/a.fit": new}
    athlete.take_in(settle_seconds=0)
    assert {row["sha256"] for row in athlete.rows("source_files")} == {sha(old), sha(new)}


def test_a_file_taken_back_before_it_is_read_has_not_entered(athlete: Athlete) -> None:
    path = athlete.drop("a.fit", making.fit(making.ride("2026-05-04")))

    class Vanishing(CrashingStore):
        def get(self, key: str) -> bytes:
            path.unlink(missing_ok=True)
            return self.inner.get(key)

    report = athlete.take_in(store=Vanishing(athlete.store, Clock()))
    assert (report.received.total(), athlete.rows("arrivals")) == (0, [])


def test_a_holder_who_lost_the_lease_records_and_removes_nothing(athlete: Athlete) -> None:
    data = making.fit(making.ride("2026-05-04"))
    athlete.drop("a.fit", data)
    with athlete.lease() as stalled:
        with athlete.warehouse.begin() as connection:
            connection.execute(athlete_leases.update().values(token=athlete_leases.c.token + 1))
        with pytest.raises(LeaseLostError):
            intake.take_in(
                athlete.store, stalled, "ann", athlete.executor,
                settle_seconds=0, file_timeout_seconds=60,
            )  # fmt: skip
    assert athlete.contents("inbox") == {"inbox/ann/a.fit": data}
    assert athlete.rows("arrivals") == []


def test_the_journal_holds_every_row_that_was_recorded(athlete: Athlete) -> None:
    data = making.fit(making.ride("2026-05-04"))
    for name, content in {"a.fit": data, "b.fit": data, "c.fit": b"?"}.items():
        athlete.drop(name, content)
    athlete.take_in()
    athlete.drop("d.fit", making.fit(making.ride("2026-05-05")))
    athlete.take_in()
    for table in ("source_files", "arrivals"):
        told = newest_rows(athlete.contents(f"archive/athlete=ann/journal/{table}"), "id")
        assert set(told) == {str(row["id"]) for row in athlete.rows(table)}
        for row in athlete.rows(table):
            assert {k: str(v) for k, v in row.items()} == {
                k: str(v).replace("T", " ") if k.endswith("_at") and v else str(v)
                for k, v in told[str(row["id"])].items()
            }


def test_files_are_taken_in_by_other_processes_too(athlete: Athlete) -> None:
    athlete.drop("a.fit", making.fit(making.ride("2026-05-04")))
    athlete.drop("b.fit", b"?")
    executor = ProcessExecutor(1)
    athlete.take_in(executor=executor)
    executor.close()
    assert statuses(athlete) == {"a.fit": "archived", "b.fit": "quarantined"}


def everything(ride: ActivityFile) -> dict[str, bytes]:
    data = making.fit(ride)
    return {
        "a.fit": data, "b.fit.gz": making.gzipped(data), "c.fit": b"?", "a.yaml": b"name: x\n",
        "old.yaml": b"name: x\n", "profile.yaml": b"sex: f\n",
    }  # fmt: skip


def drop_everything(athlete: Athlete) -> None:
    for day, (name, data) in enumerate(everything(making.ride("2026-05-04", 2)).items()):
        athlete.drop(name, data, modified=LONG_AGO - 20 * 86_400 * day)


def lines_of_journals(objects: dict[str, bytes]) -> dict[str, object]:
    """The objects, the journal as the set of its lines: which of them share an entry depends on where the kill came."""
    journal = [key for key in objects if "/journal/" in key]
    told = {line for key in journal for line in objects[key].splitlines() if not line.startswith(b'{"lines"')}
    return {"journal": told, **{key: data for key, data in objects.items() if key not in journal}}


def test_killed_at_any_call_the_next_run_ends_where_an_undisturbed_one_would(
    athlete: Athlete, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "BATCH", 3)
    drop_everything(athlete)
    with athlete.killed_at(0) as clock:
        athlete.take_in()
    calls, wanted, objects = len(clock.calls), athlete.snapshot(), lines_of_journals(athlete.contents())
    assert calls > 40
    assert not [key for key in objects if key.startswith("inbox/")]
    for call in range(1, calls + 1):
        athlete.forget()
        drop_everything(athlete)
        with athlete.killed_at(call) as clock:
            athlete.take_in()
        assert len(clock.calls) == call
        athlete.take_in()
        assert differences(wanted, athlete.snapshot()) == [], f"killed before: {clock.calls[-1]}"
        assert lines_of_journals(athlete.contents()) == objects, f"killed before: {clock.calls[-1]}"
