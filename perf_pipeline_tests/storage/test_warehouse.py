"""Transactions, leases and bulk rows, against a real PostgreSQL."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from perf_pipeline.storage import tables
from perf_pipeline.storage.errors import AthleteBusyError, DatabaseUnavailableError, LeaseLostError, WrongUrlError
from perf_pipeline.storage.ids import content_id, profile_id_of
from perf_pipeline.storage.warehouse import (
    Warehouse,
    copy_rows,
    delete_vanished,
    replace_children,
    retrying,
    upsert,
)
from perf_pipeline_tests.beside import at_once, beside

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def a_source_file(profile_id: uuid.UUID) -> dict[str, Any]:
    return {
        "id": content_id("file", profile_id), "profile_id": profile_id, "sha256": "ab", "bytes": 3,
        "format": "fit", "kind": "activity", "status": "archived", "archive_path": "archive/ab.fit", "month": "2026-05",
    }  # fmt: skip


def an_activity(profile_id: uuid.UUID, number: int, **changed: object) -> dict[str, Any]:
    return {
        "id": content_id("activity", profile_id, number), "profile_id": profile_id, "name": f"Ride {number}",
        "type": "bike", "started_at": NOON, "duration_seconds": 60, "moving_seconds": 50, "temperature": 20.5,
        "fit_file_path": "archive/ab.fit", "source_file_id": content_id("file", profile_id),
        "session_index": number,
        "archive_month": "2026-05", "device_summary": {"mean_power_watts": 201.25}, "anomalies": [], "reader": "test",
        **changed,
    }  # fmt: skip


def an_effort(activity: dict[str, Any], duration: int, value: float) -> dict[str, Any]:
    return {
        "id": content_id("effort", activity["id"], duration), "activity_id": activity["id"],
        "profile_id": activity["profile_id"], "duration_seconds": duration, "effort_type": "power", "value": value,
        "unit": "W", "start_offset": 0, "recorded_at": NOON, "grade": "confirmed", "evidence": {},
    }  # fmt: skip


@pytest.fixture
def ann(warehouse: Warehouse) -> uuid.UUID:
    profile_id = warehouse.ensure_profile("ann")
    with warehouse.begin() as connection:
        copy_rows(connection, tables.source_files, [a_source_file(profile_id)])
    return profile_id


def count(warehouse: Warehouse, table: Any) -> int:
    with warehouse.begin() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


# --- connecting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://me:hush@host/db", "postgresql://me:hush@host", "sqlite:///x"])
def test_a_url_that_names_no_postgresql_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(WrongUrlError, match="postgresql://user:password@host") as caught:
        Warehouse.connect(url)
    assert "hush" not in str(caught.value)


def test_a_database_that_is_down_is_named_with_its_host_and_port() -> None:
    with pytest.raises(DatabaseUnavailableError, match=r"'perf' at 127\.0\.0\.1:9.*PERF_DATABASE_URL") as caught:
        Warehouse.connect("postgresql://me:hush@127.0.0.1:9/perf")
    assert "hush" not in str(caught.value)


def test_a_wrong_password_is_said_and_not_shown(database_url: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match="password authentication failed") as caught:
        Warehouse.connect(database_url.replace("perf_pipeline:", "perf_pipeline:hush"))
    assert "hush" not in str(caught.value)


def test_the_short_scheme_connects_too(database_url: str) -> None:
    with Warehouse.connect(database_url.replace("postgresql://", "postgres://")) as warehouse:
        assert "perf_pipeline:" not in repr(warehouse)
        assert count(warehouse, tables.profiles) == 0


def test_an_athlete_has_one_row_however_often_he_is_asked_for(warehouse: Warehouse) -> None:
    assert warehouse.ensure_profile("ann") == warehouse.ensure_profile("ann") == profile_id_of("ann")
    assert warehouse.ensure_profile("bob") != warehouse.ensure_profile("ann")
    assert count(warehouse, tables.profiles) == 2


# --- leases ------------------------------------------------------------------------------------------------------


def test_two_workers_never_hold_one_athlete(warehouse: Warehouse, ann: uuid.UUID) -> None:
    bob = warehouse.ensure_profile("bob")
    with warehouse.athlete_lease(ann, "first", 0):
        with (
            pytest.raises(AthleteBusyError, match="at work on the athlete"),
            warehouse.athlete_lease(ann, "second", 0.1),
        ):
            pytest.fail("both hold it")
        with warehouse.athlete_lease(bob, "second", 0.1):
            pass
    with warehouse.athlete_lease(ann, "second", 0.1):
        pass


def test_a_worker_that_waits_gets_the_athlete_when_the_first_is_done(warehouse: Warehouse, ann: uuid.UUID) -> None:
    order: list[str] = []

    def second() -> None:
        with warehouse.athlete_lease(ann, "second", 30):
            order.append("second")

    with ExitStack() as first:
        first.enter_context(warehouse.athlete_lease(ann, "first", 0))
        with beside(second):
            order.append("first")
            first.close()
    assert order == ["first", "second"]


def test_every_holder_has_a_newer_token(warehouse: Warehouse, ann: uuid.UUID) -> None:
    tokens = []
    for holder in ("a", "b", "c"):
        with warehouse.athlete_lease(ann, holder, 0) as lease:
            tokens.append(lease.token)
    assert tokens == sorted(set(tokens))


LOCKS = (
    "from pg_locks where locktype = 'advisory'"
    " and database = (select oid from pg_database where datname = current_database())"
)


def sessions_of_leases(warehouse: Warehouse) -> set[int]:
    """Who holds a lock, or held one last, seen from another session."""
    query = (
        "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        " and query like '%pg_advisory_unlock%'"
    )
    with warehouse.begin() as connection:
        return set(connection.exec_driver_sql(query.replace("%", "%%")).scalars())


def test_one_session_serves_one_lease_after_the_other_and_ends_with_the_warehouse(
    warehouse: Warehouse, ann: uuid.UUID
) -> None:
    with Warehouse.connect(warehouse.engine.url.render_as_string(hide_password=False)) as worker:
        for _ in range(2):
            with worker.athlete_lease(ann, "worker", 0):
                pass
        assert len(sessions_of_leases(warehouse)) == 1
    for _ in range(100):
        if not sessions_of_leases(warehouse):
            return
        time.sleep(0.05)
    pytest.fail("the session is still there")


def test_a_session_that_was_ended_between_two_leases_is_no_trouble(warehouse: Warehouse, ann: uuid.UUID) -> None:
    with warehouse.athlete_lease(ann, "first", 0):
        pass
    (session,) = sessions_of_leases(warehouse)
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"select pg_terminate_backend({session}, 5000)")
    with warehouse.athlete_lease(ann, "second", 0), warehouse.begin() as connection:
        assert connection.exec_driver_sql(f"select count(*) {LOCKS}").scalar() == 1


def test_a_lock_that_was_lost_takes_its_session_along(warehouse: Warehouse, ann: uuid.UUID) -> None:
    with warehouse.athlete_lease(ann, "first", 0), warehouse.begin() as connection:
        assert connection.exec_driver_sql(f"select pg_terminate_backend(pid, 5000) {LOCKS}").scalars().all() == [True]
    assert warehouse._free_sessions == []


def test_a_holder_that_stalled_while_another_took_over_cannot_commit(warehouse: Warehouse, ann: uuid.UUID) -> None:
    with warehouse.athlete_lease(ann, "stalled", 0) as stalled:
        with stalled.transaction() as connection:
            upsert(connection, tables.activities, [an_activity(ann, 1)])
        # The session that held the lock is lost, as by a network that forgot it.
        with warehouse.begin() as connection:
            ended = connection.execute(
                text("SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'")
            ).scalar()
        assert ended == 1
        with warehouse.athlete_lease(ann, "next", 10) as following:
            with pytest.raises(LeaseLostError, match="taken over"), stalled.transaction() as connection:
                upsert(connection, tables.activities, [an_activity(ann, 2)])
            with following.transaction() as connection:
                upsert(connection, tables.activities, [an_activity(ann, 3)])
    with warehouse.begin() as connection:
        names = connection.execute(select(tables.activities.c.name).order_by("name")).scalars().all()
    assert names == ["Ride 1", "Ride 3"]


def test_nobody_takes_over_while_a_transaction_of_the_holder_is_under_way(warehouse: Warehouse, ann: uuid.UUID) -> None:
    with warehouse.athlete_lease(ann, "slow", 0) as slow, slow.transaction() as connection:
        connection.execute(text("SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'"))
        with pytest.raises(AthleteBusyError), warehouse.athlete_lease(ann, "next", 1):
            pytest.fail("two may write")
        upsert(connection, tables.activities, [an_activity(ann, 1)])
    assert count(warehouse, tables.activities) == 1


# --- rows --------------------------------------------------------------------------------------------------------


def test_every_kind_of_value_arrives_as_it_was(warehouse: Warehouse, ann: uuid.UUID) -> None:
    row = an_activity(
        ann, 1, temperature=0.1 + 0.2, notes="tab\tline\nback\\slash \\N quote' ü", warnings=["a", {"b": None}]
    )
    with warehouse.begin() as connection:
        copy_rows(connection, tables.activities, [row])
        copy_rows(connection, tables.activity_efforts, [an_effort(row, 60, 1 / 3)])
        copy_rows(
            connection, tables.daily_fitness, [(ann, date(2026, 5, 4), 1.5, 2.5, 3.5, -0.0, None, 1e-300, 1e300, False)]
        )
    with warehouse.begin() as connection:
        read = connection.execute(select(tables.activities)).mappings().one()
        effort = connection.execute(select(tables.activity_efforts)).mappings().one()
        day = connection.execute(select(tables.daily_fitness)).one()
    assert {name: read[name] for name in row if name != "temperature"} == {
        k: v for k, v in row.items() if k != "temperature"
    }
    assert read["temperature"] == Decimal("0.30000000000000004")
    assert float(effort["value"]) == 1 / 3
    assert tuple(day) == (ann, date(2026, 5, 4), 1.5, 2.5, 3.5, 0.0, None, 1e-300, 1e300, False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(notes=st.text(max_size=40), value=st.floats(allow_nan=False, allow_infinity=False), said=st.text(max_size=20))
def test_any_text_and_number_can_be_stored(warehouse: Warehouse, notes: str, value: float, said: str) -> None:
    profile_id = warehouse.ensure_profile("ann")
    with warehouse.engine.connect() as connection:
        upsert(connection, tables.source_files, [a_source_file(profile_id)])
        row = an_activity(profile_id, 1, notes=notes, temperature=value, device_summary={said: said})
        upsert(connection, tables.activities, [row])
        kept = connection.execute(
            select(tables.activities.c.notes, tables.activities.c.temperature, tables.activities.c.device_summary)
        ).one()
        connection.rollback()
    assert kept.notes == notes.replace("\x00", "")
    assert float(kept.temperature) == value
    plain = said.replace("\x00", "")
    assert kept.device_summary == {plain: plain}


def test_text_that_postgresql_cannot_hold_does_not_cost_the_month(warehouse: Warehouse, ann: uuid.UUID) -> None:
    with warehouse.begin() as connection:
        row = an_activity(ann, 1, notes="a\x00b\ud800c", device_summary={"x\x00": "\\u0000 \x00 \udfff"})
        copy_rows(connection, tables.activities, [row])
        kept = connection.execute(select(tables.activities.c.notes, tables.activities.c.device_summary)).one()
    assert tuple(kept) == ("ab?c", {"x": "\\u0000  ?"})


def test_an_upsert_touches_only_rows_that_differ(warehouse: Warehouse, ann: uuid.UUID) -> None:
    rows = [an_activity(ann, number) for number in range(5)]
    with warehouse.begin() as connection:
        assert upsert(connection, tables.activities, rows) == (5, 0)
    bookkeeping = select(
        tables.activities.c.id, tables.activities.c.updated_at, tables.activities.c.created_at, text("xmin::text")
    )
    with warehouse.begin() as connection:
        before = {row.id: row for row in connection.execute(bookkeeping)}
    rows[3] = an_activity(ann, 3, name="Renamed")
    with warehouse.begin() as connection:
        assert upsert(connection, tables.activities, [*rows, an_activity(ann, 9)]) == (1, 1)
    with warehouse.begin() as connection:
        after = {row.id: row for row in connection.execute(bookkeeping)}
    changed = {key for key in before if before[key].xmin != after[key].xmin}
    assert changed == {rows[3]["id"]}
    assert after[rows[3]["id"]].updated_at > before[rows[3]["id"]].updated_at
    assert after[rows[3]["id"]].created_at == before[rows[3]["id"]].created_at


def test_an_upsert_knows_null_from_a_value(warehouse: Warehouse, ann: uuid.UUID) -> None:
    with warehouse.begin() as connection:
        assert upsert(connection, tables.activities, [an_activity(ann, 1, notes=None)]) == (1, 0)
        assert upsert(connection, tables.activities, [an_activity(ann, 1, notes=None)]) == (0, 0)
        assert upsert(connection, tables.activities, [an_activity(ann, 1, notes="x")]) == (0, 1)
        assert upsert(connection, tables.activities, [an_activity(ann, 1, notes=None)]) == (0, 1)


def test_what_the_reader_set_is_kept(warehouse: Warehouse, ann: uuid.UUID) -> None:
    note = {
        "id": uuid.uuid4(), "profile_id": ann, "type": "personal_record", "title": "t", "message": "m",
        "is_read": False, "occurred_at": NOON,
    }  # fmt: skip
    with warehouse.begin() as connection:
        upsert(connection, tables.notifications, [note], keep={"is_read"})
        connection.execute(tables.notifications.update().values(is_read=True))
        assert upsert(connection, tables.notifications, [note], keep={"is_read"}) == (0, 0)
        assert upsert(connection, tables.notifications, [{**note, "title": "new"}], keep={"is_read"}) == (0, 1)
        assert connection.execute(select(tables.notifications.c.is_read)).scalar() is True


def test_children_are_replaced_and_those_of_others_left(warehouse: Warehouse, ann: uuid.UUID) -> None:
    one, two = an_activity(ann, 1), an_activity(ann, 2)
    with warehouse.begin() as connection:
        copy_rows(connection, tables.activities, [one, two])
        replace_children(
            connection, tables.activity_efforts, [one["id"], two["id"]], [an_effort(one, 1, 5), an_effort(two, 1, 6)]
        )
        replace_children(connection, tables.activity_efforts, [one["id"]], [an_effort(one, 5, 7)])
        kept = connection.execute(
            select(tables.activity_efforts.c.duration_seconds, tables.activity_efforts.c.value).order_by("value")
        ).all()
    assert [tuple(row) for row in kept] == [(1, Decimal(6)), (5, Decimal(7))]


def test_only_what_vanished_is_deleted(warehouse: Warehouse, ann: uuid.UUID) -> None:
    rows = [an_activity(ann, number) for number in range(4)] + [an_activity(ann, 9, archive_month="2026-06")]
    with warehouse.begin() as connection:
        copy_rows(connection, tables.activities, rows)
        where = {"profile_id": ann, "archive_month": "2026-05"}
        assert delete_vanished(connection, tables.activities, [rows[0]["id"], rows[1]["id"]], where=where) == 2
        left = connection.execute(select(tables.activities.c.session_index).order_by("session_index")).scalars().all()
        assert left == [0, 1, 9]
        assert delete_vanished(connection, tables.activities, [], where=where) == 2


def test_a_reader_that_polls_through_replacements_sees_no_gap(warehouse: Warehouse, ann: uuid.UUID) -> None:
    activity = an_activity(ann, 1)
    with warehouse.begin() as connection:
        copy_rows(connection, tables.activities, [activity])
        copy_rows(connection, tables.activity_efforts, [an_effort(activity, n, 1.0) for n in range(300)])
    stop = threading.Event()
    seen: set[tuple[int, int]] = set()

    def poll() -> None:
        statement = select(func.count(), func.count(tables.activity_efforts.c.value.distinct()))
        while not stop.is_set():
            with warehouse.begin() as connection:
                row = connection.execute(statement.select_from(tables.activity_efforts)).one()
            seen.add((int(row[0]), int(row[1])))

    with beside(poll, stop=stop):
        for turn in range(20):
            with warehouse.begin() as connection:
                rows = [an_effort(activity, n, float(turn)) for n in range(300)]
                replace_children(connection, tables.activity_efforts, [activity["id"]], rows)
    assert seen == {(300, 1)}


def test_a_row_of_the_wrong_width_or_with_an_unknown_column_is_refused(warehouse: Warehouse, ann: uuid.UUID) -> None:
    with warehouse.begin() as connection, pytest.raises(ValueError, match="no column 'nonsense'"):
        copy_rows(connection, tables.profiles, [{"nonsense": 1}])
    with warehouse.begin() as connection, pytest.raises(ValueError, match="1 values for 2 columns"):
        copy_rows(connection, tables.profiles, [(uuid.uuid4(),)], columns=["id", "handle"])


# --- trying again ------------------------------------------------------------------------------------------------


def test_a_transaction_that_lost_its_connection_is_done_again(warehouse: Warehouse) -> None:
    turns: list[int] = []

    def work() -> int:
        with warehouse.begin() as connection:
            turns.append(1)
            if len(turns) == 1:
                connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return int(connection.execute(text("SELECT 42")).scalar_one())

    assert retrying(work) == 42
    assert len(turns) == 2


def test_two_transactions_that_lock_each_other_out_both_end(warehouse: Warehouse, ann: uuid.UUID) -> None:
    rows = [an_activity(ann, 1), an_activity(ann, 2)]
    with warehouse.begin() as connection:
        copy_rows(connection, tables.activities, rows)
        connection.execute(text(f"ALTER DATABASE {warehouse.engine.url.database} SET deadlock_timeout = '50ms'"))
    warehouse.engine.dispose()
    meet = threading.Barrier(2)
    turns: list[str] = []

    def work(name: str, order: list[int]) -> None:
        first = [True]

        def once() -> None:
            with warehouse.begin() as connection:
                turns.append(name)
                for number, index in enumerate(order):
                    connection.execute(
                        tables.activities.update().where(tables.activities.c.id == rows[index]["id"]).values(notes=name)
                    )
                    if number == 0 and first.pop() if first else False:
                        meet.wait(30)

        retrying(once)

    at_once(partial(work, "a", [0, 1]), partial(work, "b", [1, 0]))
    assert len(turns) == 3
    with warehouse.begin() as connection:
        assert len(set(connection.execute(select(tables.activities.c.notes)).scalars())) == 1


def test_a_fault_of_ours_is_not_tried_again(warehouse: Warehouse) -> None:
    turns: list[int] = []

    def work() -> None:
        with warehouse.begin() as connection:
            turns.append(1)
            connection.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError, match="division by zero"):
        retrying(work)
    assert len(turns) == 1


def test_a_database_that_stays_away_is_told_as_such(warehouse: Warehouse, database_url: str) -> None:
    name = warehouse.engine.url.database
    with psycopg.connect(database_url.replace(f"/{name}", "/postgres"), autocommit=True) as other:
        other.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
        other.execute(b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        with pytest.raises(DatabaseUnavailableError, match="not currently accepting connections"):
            retrying(lambda: count(warehouse, tables.profiles), attempts=2)
        other.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true".encode())
    assert count(warehouse, tables.profiles) == 0
