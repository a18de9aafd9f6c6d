"""Writes `threshold_models`: each model as of every Sunday and today; what was said stays on record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.compute import Executor, side_by_side
from perf_pipeline.pipeline.history.freshness import Settled, turn
from perf_pipeline.pipeline.series import SeriesActivity, load_activities, newest_day
from perf_pipeline.pipeline.stages import thresholds
from perf_pipeline.pipeline.stages.observations import Observations
from perf_pipeline.pipeline.stages.thresholds import Answer, Model
from perf_pipeline.storage.columns import fetch_columns, places_of
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.tables import threshold_models
from perf_pipeline.storage.warehouse import Lease, Warehouse, copy_rows

STAGE = "threshold_models"
VALUES = ("threshold", "threshold_low", "threshold_high", "capacity", "capacity_low", "capacity_high", "refusal")
SUNDAY = 6
WORTH_WORKERS = 200
"""Windows to fit that are worth the workers."""
Said = dict[date, list[dict[str, Any]]]


def threshold_version() -> str:
    """Code version of the stage."""
    return code_version("perf_pipeline.pipeline.stages.thresholds")


def update_thresholds(
    warehouse: Warehouse,
    lease: Lease,
    today: date,
    *,
    executor: Executor | None = None,
    full_refresh: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Answers each model as of every Sunday and today; appends the answers that differ from what was said last.

    Where nothing has changed up to a Sunday of before, only what comes after it is looked at.
    """
    version = threshold_version()
    counts = {"as_of_days": 0, "fitted": 0, "written": 0}
    history = Settled(lease.profile_id, STAGE, version, threshold_models)
    with turn(warehouse, lease, STAGE, today, version, threshold_models, full_refresh=full_refresh) as mine:
        if mine.current:
            return {**counts, "up_to_date": 1}
        with warehouse.begin() as connection:
            settled = None if full_refresh else history.until(connection)
            series = load_activities(connection, lease.profile_id, today, metrics=())
            sources = _Sources(connection, lease.profile_id, series, settled)
            said = _said(connection, lease.profile_id, settled)
            today = newest_day(series, today)
        turns = [
            _ModelTurn(lease.profile_id, model, sources.of(model), said[model.sport, model.name], settled)
            for model in thresholds.MODELS
        ]
        for one in turns:
            one.look(today, version, full_refresh=full_refresh)
        worth = sum(len(one.stale) for one in turns) >= WORTH_WORKERS
        asked = [one for one in turns if one.stale]
        tasks = [FitTask(one.model, one.observations, list(one.to_fit.values())) for one in asked]
        for one, answers in zip(asked, side_by_side(executor if worth else None, fit, tasks), strict=True):
            one.tell(answers, today)
        progress(len(turns), len(turns))
        with lease.transaction() as connection:
            for one in turns:
                copy_rows(connection, threshold_models, one.new)
            _note_seen(connection, [pair for one in turns for pair in one.seen])
            history.note(connection, today, settled)
        mine.done = True
    counts["as_of_days"] = sum(one.as_of_days for one in turns)
    counts["fitted"] = sum(one.fitted for one in turns)
    counts["written"] = sum(len(one.new) for one in turns)
    return counts


@dataclass(frozen=True, slots=True)
class FitTask:
    """A model and the days (ordinals) as of which it is asked."""

    model: Model
    observations: Observations
    days: Sequence[int]


def fit(task: FitTask) -> list[Answer]:
    """The model's answer as of each of the days."""
    model = task.model
    windows = task.observations.windows(task.days, model.days, model.most)
    return [model.answer(rows) if (rows := window.rows()) else model.nothing for window in windows]


