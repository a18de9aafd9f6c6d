"""Writes `capability_predictions` and `prediction_backtests`: only what news has changed."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, select, update

from perf_pipeline.physiology.effort_history import Curve, History
from perf_pipeline.physiology.prediction_cases import Case, Outlook, cases, last_outcome, month_ends, outlooks
from perf_pipeline.physiology.prediction_choice import Record
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.compute import Executor, side_by_side
from perf_pipeline.pipeline.history.curves import digests, read_histories
from perf_pipeline.pipeline.history.freshness import turn
from perf_pipeline.pipeline.stages import predictions as stage
from perf_pipeline.storage.copy_text import CopyBlock, encode_rows
from perf_pipeline.storage.tables import athlete_outputs, capability_predictions, prediction_backtests
from perf_pipeline.storage.warehouse import Lease, Warehouse, copy_rows, upsert

BACKTEST, FORECAST = "prediction_backtest", "capability_predictions"
ACTIVE_DAYS = 97
"""Weeks are answered while there was an effort in the last 90 days, and the week after."""
WORTH_WORKERS = 100
"""Days (weeks, months) to answer for that are worth the workers."""


def prediction_version() -> str:
    """Code version of both stages."""
    return code_version("perf_pipeline.pipeline.stages.predictions", "perf_pipeline.pipeline.history.curves")


def _nothing(done: int, total: int) -> None:
    """No one watches."""


def update_backtest(
    warehouse: Warehouse,
    lease: Lease,
    today: date,
    *,
    executor: Executor | None = None,
    full_refresh: bool = False,
    progress: Callable[[int, int], None] = _nothing,
) -> dict[str, int]:
    """Every month whose 30 days after are over: what was said, and what happened. Months with no news are skipped, and
    what came after the last of those days is no news.
    """
    version = prediction_version()
    last = date.fromordinal(last_outcome(today.toordinal()))
    with turn(
        warehouse,
        lease,
        BACKTEST,
        last,
        version,
        prediction_backtests,
        full_refresh=full_refresh,
        thresholds=False,
        only_until=last,
    ) as mine:
        if mine.current:
            return {"cases": 0, "months": 0, "written": 0, "withdrawn": 0, "up_to_date": 1}
        counts = _look_back(warehouse, lease, today, version, executor, full_refresh=full_refresh, progress=progress)
        mine.done = True
    return counts


def _look_back(
    warehouse: Warehouse,
    lease: Lease,
    today: date,
    version: str,
    executor: Executor | None,
    *,
    full_refresh: bool,
    progress: Callable[[int, int], None],
) -> dict[str, int]:
    with warehouse.begin() as connection:
        histories = read_histories(connection, lease.profile_id, today)
        held = _held_cases(connection, lease.profile_id)
    tasks: list[BacktestTask] = []
    gone = dict(held)
    counts = {"cases": 0, "months": 0, "written": 0, "withdrawn": 0}
    for curve, history in histories:
        found = cases(history, month_ends(history, today.toordinal()))
        known = digests(history, [case.known_from for case in found], version)
        stale = set()
        for case in found:
            key = _case_key(curve, case)
            if gone.pop(key, None) != known[case.known_from] or full_refresh:
                stale.add(case.as_of)
        counts["cases"] += len(found)
        counts["months"] += len(stale)
        if stale:
            tasks.append(BacktestTask(lease.profile_id, history, found, stale, known))
    worth = counts["months"] >= WORTH_WORKERS
    told = side_by_side(executor if worth else None, case_rows, tasks)
    progress(len(histories), len(histories))
    written = {key for one in told for key in one.keys}
    with lease.transaction() as connection:
        _delete_cases(connection, lease.profile_id, [*gone, *(held.keys() & written)])
        for one in told:
            copy_rows(connection, prediction_backtests, one.rows)
    return {**counts, "written": len(written), "withdrawn": len(gone)}


def _case_key(curve: Curve, case: Case) -> tuple[str, str, date]:
    return curve.sport, stage.target_name(curve, curve.targets[case.target]), date.fromordinal(case.as_of)


@dataclass(frozen=True, slots=True)
class BacktestTask:
    """One curve's cases, of which those of the days `stale` are to be told; `known`: hash of the efforts by day."""

    profile_id: UUID
    history: History
    found: Sequence[Case]
    stale: set[int]
    known: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Backtested:
    """Rows of `prediction_backtests` as COPY takes them, and their sports, targets and days."""

    rows: CopyBlock
    keys: list[tuple[str, str, date]]


