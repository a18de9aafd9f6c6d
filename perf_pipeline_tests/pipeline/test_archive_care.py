"""Care of the archive: rot and loss are found, refused files get a second chance, an erased athlete leaves no trace."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from perf_pipeline.formats.model import FormatError
from perf_pipeline.pipeline import intake, intake_work, second_chance
from perf_pipeline.pipeline.archive_care import GONE, ROTTEN, archive_state, check_archive
from perf_pipeline.pipeline.erase import erase, traces
from perf_pipeline.pipeline.journal import newest_rows
from perf_pipeline.pipeline.months import MonthsFailedError
from perf_pipeline.pipeline.overview import quarantine_by_reason_and_age
from perf_pipeline.pipeline.second_chance import try_again
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage.errors import AthleteBusyError, StorageUnavailableError
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete
from perf_pipeline_tests.pipeline.crashing import Clock, CrashingStore


def check(athlete: Athlete, **options: Any) -> Any:
    return check_archive(athlete.store, athlete.warehouse, athlete.executor, **options)


@pytest.fixture
def kept(athlete: Athlete) -> Athlete:
    """Three rides, a sidecar, a refused text, and a container of which a member is broken."""
    for day in range(1, 4):
        athlete.drop(f"{day}.fit", making.fit(making.ride(f"2026-05-0{day}", 2)))
    athlete.drop("1.yaml", b"name: First\n")
    athlete.drop("note.txt", b"?")
    athlete.drop("bad.zip", making.zipped({"a.fit": making.fit(making.ride("2026-05-09", 2))})[:-60])
    athlete.take_in()
    return athlete


def test_an_archive_that_is_whole_gives_no_finding(kept: Athlete) -> None:
    report = check(kept)
    assert (report.problems, report.read) == ({}, len(kept.rows("source_files")))
    assert report.journal_entries > 0


def test_a_flipped_bit_and_a_missing_object_are_found_and_named(kept: Athlete) -> None:
    rotten, gone, *_ = [row["archive_path"] for row in kept.rows("source_files") if row["kind"] == "activity"]
    data = bytearray(kept.store.get(rotten))
    data[len(data) // 2] ^= 1
    kept.store.put(rotten, bytes(data))
    kept.store.delete(gone)
    (entry, *_) = kept.keys("archive/athlete=ann/journal")
    kept.store.put(entry, kept.store.get(entry)[:-200])
    assert check(kept).problems == {rotten: ROTTEN, gone: GONE, entry: ROTTEN}
    with kept.warehouse.begin() as connection:
        state = archive_state(connection)
    assert {row["object"]: row["problem"] for row in state["problems"]} == {rotten: ROTTEN, gone: GONE}
    assert state["lately"] == state["files"]


def test_what_was_mended_is_no_finding_any_more(kept: Athlete) -> None:
    path = kept.rows("source_files")[0]["archive_path"]
    whole = kept.store.get(path)
    kept.store.put(path, b"rot")
    assert check(kept).problems
    kept.store.put(path, whole)
    assert check(kept).problems == {}
    assert {row["problem"] for row in kept.rows("archive_checks")} == {None}


def test_what_was_found_wrong_is_told_every_night_until_it_is_mended(kept: Athlete) -> None:
    path = kept.rows("source_files")[0]["archive_path"]
    whole = kept.store.get(path)
    kept.store.put(path, b"rot")
    nights = [check(kept, least=1) for _ in [*kept.rows("source_files"), "one more"]]
    found = [bool(report.problems) for report in nights]
    assert any(found)
    assert found == sorted(found), "told once, and then again every night"
    assert {row["source_file_id"] for row in kept.rows("archive_checks")} == {
        row["id"] for row in kept.rows("source_files")
    }, "and the others have their turn all the same"
    kept.store.put(path, whole)
    assert check(kept, least=1).problems == {}


def test_a_slice_takes_what_was_not_looked_at_for_longest(kept: Athlete) -> None:
    files = len(kept.rows("source_files"))
    seen: Counter[str] = Counter()
    for _ in range(files):
        before = {row["source_file_id"]: row["checked_at"] for row in kept.rows("archive_checks")}
        assert check(kept, least=1).read == 1
        after = {row["source_file_id"]: row["checked_at"] for row in kept.rows("archive_checks")}
        seen.update(str(key) for key in after if after[key] != before.get(key))
    assert seen.total() == len(seen) == files


def test_a_store_that_does_not_answer_is_no_finding_about_its_objects(kept: Athlete) -> None:
    class Silent(CrashingStore):
        def get(self, key: str) -> bytes:
            raise StorageUnavailableError("no answer")

    with pytest.raises(StorageUnavailableError):
        check_archive(Silent(kept.store, Clock()), kept.warehouse, kept.executor)
    assert kept.rows("archive_checks") == []


def again(athlete: Athlete, **changes: Any) -> dict[str, int]:
    with athlete.lease() as lease:
        return try_again(
            changes.get("store", athlete.store), athlete.warehouse, lease, "ann", athlete.executor,
            file_timeout_seconds=60,
        )  # fmt: skip


@pytest.fixture
def refused(athlete: Athlete, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two names of one ride, and a text, taken in by readers that can read no FIT. Undo it, and they can."""
    identify = intake_work.reading.identify

    def blind(data: bytes, name: str) -> Any:
        if data[8:12] == b".FIT":
            raise FormatError("a dialect that nobody knows yet")
        return identify(data, name)

    ride = making.fit(making.ride("2026-05-04", 2))
    for name, data in {"a.fit": ride, "b.fit.gz": making.gzipped(ride), "note.txt": b"?"}.items():
        athlete.drop(name, data)
    patch = pytest.MonkeyPatch()
    patch.setattr(intake_work.reading, "identify", blind)
    patch.setattr(intake, "reader_version", lambda: "of yesterday")
    athlete.take_in()
    yield patch
    patch.undo()