class _ModelTurn:
    """One model's answers: `new` rows to append, `seen` rows whose answer holds though their inputs changed.

    `stale`: days to answer with the hash of what is seen as of them.
    """

    def __init__(
        self, profile_id: UUID, model: Model, observations: Observations, held: Mapping[date, list[dict[str, Any]]],
        settled: date | None,
    ) -> None:  # fmt: skip
        self.profile_id, self.model, self.observations = profile_id, model, observations
        self.held: Said = dict(held)
        self.settled = settled
        self.stale: list[tuple[date, str]] = []
        self.new: list[dict[str, Any]] = []
        self.seen: list[tuple[UUID, str]] = []
        self.as_of_days = self.fitted = 0

    def look(self, today: date, version: str, *, full_refresh: bool) -> None:
        """Finds what is stale of every Sunday that has something to look at, every day answered before, and today."""
        days = as_of_days(self.observations.days, self.held, today, self.model.days)
        days = [day for day in days if self.settled is None or day > self.settled]
        self.as_of_days = len(days)
        windows = self.observations.windows([day.toordinal() for day in days], self.model.days, self.model.most)
        for as_of, window in zip(days, windows, strict=True):
            digest = window.digest(version)
            if full_refresh or as_of not in self.held or self.held[as_of][-1]["input_hash"] != digest:
                self.stale.append((as_of, digest))

    @cached_property
    def to_fit(self) -> dict[str, int]:
        """Of what is stale one day (an ordinal) for each hash."""
        return {digest: day.toordinal() for day, digest in self.stale}

    def tell(self, answers: Sequence[Answer], today: date) -> None:
        """Says what differs from what was said. `answers` are those as of the days of `to_fit`."""
        self.fitted = len(answers)
        by_digest = dict(zip(self.to_fit, answers, strict=True))
        for as_of, digest in self.stale:
            answer = by_digest[digest]
            last = self.held[as_of][-1] if as_of in self.held else None
            if last is None and as_of == today and _repeats(self.held, as_of, answer):
                continue  # an ordinary day on which nothing changed since the last answer
            if last is not None and _same(last, answer):
                self.seen.append((last["id"], digest))
            else:
                self._say(as_of, answer, digest)

    def _say(self, as_of: date, answer: Answer, digest: str) -> None:
        before = self.held.get(as_of, [])
        model = self.model
        row = {
            "id": content_id("threshold", self.profile_id, model.sport, model.name, as_of, len(before)),
            "profile_id": self.profile_id,
            "sport": model.sport,
            "model": model.name,
            "as_of": as_of,
            "version": len(before),
            **{name: getattr(answer, name) for name in VALUES},
            "unit": model.unit,
            "details": dict(answer.details),
            "input_hash": digest,
            "computed_at": datetime.now(UTC),
        }
        self.held[as_of] = [*before, row]
        self.new.append(row)


_EFFORTS = """
    select e.activity_id, e.effort_type = 'power', coalesce(e.distance_meters, e.duration_seconds)::float8,
           case when e.effort_type = 'power' then e.value else e.elapsed_seconds end::float8, e.start_offset
    from activity_efforts e
    where e.profile_id = %(profile)s and e.grade <> 'rejected' and e.recorded_at >= %(since)s
      and (e.effort_type = 'power'
           or (e.distance_meters is not null and e.elapsed_seconds is not null
               and not coalesce(jsonb_exists_any(e.evidence -> 'reasons', %(spoiling)s), false)))
    """
_METRICS = """
    select activity_id, array_position(%(names)s::text[], metric), value from activity_metrics
    where profile_id = %(profile)s and metric = any(%(names)s::text[])
    """
_LONGEST_DAYS = 7
"""An activity begins no more than so many days before the end of its last effort."""