def case_rows(task: BacktestTask) -> Backtested:
    """The rows of `prediction_backtests` of the stale days."""
    history, found = task.history, task.found
    told = outlooks(history, sorted(task.stale | {case.as_of for case in found if case.near}))
    record = Record(history.curve, found, told)
    shown = {day: record.predict(told[day]) for day in task.stale}
    rows = [
        stage.backtest_row(
            task.profile_id, history.curve, case, told[case.as_of], shown[case.as_of][case.target],
            task.known[case.known_from],
        )
        for case in found
        if case.as_of in task.stale
    ]  # fmt: skip
    keys = [(row["sport"], row["target"], row["as_of"]) for row in rows]
    return Backtested(encode_rows(prediction_backtests, rows), keys)


def _held_cases(connection: Connection, profile_id: UUID) -> dict[tuple[str, str, date], str]:
    table = prediction_backtests.c
    query = select(table.sport, table.target, table.as_of, table.input_hash).where(table.profile_id == profile_id)
    return {(row.sport, row.target, row.as_of): row.input_hash for row in connection.execute(query)}


def _delete_cases(connection: Connection, profile_id: UUID, keys: Iterable[tuple[str, str, date]]) -> None:
    table = prediction_backtests.c
    days: dict[tuple[str, str], list[date]] = defaultdict(list)
    for sport, target, as_of in keys:
        days[sport, target].append(as_of)
    for (sport, target), some in days.items():
        mine = (table.profile_id == profile_id) & (table.sport == sport) & (table.target == target)
        connection.execute(delete(prediction_backtests).where(mine & table.as_of.in_(some)))


def update_predictions(
    warehouse: Warehouse,
    lease: Lease,
    today: date,
    *,
    executor: Executor | None = None,
    full_refresh: bool = False,
    progress: Callable[[int, int], None] = _nothing,
) -> dict[str, int]:
    """What the athlete can be expected to do, as of every Sunday and today, where it differs from the last word."""
    version = prediction_version()
    with turn(
        warehouse, lease, FORECAST, today, version, capability_predictions, full_refresh=full_refresh, thresholds=False
    ) as mine:
        if mine.current:
            return {"as_of_days": 0, "answered": 0, "written": 0, "up_to_date": 1}
        counts = _look_ahead(warehouse, lease, today, version, executor, full_refresh=full_refresh, progress=progress)
        mine.done = True
    return counts


def _look_ahead(
    warehouse: Warehouse,
    lease: Lease,
    today: date,
    version: str,
    executor: Executor | None,
    *,
    full_refresh: bool,
    progress: Callable[[int, int], None],
) -> dict[str, int]:
    with warehouse.begin() as connection:
        histories = read_histories(connection, lease.profile_id, today)
        said = _said(connection, lease.profile_id)
        noted = {} if full_refresh else _noted(connection, lease.profile_id)
    tasks: dict[str, AnswerTask] = {}
    counts = {"as_of_days": 0, "answered": 0, "written": 0}
    for curve, history in histories:
        held = _of_curve(said, curve)
        now = max(today.toordinal(), int(history.day[-1])) if len(history.day) else today.toordinal()
        days = _as_of_days(history, now, held)
        known = digests(history, days, version)
        counts["as_of_days"] += len(days)
        wanted = days if full_refresh else days[_first_stale(days, known, held) :]
        name = f"{FORECAST} {curve.sport} {curve.kind}"
        # A day on which nothing new is said leaves no row that tells that it was asked: the note does.
        if wanted == [now] and noted.get(name) == _note(now, known[now], held):
            wanted = []
        if wanted:
            counts["answered"] += len(wanted)
            tasks[name] = AnswerTask(lease.profile_id, history, wanted, known, held, now)
    worth = counts["answered"] >= WORTH_WORKERS
    told = side_by_side(executor if worth else None, answers, list(tasks.values()))
    progress(len(histories), len(histories))
    settled = [pair for one in told for pair in one.settled]
    with lease.transaction() as connection:
        for one in told:
            copy_rows(connection, capability_predictions, one.new)
        if settled:
            mine = capability_predictions.c.id == bindparam("row")
            statement = update(capability_predictions).where(mine).values(input_hash=bindparam("digest"))
            connection.execute(statement, [{"row": row_id, "digest": digest} for row_id, digest in settled])
        upsert(
            connection,
            athlete_outputs,
            [
                {"profile_id": lease.profile_id, "stage": stage, "fingerprint": note, "computed_at": datetime.now(UTC)}
                for stage, note in zip(tasks, (one.note for one in told), strict=True)
            ],
        )
    return {**counts, "written": sum(len(one.new) for one in told)}


Held = dict[str, dict[int, dict[str, Any]]]
"""The last word of each target by day."""


