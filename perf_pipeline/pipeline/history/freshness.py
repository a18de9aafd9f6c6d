"""Whether an athlete-grain stage has anything to do, asked in a few milliseconds and without reading the series."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import Connection, Table, func, select, text

from perf_pipeline.storage.tables import athlete_outputs
from perf_pipeline.storage.warehouse import Lease, Warehouse, upsert

# All that reaches the athlete-grain stages: the months' outputs (by their hashes), which activities there are and which
# gave way, who the athlete is, and what was said of thresholds.
_STATE = text(
    """
    select
        (select md5(string_agg(month || stage || output_hash, ',' order by month, stage))
         from month_outputs where profile_id = :profile),
        (select md5(string_agg(id::text || coalesce(superseded_by::text, ''), ',' order by id))
         from activities where profile_id = :profile),
        (select coalesce(sex, '') || '|' || coalesce(birth_date::text, '') || '|' || coalesce(timezone, '')
         from profiles where id = :profile),
        (select count(*) || '|' || coalesce(max(computed_at)::text, '')
         from threshold_models where profile_id = :profile and :thresholds)
    """
)

# The same of the activities up to a day: their ids are hashes of files, so with what sidecars say and the code that
# worked on them they stand for what was made of them.
_STATE_UNTIL = text(
    """
    select
        (select md5(string_agg(month || stage || code_version, ',' order by month, stage)) from month_outputs
         where profile_id = :profile and month <= :month
           and stage in ('activity_streams', 'activities', 'activity_efforts', 'activity_metrics')),
        (select md5(string_agg(id::text || type || name || coalesce(superseded_by::text, ''), ',' order by id))
         from activities where profile_id = :profile and started_at < :until),
        (select coalesce(timezone, '') from profiles where id = :profile)
    """
)
# What is known of the athlete on days up to one (see `knowing`).
_KNOWN_UNTIL = text(
    """
    select
        (select count(*) || '|' || coalesce(max(computed_at)::text, '')
         from threshold_models where profile_id = :profile and as_of <= :day),
        (select md5(string_agg(metric_type::text || date::text || ' ' || value::text, ',' order by metric_type, date))
         from daily_wellness where profile_id = :profile and metric_type in ('resting_hr_bpm', 'weight_kg')
           and age_days = 0 and date <= :day),
        (select coalesce(sex, '') from profiles where id = :profile)
    """
)
AHEAD_OF_UTC = timedelta(days=2)
"""Local days end before."""
_ROWS = "rows"
WEEKS_BACK = (1, 6, 52)
"""How far back Sundays are noted: a file that comes some days late is to have a year looked at again at the most."""


def fingerprint(
    connection: Connection,
    profile_id: UUID,
    today: date,
    version: str,
    output: Table | None,
    *,
    thresholds: bool = True,
    only_until: date | None = None,
) -> str:
    """Hash of all that a stage could read, of the day, its code, and how many rows it has written (to no table: None).

    `version` is of the stage and of those upstream whose rows it reads; `thresholds`: it comes after them;
    `only_until`: it reads efforts of local days up to that one and nothing else.
    """
    if only_until is None:
        state = connection.execute(_STATE, {"profile": profile_id, "thresholds": thresholds}).one()
    else:
        until = datetime.combine(only_until + AHEAD_OF_UTC, time(), UTC)
        state = connection.execute(
            _STATE_UNTIL, {"profile": profile_id, "until": until, "month": f"{until:%Y-%m}"}
        ).one()
    written = None
    if output is not None:
        written = connection.scalar(select(func.count()).select_from(output).where(output.c.profile_id == profile_id))
    return hashlib.sha256(repr((*state, written, today, version)).encode()).hexdigest()[:32]


class Noted:
    """Notes of an athlete-grain stage: what its rows hold for."""

    @staticmethod
    def read(connection: Connection, profile_id: UUID, stage: str) -> str | None:
        held = athlete_outputs.c
        found: str | None = connection.scalar(
            select(held.fingerprint).where(held.profile_id == profile_id, held.stage == stage)
        )
        return found

    @staticmethod
    def write(connection: Connection, profile_id: UUID, stage: str, note: str) -> None:
        row = {"profile_id": profile_id, "stage": stage, "fingerprint": note, "computed_at": datetime.now(UTC)}
        upsert(connection, athlete_outputs, [row])


def first_unsettled(settled: date | None) -> datetime | None:
    """Activities that began before cannot be of a later local day than the settled one; None: any may be."""
    return None if settled is None else datetime.combine(settled - AHEAD_OF_UTC, time(), UTC)


@dataclass(frozen=True, slots=True)
class Settled:
    """Notes of a stage whose rows of a day depend on nothing later: Sundays up to which all of it is done, each with
    the state of the history until then. While that is as it was, only what comes after has to be looked at.

    `knowledge`: they depend on thresholds and measurements as well, not on activities alone.
    """

    profile_id: UUID
    stage: str
    version: str
    output: Table | None
    knowledge: bool = False

    def until(self, connection: Connection) -> date | None:
        """The last Sunday up to which nothing has changed since it was noted."""
        if self._noted(connection, _ROWS) != self._rows(connection):
            return None  # rows have gone, or come, that this stage knows nothing of
        for weeks in WEEKS_BACK:
            noted = self._noted(connection, f"{weeks}")
            day = date.fromisoformat(noted.split(" ")[0]) if noted else None
            if day is not None and noted == f"{day} {self._state(connection, day)}":
                return day
        return None

    def note(self, connection: Connection, today: date, settled: date | None) -> None:
        """All is done up to today. `settled`: what `until` said before: notes of it and of days before it hold."""
        for weeks in WEEKS_BACK:
            day = today - timedelta(days=7 * weeks + (today.weekday() + 1) % 7)
            noted = self._noted(connection, f"{weeks}")
            if settled is not None and day <= settled and noted and noted.startswith(f"{day} "):
                continue
            Noted.write(connection, self.profile_id, self._name(f"{weeks}"), f"{day} {self._state(connection, day)}")
        Noted.write(connection, self.profile_id, self._name(_ROWS), self._rows(connection))

    def _noted(self, connection: Connection, what: str) -> str | None:
        return Noted.read(connection, self.profile_id, self._name(what))

    def _name(self, what: str) -> str:
        return f"{self.stage} until {what}"

    def _rows(self, connection: Connection) -> str:
        if self.output is None:
            return "-"
        mine = self.output.c.profile_id == self.profile_id
        return str(connection.scalar(select(func.count()).select_from(self.output).where(mine)))

    def _state(self, connection: Connection, day: date) -> str:
        told = fingerprint(connection, self.profile_id, day, self.version, None, only_until=day)
        if not self.knowledge:
            return told
        known = connection.execute(_KNOWN_UNTIL, {"profile": self.profile_id, "day": day}).one()
        return hashlib.sha256(repr((told, *known)).encode()).hexdigest()[:32]


@dataclass
class Turn:
    """`current`: nothing to do. The stage sets `done` once it has written."""

    current: bool
    done: bool = False


@contextmanager
def turn(
    warehouse: Warehouse,
    lease: Lease,
    stage: str,
    today: date,
    version: str,
    output: Table | None,
    *,
    full_refresh: bool,
    thresholds: bool = True,
    only_until: date | None = None,
) -> Iterator[Turn]:
    """One stage's turn for the athlete; at its end what was read and written is noted, where it was `done`.

    `thresholds`, `only_until`: as in `fingerprint`.
    """

    def state(connection: Connection) -> str:
        return fingerprint(
            connection, lease.profile_id, today, version, output, thresholds=thresholds, only_until=only_until
        )

    with warehouse.begin() as connection:
        noted = Noted.read(connection, lease.profile_id, stage)
        now = state(connection)
    mine = Turn(current=noted == now and not full_refresh)
    yield mine
    if mine.done:
        with lease.transaction() as connection:
            Noted.write(connection, lease.profile_id, stage, state(connection))