class _Sources:
    """The observations of all models, read once by kind; efforts only where a window after `settled` may hold them."""

    def __init__(
        self, connection: Connection, profile_id: UUID, series: Sequence[SeriesActivity], settled: date | None
    ) -> None:
        self._ids = [one.id for one in series]
        self._days = np.array([one.day.toordinal() for one in series], dtype=np.int64)
        self._sports = np.array([one.sport for one in series], dtype=object)
        since = date(1, 1, 3) if settled is None else settled - timedelta(days=thresholds.EFFORT_DAYS + _LONGEST_DAYS)
        self._efforts = self._placed(
            fetch_columns(
                connection, _EFFORTS,
                {"profile": profile_id, "since": datetime.combine(since, time(), UTC),
                 "spoiling": thresholds.SPOILING},
                {"activity": "uuid", "is_power": "boolean", "key": "double precision", "value": "double precision",
                 "start": "integer"},
            )
        )  # fmt: skip
        self._names = sorted({model.source for model in thresholds.MODELS} - {"power", "distance"})
        self._metrics = self._believed(
            self._placed(
                fetch_columns(
                    connection, _METRICS, {"profile": profile_id, "names": self._names},
                    {"activity": "uuid", "name": "integer", "value": "double precision"},
                )
            )
        )  # fmt: skip

    def _placed(self, columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """With the place of each row's activity in the series; rows of others are left out."""
        place = places_of(columns["activity"], self._ids)
        known = place >= 0
        return {"place": place[known], **{name: column[known] for name, column in columns.items()}}

    def _believed(self, told: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Without highest heart rates that are a fault of the strap."""
        best = np.full(len(self._ids), np.nan)
        of_20_min = told["name"] == 1 + self._names.index(thresholds.BEST_20MIN_BPM)
        best[told["place"][of_20_min]] = told["value"][of_20_min]
        highest = told["name"] == 1 + self._names.index(thresholds.HIGHEST_BPM)
        good = ~highest | thresholds.credible_maximum(told["value"], best[told["place"]])
        return {name: column[good] for name, column in told.items()}

    def of(self, model: Model) -> Observations:
        """What the model may look at."""
        if model.source in self._names:
            rows = self._metrics
            mine = rows["name"] == 1 + self._names.index(model.source)
        else:
            rows, (low, high) = self._efforts, model.keys
            mine = (rows["is_power"] == (model.source == "power")) & (rows["key"] >= low) & (rows["key"] <= high)
        at = np.flatnonzero(mine)
        at = at[self._sports[rows["place"][at]] == model.sport]
        nothing = np.zeros(len(at))
        return Observations(
            rows["activity"][at],
            self._days[rows["place"][at]],
            rows["key"][at] if "key" in rows else nothing,
            rows["value"][at],
            rows["start"][at] if "start" in rows else nothing.astype(np.int64),
            lowest_is_best=model.source == "distance",
        )


def _said(connection: Connection, profile_id: UUID, settled: date | None) -> defaultdict[tuple[str, str], Said]:
    """What was said so far, by model and day, oldest first; up to `settled` only the last word of each model."""
    said: defaultdict[tuple[str, str], Said] = defaultdict(dict)
    table = threshold_models.c
    columns = [table[name] for name in ("id", "sport", "model", "as_of", "input_hash", *VALUES)]
    query = select(*columns).where(table.profile_id == profile_id).order_by(table.version)
    if settled is not None:
        last = (
            select(table.id)
            .where(table.profile_id == profile_id, table.as_of <= settled)
            .ext(distinct_on(table.sport, table.model))
            .order_by(table.sport, table.model, table.as_of.desc(), table.version.desc())
        )
        query = query.where(or_(table.as_of > settled, table.id.in_(last)))
    for row in connection.execute(query).mappings():
        said[row["sport"], row["model"]].setdefault(row["as_of"], []).append(dict(row))
    return said


def _note_seen(connection: Connection, seen: Sequence[tuple[UUID, str]]) -> None:
    if seen:
        table = threshold_models
        statement = update(table).where(table.c.id == bindparam("row")).values(input_hash=bindparam("digest"))
        connection.execute(statement, [{"row": row_id, "digest": digest} for row_id, digest in seen])


def as_of_days(days: Iterable[int], held: Iterable[date], today: date, reach_days: int) -> list[date]:
    """Sundays while something is in the window (and the first one after), days answered before, and today.

    `days`: ordinals of days on which something was observed.
    """
    # Ordinals that are multiples of seven are Sundays.
    observed = set(days)
    sundays: set[int] = set()
    for first in {day + -day % 7 for day in observed}:
        sundays.update(range(first, first + reach_days + 14 - reach_days % 7, 7))
    last = today.toordinal()
    found = {day for day in {*sundays, *(day.toordinal() for day in held)} if day <= last}
    return [date.fromordinal(day) for day in sorted(found | {last})] if found or observed else []


def _repeats(held: Mapping[date, Sequence[dict[str, Any]]], as_of: date, answer: Answer) -> bool:
    earlier = [day for day in held if day < as_of]
    return bool(earlier) and as_of.weekday() != SUNDAY and _same(held[max(earlier)][-1], answer)


def _same(row: dict[str, Any], answer: Answer) -> bool:
    return all(row[name] == getattr(answer, name) for name in VALUES)
