"""Roles: an analyst reads all, an athlete own rows alone, whichever way is tried. `docs/access.md` has the table."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from perf_pipeline.pipeline.sql_models.building import build
from perf_pipeline.pipeline.sql_models.project import models_folder
from perf_pipeline.pipeline.sql_models.relations import grants_of
from perf_pipeline.storage.tables import METADATA
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests.pipeline.sql_models.conftest import Marts

MACHINERY = {"athlete_leases", "journal_heads", "journal_pending", "athlete_outputs", "activity_outputs",
             "delivery_services", "archive_checks"}  # fmt: skip
OWN, ALL, NONE, REFUSED = "own rows", "all rows", "no rows", "refused"


@dataclass(frozen=True)
class Try:
    """`what` is tried in SQL that names athletes it sees, as the athlete `ann`, an analyst, and a login of nobody."""

    what: str
    statement: str
    athlete: str
    analyst: str
    nobody: str


TRIES = (
    Try("read a table", "select distinct profile_id from activities", OWN, ALL, REFUSED),
    Try("read the list of athletes", "select id from profiles", OWN, ALL, REFUSED),
    Try("read a view, naming somebody else", "select distinct profile_id from marts.power_curve where athlete = 'bob'",
        NONE, ALL, REFUSED),
    Try("read a view", "select distinct profile_id from marts.athlete_summary", OWN, ALL, REFUSED),
    Try("read a stored mart, which holds everybody's rows", "select distinct profile_id from marts.season_comparison",
        REFUSED, ALL, REFUSED),
    Try("read machinery", "select profile_id from journal_pending", REFUSED, ALL, REFUSED),
    Try("count others through an aggregate", "select profile_id from activities group by 1", OWN, ALL, REFUSED),
    Try("read who logs in as whom", "select distinct profile_id from athlete_logins", OWN, ALL, REFUSED),
    Try("make oneself somebody else's login",
        "insert into athlete_logins select current_user, id from profiles", REFUSED, REFUSED, REFUSED),
    Try("become another athlete's login (SET ROLE)", "set role {bob}", REFUSED, REFUSED, REFUSED),
    Try("become the owner (SET ROLE)", "set role perf_pipeline", REFUSED, REFUSED, REFUSED),
    Try("become the owner (SET SESSION AUTHORIZATION)", "set session authorization perf_pipeline", REFUSED, REFUSED,
        REFUSED),
    Try("turn row-level security off", "set row_security = off; select distinct profile_id from activities", REFUSED,
        REFUSED, REFUSED),
    Try("turn it off at the table", "alter table activities disable row level security", REFUSED, REFUSED, REFUSED),
    Try("see others' rows through a function in the condition",
        """create function pg_temp.tell(uuid) returns boolean language plpgsql cost 0.0001 as
               $$ begin raise notice '%', $1; return true; end $$;
           select distinct profile_id from activities where pg_temp.tell(profile_id)""", OWN, ALL, REFUSED),
    Try("see others' rows through a view of one's own",
        "create temp view mine as select profile_id from activities; select distinct profile_id from mine", OWN, ALL,
        REFUSED),
    Try("put the journal's function behind a table of one's own",
        """create temp table arrivals (id uuid, profile_id uuid);
           create trigger note after insert on pg_temp.arrivals for each row execute function note_for_journal()""",
        REFUSED, REFUSED, REFUSED),
    Try("open the tables once more", "select open_to_readers()", REFUSED, REFUSED, REFUSED),
    Try("mark notifications as read", "update notifications set is_read = true returning profile_id", OWN, REFUSED,
        REFUSED),
    Try("give a notification to somebody else", "update notifications set profile_id = gen_random_uuid()", REFUSED,
        REFUSED, REFUSED),
    Try("change an activity", "update activities set name = 'x'", REFUSED, REFUSED, REFUSED),
    Try("delete an activity", "delete from activities", REFUSED, REFUSED, REFUSED),
    Try("make a table beside ours", "create table public.x (a int)", REFUSED, REFUSED, REFUSED),
    Try("change a view", "create or replace view marts.power_curve as select 1 as a", REFUSED, REFUSED, REFUSED),
    Try("read files of the server", "select pg_read_file('PG_VERSION')", REFUSED, REFUSED, REFUSED),
    Try("find common values in the planner's statistics",
        "select distinct (unnest(most_common_vals::text::uuid[])) from pg_stats where tablename = 'activities' "
        "and attname = 'profile_id'", NONE, NONE, NONE),
)  # fmt: skip


@dataclass
class Logins:
    """Roles that log in, of `ann`, of `bob`, an analyst's and one that nobody gave anything to."""

    marts: Marts
    names: dict[str, str]
    password: str
    told: list[str]

    def connect(self, who: str) -> psycopg.Connection:
        url = make_url(self.marts.url)
        connection = psycopg.connect(
            host=url.host, port=url.port, dbname=url.database, user=self.names[who], password=self.password
        )
        connection.add_notice_handler(lambda notice: self.told.append(notice.message_primary or ""))
        return connection

    def outcome(self, who: str, statement: str) -> tuple[str, set[uuid.UUID]]:
        """What came of it, and whose rows were seen. Nothing stays of it."""
        self.told.clear()
        with self.connect(who) as connection:
            try:
                cursor = connection.execute(sql.SQL(statement.format(**self.names) if "{" in statement else statement))
                while cursor.nextset():
                    pass
                seen = {row[0] for row in cursor} if cursor.description else set()
            except psycopg.errors.InsufficientPrivilege:
                connection.rollback()
                return REFUSED, set()
            finally:
                connection.rollback()
        return (OWN if seen == {self.marts.athletes["ann"]} else ALL if seen else NONE), seen