def test_refused_files_are_read_again_when_the_readers_have_changed(athlete: Athlete, refused: Any) -> None:
    assert {row["status"] for row in athlete.rows("source_files")} == {"quarantined"}
    refused.undo()
    assert again(athlete) == {"tried_again": 2, "readable_now": 1}
    assert [key.rpartition(".")[2] for key in athlete.keys("quarantine")] == ["bin", "json"]  # the text
    rows = athlete.snapshot()
    assert again(athlete) == {"tried_again": 0, "readable_now": 0}
    athlete.forget()
    ride = making.fit(making.ride("2026-05-04", 2))
    for name, data in {"a.fit": ride, "b.fit.gz": making.gzipped(ride), "note.txt": b"?"}.items():
        athlete.drop(name, data)
    athlete.take_in()
    assert differences(athlete.snapshot(), rows) == []


def test_readers_that_did_not_change_are_not_asked_again(athlete: Athlete, refused: Any) -> None:
    refused.setattr(second_chance, "reader_version", lambda: "of yesterday")
    assert again(athlete) == {"tried_again": 0, "readable_now": 0}


def test_the_journal_tells_of_the_second_chance(athlete: Athlete, refused: Any) -> None:
    refused.undo()
    again(athlete)
    rows = athlete.snapshot()
    told = newest_rows(athlete.contents("archive/athlete=ann/journal/source_files"), "id")
    assert set(told) == {str(row["id"]) for row in rows["source_files"]}
    with athlete.warehouse.begin() as connection:
        connection.execute(text("delete from profiles"))
    with athlete.lease():
        assert differences(rows, athlete.snapshot()) == []


def test_killed_at_any_call_a_second_chance_loses_no_byte_and_ends_the_same(athlete: Athlete, refused: Any) -> None:
    before = athlete.contents()
    refused.undo()
    for call in range(1, 60):
        with athlete.killed_at(call) as clock:
            again(athlete)
        kept = {data for key, data in athlete.contents().items() if "/journal/" not in key}
        assert {data for key, data in before.items() if key.endswith(".bin")} <= kept, clock.calls[-1]
        if len(clock.calls) < call:
            break
    assert call > 5  # each kill leaves less to do
    again(athlete)
    assert Counter(row["status"] for row in athlete.rows("arrivals")) == Counter(archived=1, duplicate=1, quarantined=1)


