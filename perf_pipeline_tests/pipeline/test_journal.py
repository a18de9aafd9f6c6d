"""The journal: drop the whole database, and the object store alone gives everything back, also what was only said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text

from perf_pipeline.pipeline import journal
from perf_pipeline.pipeline.journal import KINDS, is_whole, newest_rows, sealed
from perf_pipeline.pipeline.restore import athletes_in_archive, journalled, restore
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage.errors import LeaseLostError
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.tables import METADATA
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import LONG_AGO, Athlete

TODAY = date(2026, 6, 10)
JOURNAL = "archive/athlete=ann/journal"
LEVELS = ((180, 360.0), (300, 330.0), (720, 290.0))


def everything(athlete: Athlete, today: date = TODAY) -> None:
    """A run of all stages."""
    athlete.take_in()
    athlete.months()
    athlete.history(today)


@contextmanager
def sql(athlete: Athlete) -> Iterator[Connection]:
    """What a reader or another stage does in SQL."""
    with athlete.warehouse.begin() as connection:
        yield connection


def say(connection: Connection, table: str, **values: object) -> None:
    connection.execute(METADATA.tables[table].insert().values(**values))


def lose_the_database(athlete: Athlete) -> None:
    with sql(athlete) as connection:
        connection.execute(METADATA.tables["profiles"].delete())


@pytest.fixture
def season(athlete: Athlete) -> Athlete:
    """Files of every kind, two days of saying, a notification that was read, and what other stages say."""
    athlete.drop("profile.yaml", b"sex: f\ntimezone: Europe/Berlin\n")
    athlete.drop("a.fit", making.fit(making.powers("2026-05-04", *LEVELS)))
    athlete.drop("again.fit", making.fit(making.powers("2026-05-04", *LEVELS)), modified=LONG_AGO + 60)
    athlete.drop("b.fit", making.fit(making.run("2026-06-01", 30)))
    athlete.drop("broken.fit", making.corrupt(making.fit(making.ride("2026-05-08"))))
    athlete.drop("note.txt", b"?")
    athlete.drop("c.fit", making.fit(making.powers("2026-06-08", *((s, 1.1 * w) for s, w in LEVELS))))
    everything(athlete)
    athlete.drop("d.fit", making.fit(making.powers("2026-06-10", *((s, 1.2 * w) for s, w in LEVELS))))
    with sql(athlete) as connection:
        connection.execute(text("update notifications set is_read = true"))
        profile = athlete.profile_id
        say(connection, "deliveries", notification_id=uuid4(), profile_id=profile)
        say(connection, "delivery_services", id=uuid4(), profile_id=profile, service="x", on_since=datetime.now(UTC))
        say(
            connection, "capability_predictions", id=uuid4(), profile_id=profile, sport="bike", target="power 300 s",
            as_of=TODAY, value=0.1 + 0.2, unit="W", model="x", details={"efforts": [1.5, None, "é"]}, input_hash="x",
        )  # fmt: skip
        planned, source = content_id("planned"), athlete.rows("source_files")[0]["id"]
        say(
            connection, "planned_workouts", id=planned, profile_id=profile, source_file_id=source, name="x", format="x",
            received_on=TODAY, input_hash="x",
        )  # fmt: skip
        say(
            connection, "workout_adaptations", id=uuid4(), profile_id=profile, planned_workout_id=planned,
            as_of=TODAY, status="adapted", input_hash="x",
        )  # fmt: skip
    everything(athlete, TODAY + timedelta(days=1))
    return athlete


def test_the_object_store_alone_gives_every_row_and_every_parquet_byte_again(season: Athlete) -> None:
    rows, objects = season.snapshot(), season.contents("streams", "sessions", "archive", "quarantine")
    planned = season.rows("planned_workouts")
    assert all(rows[kind.name] for kind in KINDS if kind.name != "notifications")
    assert {row["is_read"] for row in rows["notifications"]} == {True, False}
    assert len({row["version"] for row in rows["threshold_models"]}) > 1
    times = {name: {row["id"]: row for row in season.rows(name)} for name in ("arrivals", "threshold_models")}
    lose_the_database(season)
    for key in season.keys("streams", "sessions"):
        season.store.delete(key)
    with season.lease():
        pass
    # The athlete-grain stages of workouts are not run here: their rows are put back by hand, before their lease.
    with sql(season) as connection:
        say(connection, "planned_workouts", **planned[0])
        connection.execute(text("delete from journal_heads where kind = 'workout_adaptations'"))
    everything(season, TODAY + timedelta(days=1))
    assert differences(rows, season.snapshot()) == []
    assert season.contents("streams", "sessions", "archive", "quarantine") == objects
    for name, before in times.items():
        for row in season.rows(name):
            at = "received_at" if name == "arrivals" else "computed_at"
            assert row[at] == before[row["id"]][at]  # the day on which it was said


def test_a_restored_athlete_is_left_alone_by_the_next_run(season: Athlete) -> None:
    lose_the_database(season)
    everything(season, TODAY + timedelta(days=1))
    objects = season.contents("archive")
    with season.killed_at(0) as clock, season.lease():
        pass
    assert clock.calls == []
    everything(season, TODAY + timedelta(days=1))
    assert season.contents("archive") == objects


def test_what_a_reader_marks_is_journalled_by_the_next_transaction(season: Athlete) -> None:
    with sql(season) as connection:
        connection.execute(text("update notifications set is_read = not is_read"))
    with season.lease() as lease, lease.transaction():
        pass
    told = newest_rows(season.contents(f"{JOURNAL}/notifications"), "id")
    assert {key: row["is_read"] for key, row in told.items()} == {
        str(row["id"]): row["is_read"] for row in season.rows("notifications")
    }


def test_a_reader_in_the_middle_of_marking_holds_nobody_up_and_is_not_forgotten(season: Athlete) -> None:
    (first, *_) = season.rows("notifications")
    with season.warehouse.engine.connect() as reader:
        reader.execute(text("update notifications set is_read = not is_read where id = :id"), {"id": first["id"]})
        with season.lease() as lease, lease.transaction():
            pass
        reader.commit()
    with season.lease() as lease, lease.transaction():
        pass
    told = newest_rows(season.contents(f"{JOURNAL}/notifications"), "id")
    assert told[str(first["id"])]["is_read"] is not first["is_read"]


def test_the_triggers_note_every_kind_of_row(athlete: Athlete) -> None:
    query = "select distinct event_object_table from information_schema.triggers where trigger_name like 'note%'"
    with sql(athlete) as connection:
        assert set(connection.scalars(text(query))) == {kind.name for kind in KINDS}


def test_the_number_of_entries_is_bounded_and_nothing_is_lost_by_it(
    athlete: Athlete, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "AS_ONE", 3)
    said: set[UUID] = set()
    for day in range(10):
        with athlete.lease() as lease, lease.transaction() as connection:
            said.add(fresh := uuid4())
            say(connection, "deliveries", notification_id=fresh, profile_id=lease.profile_id)
        assert len(athlete.keys(f"{JOURNAL}/deliveries")) <= 3, day
    lose_the_database(athlete)
    with athlete.lease():
        assert ids(athlete) == said


def ids(athlete: Athlete) -> set[UUID]:
    return {row["notification_id"] for row in athlete.rows("deliveries")}


def test_what_is_put_and_not_committed_gives_way_to_what_is_said_next(athlete: Athlete) -> None:
    with athlete.lease():
        pass
    for attempt in range(1, 20):
        with athlete.killed_at(attempt) as clock, athlete.lease() as lease, lease.transaction() as connection:
            say(connection, "deliveries", notification_id=uuid4(), profile_id=lease.profile_id)
        if len(clock.calls) < attempt:
            break
    rows = athlete.rows("deliveries")
    lose_the_database(athlete)
    with athlete.lease():
        assert athlete.rows("deliveries") == rows
    assert len(rows) > 1


def test_the_entry_of_a_holder_who_lost_the_lease_does_not_count(athlete: Athlete) -> None:
    with athlete.lease() as stalled:
        pass
    with athlete.lease() as lease, lease.transaction() as connection:
        say(connection, "deliveries", notification_id=uuid4(), profile_id=lease.profile_id)
    # It wakes up with its entry in hand: the same number, an older token.
    (key,) = athlete.keys(f"{JOURNAL}/deliveries")
    late = f"{key.rpartition('-')[0]}-{stalled.token:010d}.jsonl"
    row = {"notification_id": str(uuid4()), "profile_id": str(lease.profile_id), "delivered_at": "2026-01-01"}
    athlete.store.put(late, sealed([json.dumps({"row": row})]))
    with pytest.raises(LeaseLostError), stalled.transaction():
        pass
    rows = athlete.rows("deliveries")
    lose_the_database(athlete)
    with athlete.lease():
        assert athlete.rows("deliveries") == rows


def test_of_a_damaged_entry_the_lines_that_can_be_read_are_restored_and_the_damage_is_told(season: Athlete) -> None:
    key = season.keys(f"{JOURNAL}/arrivals")[0]
    entry = season.store.get(key)
    assert is_whole(entry)
    season.store.put(key, entry.replace(b'{"row"', b'{"rew"', 1))
    arrived = {row["id"] for row in season.rows("arrivals")}
    lose_the_database(season)
    with season.warehouse.athlete_lease(season.profile_id, "test") as bare:
        done = restore(season.store, journalled(bare, season.store, "ann"), "ann")
    assert done.damaged == [key]
    assert {row["id"] for row in season.rows("arrivals")} < arrived
    assert done.rows["arrivals"] == len(arrived) - 1


def test_an_archive_without_its_journal_still_gives_every_activity(season: Athlete) -> None:
    activities, quarantined = season.rows("activities"), len(season.keys("quarantine"))
    statuses = {row["sha256"]: row["status"] for row in season.rows("source_files")}
    for key in season.keys(JOURNAL):
        season.store.delete(key)
    lose_the_database(season)
    everything(season)
    assert [row["id"] for row in season.rows("activities")] == [row["id"] for row in activities]
    assert {row["sha256"]: row["status"] for row in season.rows("source_files")} == statuses
    assert len(season.keys("quarantine")) == quarantined
    (profile,) = season.rows("profiles")
    assert (profile["sex"], profile["timezone"]) == ("female", "Europe/Berlin")


def test_the_archive_knows_its_athletes(season: Athlete) -> None:
    assert athletes_in_archive(season.store) == ["ann"]
    assert athletes_in_archive(replace(season, handle="bob").store) == ["ann"]


def test_a_database_that_has_its_rows_already_only_learns_where_the_journal_ends(season: Athlete) -> None:
    rows = season.snapshot()
    with sql(season) as connection:
        connection.execute(text("delete from journal_heads"))
    before = season.contents(JOURNAL)
    with season.lease() as lease, lease.transaction() as connection:
        say(connection, "deliveries", notification_id=uuid4(), profile_id=lease.profile_id)
    after = season.contents(JOURNAL)
    assert before.items() < after.items()
    rows["deliveries"] = season.snapshot()["deliveries"]
    assert differences(rows, season.snapshot()) == []


def test_what_goes_with_its_athlete_is_not_noted(season: Athlete) -> None:
    lose_the_database(season)
    assert season.rows("journal_pending") == []