@pytest.fixture(scope="module")
def logins(marts: Marts) -> Iterator[Logins]:
    ending, password = uuid.uuid4().hex[:8], uuid.uuid4().hex
    names = {who: f"test_{who}_{ending}" for who in ("ann", "bob", "analyst", "nobody")}
    groups = {"ann": "perf_athlete", "bob": "perf_athlete", "analyst": "perf_analyst"}
    with psycopg.connect(marts.url, autocommit=True) as connection:
        for who, name in names.items():
            connection.execute(f"create role {name} login password '{password}'")
            if who in groups:
                connection.execute(f"grant {groups[who]} to {name}")
        for who in ("ann", "bob"):
            connection.execute(
                "insert into athlete_logins (role_name, profile_id) values (%s, %s)", (names[who], marts.athletes[who])
            )
        connection.execute(
            """insert into notifications (profile_id, type, title, message, occurred_at)
               select id, 'milestone', 'a', 'b', now() from profiles"""
        )
        connection.execute("analyze activities")
        try:
            yield Logins(marts, names, password, [])
        finally:
            connection.execute("delete from athlete_logins")
            for name in names.values():
                connection.execute(f"drop owned by {name}")
                connection.execute(f"drop role {name}")


@pytest.mark.parametrize("one", TRIES, ids=[one.what for one in TRIES])
def test_what_each_role_can_do_and_what_it_cannot(logins: Logins, one: Try) -> None:
    found = {who: logins.outcome(who, one.statement) for who in ("ann", "analyst", "nobody")}
    assert {who: outcome for who, (outcome, _) in found.items()} == {
        "ann": one.athlete, "analyst": one.analyst, "nobody": one.nobody,
    }  # fmt: skip
    assert found["ann"][1] <= {logins.marts.athletes["ann"]}


def test_a_condition_with_a_function_is_told_of_own_rows_alone(logins: Logins) -> None:
    (one,) = [one for one in TRIES if "pg_temp.tell" in one.statement]
    logins.outcome("ann", one.statement)
    assert set(logins.told) == {str(logins.marts.athletes["ann"])}


def test_the_table_in_the_documentation_is_what_was_tried() -> None:
    told = (models_folder().parent / "docs" / "access.md").read_text()
    for one in TRIES:
        assert f"| {one.what} | {one.athlete} | {one.analyst} | {one.nobody} |" in told