def test_the_quarantine_is_told_by_reason_and_age(kept: Athlete) -> None:
    with kept.warehouse.begin() as connection:
        connection.execute(text("update source_files set received_at = now() - interval '40 days'"))
        reasons = quarantine_by_reason_and_age(connection)
    assert sum(row["files"] for row in reasons) == 2
    assert {(row["oldest_days"], row["newest_days"]) for row in reasons} == {(40, 40)}


def test_an_erased_athlete_leaves_no_trace_and_the_others_are_as_they_were(kept: Athlete) -> None:
    bob = Athlete(kept.store, kept.root, kept.warehouse, "bob")
    for one in (kept, bob):
        one.drop("x.fit", making.fit(making.ride("2026-06-01", 2)))
        one.take_in()
        one.months()
        one.history(date(2026, 6, 10))
        one.drop("waits.fit", b"x")
        for top in ("outbox", "reports"):
            one.store.put(f"{top}/athlete={one.handle}/x", b"x")
    rows, objects = bob.snapshot(), {key: data for key, data in bob.contents().items() if "bob" in key}
    assert traces(kept.store, kept.warehouse, "ann").any
    erase(kept.store, kept.warehouse, "ann")
    assert not traces(kept.store, kept.warehouse, "ann").any
    assert kept.contents() == objects
    assert not [path for path in kept.root.rglob("*") if path.name in {"ann", "athlete=ann"}]
    for table, left in bob.snapshot().items():
        assert left == [row for row in rows[table] if bob.profile_id in (row.get("profile_id"), row.get("id"))], table


def test_an_athlete_at_work_is_not_erased(kept: Athlete, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perf_pipeline.storage.warehouse._lock", busy)
    with pytest.raises(AthleteBusyError):
        erase(kept.store, kept.warehouse, "ann")
    assert traces(kept.store, kept.warehouse, "ann").objects["archive"] > 0


def busy(*_: object) -> None:
    raise AthleteBusyError("at work")


def test_an_erasure_that_was_killed_is_begun_again(kept: Athlete) -> None:
    for call in range(1, 60):
        with kept.killed_at(call) as clock:
            erase(kept.store, kept.warehouse, "ann")
        if len(clock.calls) < call:
            break
    assert not traces(kept.store, kept.warehouse, "ann").any


def test_a_month_whose_file_has_rotted_or_gone_waits_and_keeps_what_was_computed_from_the_whole(kept: Athlete) -> None:
    kept.months()
    rows = kept.snapshot()
    path = next(row["archive_path"] for row in kept.rows("source_files") if row["kind"] == "activity")
    whole = kept.store.get(path)
    for damage in (lambda: kept.store.put(path, whole[: len(whole) // 2]), lambda: kept.store.delete(path)):
        damage()
        with pytest.raises(MonthsFailedError, match=r"2026-05: ArchiveDamagedError: archive/.* (what came in|gone)"):
            kept.months(full_refresh=True)
        assert differences(rows, kept.snapshot()) == []
    kept.store.put(path, whole)
    kept.months(full_refresh=True)
    assert differences(rows, kept.snapshot()) == []


def test_a_file_of_which_the_storage_gives_half_stays_in_the_inbox(athlete: Athlete) -> None:
    data = making.fit(making.ride("2026-05-04", 2))
    athlete.drop("a.fit", data)

    class Halving(CrashingStore):
        def get(self, key: str) -> bytes:
            read = self.inner.get(key)
            return read[: len(read) // 2] if key.startswith("inbox/") else read

    with pytest.raises(StorageUnavailableError, match="not read whole"):
        athlete.take_in(store=Halving(athlete.store, Clock()))
    assert athlete.contents("inbox") == {"inbox/ann/a.fit": data}
    assert athlete.rows("source_files") == []