def _note(now: int, digest: str, held: Held) -> str:
    """What the answers as of a day hold for: the day, all efforts and code, and how many days were answered before."""
    return f"{date.fromordinal(now)} {digest} {sum(len(words) for words in held.values())}"


def _noted(connection: Connection, profile_id: UUID) -> dict[str, str]:
    table = athlete_outputs.c
    query = select(table.stage, table.fingerprint).where(
        table.profile_id == profile_id, table.stage.startswith(FORECAST + " ")
    )
    return {row.stage: row.fingerprint for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class AnswerTask:
    """One curve and the days `wanted` as of which it is to be told, the last of them `now` where that is among them.

    `known`: hash of the efforts by day; `held`: what was said so far.
    """

    profile_id: UUID
    history: History
    wanted: Sequence[int]
    known: Mapping[int, str]
    held: Held
    now: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The rows to append as COPY takes them, ids of the rows whose words still hold with the hash that they now hold
    for, and the note.
    """

    new: CopyBlock
    settled: list[tuple[UUID, str]]
    note: str


def answers(task: AnswerTask) -> Answered:
    """What is said of one curve where it differs from what was said before."""
    profile_id, history, wanted, known, now = task.profile_id, task.history, task.wanted, task.known, task.now
    held = {target: dict(words) for target, words in task.held.items()}
    found = [case for case in cases(history, month_ends(history, now)) if case.near]
    told = outlooks(history, sorted({*wanted, *(case.as_of for case in found)}))
    record = Record(history.curve, found, told)
    new: list[dict[str, Any]] = []
    settled: dict[UUID, str] = {}
    told_on = {target: sorted(words) for target, words in held.items()}
    for day in wanted:
        outlook: Outlook = told[day]
        for target, shown in enumerate(record.predict(outlook)):
            row = stage.prediction_row(profile_id, history, outlook, target, shown)
            words = held.setdefault(row["target"], {})
            days = told_on.setdefault(row["target"], [])
            earlier = bisect_left(days, day)
            before = words.get(day) or (words[days[earlier - 1]] if earlier else None)
            if before is not None and stage.same_answer(before, row):
                if before["as_of"] == row["as_of"] and before["input_hash"] != known[day]:
                    settled[before["id"]] = known[day]
                continue
            number = words[day]["version"] + 1 if day in words else 0
            if not number:
                days.insert(earlier, day)
            more = stage.details(history, outlook, target, shown)
            words[day] = stage.completed(row, more, number, known[day])
            new.append(words[day])
    fresh = {row["id"] for row in new}
    kept = [(row_id, digest) for row_id, digest in settled.items() if row_id not in fresh]
    return Answered(encode_rows(capability_predictions, new), kept, _note(now, known[now], held))


def _first_stale(days: Sequence[int], known: Mapping[int, str], held: Held) -> int:
    """Index of the first day that must be answered again. A hash is of all efforts up to its day: where one holds, so
    does all that was said before.
    """
    good = {day for words in held.values() for day, row in words.items() if known.get(day) == row["input_hash"]}
    return next((index + 1 for index in range(len(days) - 1, -1, -1) if days[index] in good), 0)


def _as_of_days(history: History, now: int, held: Held) -> list[int]:
    """Sundays of active weeks, days answered before, and today."""
    found = {now} if len(history.day) else set()
    for day in set(history.day.tolist()):
        sunday = day + (-day) % 7  # ordinals that are multiples of seven are Sundays
        found.update(range(sunday, min(day + ACTIVE_DAYS, now) + 1, 7))
    found.update(day for words in held.values() for day in words)
    return sorted(day for day in found if day <= now)


def _said(connection: Connection, profile_id: UUID) -> dict[tuple[str, str], dict[int, dict[str, Any]]]:
    """The last word on every target as of every day."""
    table = capability_predictions.c
    query = (
        select(
            table.id, table.sport, table.target, table.as_of, table.version, table.value, table.value_low,
            table.value_high, table.model, table.refusal, table.input_hash,
        )
        .where(table.profile_id == profile_id)
        .order_by(table.version)
    )  # fmt: skip
    said: dict[tuple[str, str], dict[int, dict[str, Any]]] = defaultdict(dict)
    for row in connection.execute(query).mappings():
        said[row["sport"], row["target"]][row["as_of"].toordinal()] = dict(row)
    return said


def _of_curve(said: Mapping[tuple[str, str], dict[int, dict[str, Any]]], curve: Curve) -> Held:
    names = {stage.target_name(curve, size) for size in curve.targets}
    return {target: words for (sport, target), words in said.items() if sport == curve.sport and target in names}