def test_every_table_is_secured_and_open_to_its_readers(logins: Logins) -> None:
    rows = logins.marts.rows(
        """select c.relname, c.relrowsecurity, array_agg(p.polname::text) as policies
           from pg_class c left join pg_policy p on p.polrelid = c.oid
           where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'perf_schema_version'
           group by 1, 2"""
    )
    assert {row["relname"] for row in rows} == set(METADATA.tables)
    for row in rows:
        assert row["relrowsecurity"], row["relname"]
        is_open = "athletes_read_their_own" in row["policies"]
        assert is_open == (row["relname"] not in MACHINERY), row["relname"]
        assert "analysts_read" in row["policies"]


def test_an_athlete_reads_every_view_that_is_not_stored_or_machinery_and_sees_own_rows(logins: Logins) -> None:
    refused = set()
    for model in logins.marts.project.models.values():
        outcome, seen = logins.outcome("ann", f'select distinct profile_id from "{model.schema}"."{model.name}"')
        assert seen <= {logins.marts.athletes["ann"]}, model.name
        if outcome == REFUSED:
            refused.add(model.name)
    assert refused == {"season_comparison", "stg_athlete_leases", "stg_archive_checks", "stg_activity_outputs"}


def test_a_coach_reads_the_athletes_whom_the_login_names_and_loses_them_again(logins: Logins) -> None:
    marts, query = logins.marts, "select distinct profile_id from marts.weekly_training"
    both = (logins.names["bob"], marts.athletes["ann"])
    with psycopg.connect(marts.url, autocommit=True) as connection:
        connection.execute("insert into athlete_logins (role_name, profile_id) values (%s, %s)", both)
        assert logins.outcome("bob", query)[1] == {marts.athletes["ann"], marts.athletes["bob"]}
        connection.execute("delete from athlete_logins where role_name = %s and profile_id = %s", both)
    assert logins.outcome("bob", query)[1] == {marts.athletes["bob"]}


def test_an_athletes_question_reads_own_rows_by_the_index(logins: Logins) -> None:
    with logins.connect("ann") as connection:
        connection.execute("set enable_seqscan = off")
        plan = "\n".join(row[0] for row in connection.execute("explain select * from activity_efforts"))
    assert "Index Cond: (profile_id = ANY" in plan


def test_a_mark_of_an_athlete_is_noted_for_the_journal(logins: Logins) -> None:
    with logins.connect("ann") as connection:
        connection.execute("update notifications set is_read = true")
        connection.commit()
    kinds = logins.marts.rows("select profile_id from journal_pending where kind = 'notifications'")
    assert {row["profile_id"] for row in kinds} == {logins.marts.athletes["ann"]}


def test_what_is_stored_is_taken_from_athletes(logins: Logins) -> None:
    marts = logins.marts
    model = marts.project.models["weekly_training"]
    with marts.warehouse.begin() as connection:
        assert ("perf_athlete", "SELECT") in grants_of(connection, model)
        connection.exec_driver_sql("grant select on marts.season_comparison to perf_athlete")
    build(marts.warehouse.engine, marts.project)
    assert logins.outcome("ann", "select profile_id from marts.season_comparison")[0] == REFUSED


def test_a_database_user_without_the_right_to_make_roles_migrates_and_opens_what_it_owns(marts: Marts) -> None:
    owner, password = f"test_owner_{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    url = make_url(marts.url)
    with psycopg.connect(marts.url, autocommit=True) as connection:
        connection.execute(f"create role {owner} login password '{password}'")
        connection.execute(f"create database {owner} owner {owner}")
        try:
            own = url.set(username=owner, password=password, database=owner).render_as_string(hide_password=False)
            with Warehouse.connect(own) as warehouse:
                warehouse.migrate()
                build(warehouse.engine, marts.project)
                with warehouse.begin() as mine:
                    policies = mine.exec_driver_sql("select count(distinct polrelid) from pg_policy").scalar()
                    granted = "select has_table_privilege('perf_athlete', 'marts.power_curve', 'select')"
                    assert policies == len(METADATA.tables)
                    assert mine.exec_driver_sql(granted).scalar()
        finally:
            connection.execute(f"drop database {owner} with (force)")
            connection.execute(f"drop role {owner}")
