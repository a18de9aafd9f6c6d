"""Writes `threshold_models`: each model as of every Sunday and today; what was said stays on record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Double, Text, bindparam, cast, func, select, update
from sqlalchemy.dialects.postgresql import array

from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.freshness import turn
from perf_pipeline.pipeline.series import SeriesActivity, load_activities, newest_day
from perf_pipeline.pipeline.stages import thresholds
from perf_pipeline.pipeline.stages.observations import Observation, Observations, Window
from perf_pipeline.pipeline.stages.thresholds import Answer, Model
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.tables import activity_efforts, activity_metrics, threshold_models
from perf_pipeline.storage.warehouse import Lease, Warehouse, copy_rows

STAGE = "threshold_models"
VALUES = ("threshold", "threshold_low", "threshold_high", "capacity", "capacity_low", "capacity_high", "refusal")
SUNDAY = 6
Said = dict[date, list[dict[str, Any]]]


def threshold_version() -> str:
    """Code version of the stage."""
    return code_version("perf_pipeline.pipeline.stages.thresholds")


def update_thresholds(
    warehouse: Warehouse,
    lease: Lease,
    today: date,
    *,
    full_refresh: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Answers each model as of every Sunday and today; appends the answers that differ from what was said last."""
    version = threshold_version()
    counts = {"as_of_days": 0, "fitted": 0, "written": 0}
    with turn(warehouse, lease, STAGE, today, version, threshold_models, full_refresh=full_refresh) as mine:
        if mine.current:
            return {**counts, "up_to_date": 1}
        with warehouse.begin() as connection:
            series = load_activities(connection, lease.profile_id, today, metrics=())
            sources = _Sources(connection, lease.profile_id, series)
            said = _said(connection, lease.profile_id)
            today = newest_day(series, today)
            turns = [
                _ModelTurn(lease.profile_id, model, sources.of(model), said[model.sport, model.name], version)
                for model in thresholds.MODELS
            ]
        for index, one in enumerate(turns):
            one.answer_all(today, full_refresh=full_refresh)
            progress(index + 1, len(turns))
        with lease.transaction() as connection:
            for one in turns:
                copy_rows(connection, threshold_models, one.new)
            _note_seen(connection, [pair for one in turns for pair in one.seen])
        mine.done = True
    counts["as_of_days"] = sum(one.as_of_days for one in turns)
    counts["fitted"] = sum(one.fitted for one in turns)
    counts["written"] = sum(len(one.new) for one in turns)
    return counts


class _ModelTurn:
    """One model's answers: `new` rows to append, `seen` rows whose answer holds though their inputs changed."""

    def __init__(
        self, profile_id: UUID, model: Model, observations: Observations, held: Mapping[date, list[dict[str, Any]]],
        version: str,
    ) -> None:  # fmt: skip
        self.profile_id, self.model, self.observations, self.version = profile_id, model, observations, version
        self.held: Said = dict(held)
        self.new: list[dict[str, Any]] = []
        self.seen: list[tuple[UUID, str]] = []
        self.as_of_days = self.fitted = 0
        self._answers: dict[str, Answer] = {}

    def answer_all(self, today: date, *, full_refresh: bool) -> None:
        """Every Sunday that has something to look at, every day answered before, and today."""
        days = as_of_days(self.observations.days, self.held, today, self.model.days)
        self.as_of_days = len(days)
        for as_of in days:
            window = self.observations.window(as_of, self.model.days, self.model.most)
            digest = window.digest(self.version)
            last = self.held[as_of][-1] if as_of in self.held else None
            if last is not None and last["input_hash"] == digest and not full_refresh:
                continue
            answer = self._answer(window, digest)
            if last is None and as_of == today and _repeats(self.held, as_of, answer):
                continue  # an ordinary day on which nothing changed since the last answer
            if last is not None and _same(last, answer):
                self.seen.append((last["id"], digest))
            else:
                self._say(as_of, answer, digest)

    def _answer(self, window: Window, digest: str) -> Answer:
        if digest not in self._answers:
            self.fitted += 1
            rows = window.rows()
            self._answers[digest] = self.model.answer(rows) if rows else self.model.nothing
        return self._answers[digest]

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


class _Sources:
    """The observations of all models, read once by kind."""

    def __init__(self, connection: Connection, profile_id: UUID, series: Sequence[SeriesActivity]) -> None:
        self._known = {str(activity.id): activity for activity in series}
        self._power: dict[str, list[Observation]] = defaultdict(list)
        self._distance: dict[str, list[Observation]] = defaultdict(list)
        e, m = activity_efforts.c, activity_metrics.c
        mine = (e.profile_id == profile_id, e.grade != "rejected")
        columns = (cast(e.activity_id, Text), e.start_offset)
        power = select(*columns, cast(e.duration_seconds, Double), cast(e.value, Double)).where(
            *mine, e.effort_type == "power"
        )
        timed = select(*columns, cast(e.distance_meters, Double), cast(e.elapsed_seconds, Double)).where(
            *mine,
            e.distance_meters.is_not(None),
            e.elapsed_seconds.is_not(None),
            ~func.coalesce(e.evidence["reasons"].has_any(array(thresholds.SPOILING)), False),
        )
        self._collect(connection.execute(power), self._power)
        self._collect(connection.execute(timed), self._distance)
        names = {model.source for model in thresholds.MODELS} - {"power", "distance"}
        self._metrics: dict[str, dict[str, list[Observation]]] = {name: defaultdict(list) for name in names}
        rows = select(cast(m.activity_id, Text), m.metric, m.value).where(
            m.profile_id == profile_id, m.metric.in_(names)
        )
        told = connection.execute(rows).all()
        best_20 = {activity_id: value for activity_id, name, value in told if name == thresholds.BEST_20MIN_BPM}
        for activity_id, name, value in told:
            if name == thresholds.HIGHEST_BPM and not thresholds.credible_maximum(value, best_20.get(activity_id)):
                continue
            if (activity := self._known.get(activity_id)) is not None:
                self._metrics[name][activity.sport].append(Observation(activity_id, activity.day, 0.0, value))

    def _collect(self, rows: Iterable[Any], into: dict[str, list[Observation]]) -> None:
        for activity_id, offset, key, value in rows:
            if (activity := self._known.get(activity_id)) is not None:
                into[activity.sport].append(Observation(activity_id, activity.day, key, value, offset))

    def of(self, model: Model) -> Observations:
        """What the model may look at."""
        if model.source in self._metrics:
            return Observations(self._metrics[model.source][model.sport])
        found = (self._power if model.source == "power" else self._distance)[model.sport]
        low, high = model.keys
        wanted = [row for row in found if low <= row.key <= high]
        return Observations(wanted, lowest_is_best=model.source == "distance")


def _said(connection: Connection, profile_id: UUID) -> defaultdict[tuple[str, str], Said]:
    """What was said so far, by model and day, oldest first."""
    said: defaultdict[tuple[str, str], Said] = defaultdict(dict)
    table = threshold_models.c
    columns = [table[name] for name in ("id", "sport", "model", "as_of", "input_hash", *VALUES)]
    query = select(*columns).where(table.profile_id == profile_id).order_by(table.version)
    for row in connection.execute(query).mappings():
        said[row["sport"], row["model"]].setdefault(row["as_of"], []).append(dict(row))
    return said


def _note_seen(connection: Connection, seen: Sequence[tuple[UUID, str]]) -> None:
    if seen:
        table = threshold_models
        statement = update(table).where(table.c.id == bindparam("row")).values(input_hash=bindparam("digest"))
        connection.execute(statement, [{"row": row_id, "digest": digest} for row_id, digest in seen])


def as_of_days(days: Iterable[date], held: Iterable[date], today: date, reach_days: int) -> list[date]:
    """Sundays while something is in the window (and the first one after), days answered before, and today."""
    # Ordinals that are multiples of seven are Sundays.
    observed = {day.toordinal() for day in days}
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
