"""Care of the archive: every night a slice of it is read again and hashed, so that rot and loss are known in time.

The files that were not looked at for longest come first; a slice is a part in `CYCLE_NIGHTS` of all files and at least
`LEAST`, so each file is read again within four weeks. What was found wrong is looked at every night besides, and told
until it is mended. The journal is short and read whole.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select, text

from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.compute import Executor
from perf_pipeline.pipeline.journal import is_whole
from perf_pipeline.storage.errors import ObjectMissingError
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import source_files
from perf_pipeline.storage.warehouse import Warehouse

CYCLE_NIGHTS = 28
LEAST = 200
GONE, ROTTEN = "gone from the store", "its bytes are not those that came in"
_AT_ONCE = 50

_DUE = text(
    """
    select f.id, f.profile_id, f.sha256, f.archive_path,
           coalesce((select array_agg(a.name) from arrivals a where a.source_file_id = f.id), '{}')
    from source_files f left join archive_checks c on c.source_file_id = f.id
    order by c.problem is null, c.checked_at nulls first, f.id
    limit :most + (select least(count(*), :most) from archive_checks where problem is not null)
    """
)
# Erased meanwhile, a file has no check either.
_NOTE = text(
    """
    insert into archive_checks (source_file_id, profile_id, checked_at, problem)
    select id, profile_id, :at, :problem from source_files where id = :id
    on conflict (source_file_id) do update set checked_at = excluded.checked_at, problem = excluded.problem
    """
)
_PROBLEMS = text(
    """
    select p.handle as athlete, f.archive_path as object, c.problem, c.checked_at
    from archive_checks c join source_files f on f.id = c.source_file_id join profiles p on p.id = f.profile_id
    where c.problem is not null order by 1, 2
    """
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An archived file to read again. `names` are those that it came under."""

    id: UUID
    profile_id: UUID
    sha256: str
    path: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CareTask:
    store: ObjectStore
    files: tuple[Stored, ...]


@dataclass(slots=True)
class CareReport:
    """How many files there are and were read again, and what is wrong, found tonight or before: object to problem."""

    files: int = 0
    read: int = 0
    journal_entries: int = 0
    problems: dict[str, str] = field(default_factory=dict)


def check_archive(store: ObjectStore, warehouse: Warehouse, executor: Executor, *, least: int = LEAST) -> CareReport:
    """Reads the slice that is due, and the journals, and keeps what it found.

    Raises `StorageError` where the store does not answer: that is no finding about its objects.
    """
    report = CareReport()
    with warehouse.begin() as connection:
        report.files = connection.scalar(select(func.count()).select_from(source_files)) or 0
        most = max(least, math.ceil(report.files / CYCLE_NIGHTS))
        due = [Stored(a, b, c, d, tuple(names)) for a, b, c, d, names in connection.execute(_DUE, {"most": most})]
    tasks = (CareTask(store, chunk) for chunk in _chunks(due))
    for outcome in executor.run(read_again, tasks, timeout_seconds=3600):
        if outcome.result is None:
            raise outcome.error or RuntimeError(outcome.lost)
        now = datetime.now(UTC)
        with warehouse.begin() as connection:
            for file in outcome.task.files:
                connection.execute(_NOTE, {"id": file.id, "at": now, "problem": outcome.result.get(file.id)})
        report.read += len(outcome.task.files)
    with warehouse.begin() as connection:
        report.problems = {row["object"]: row["problem"] for row in connection.execute(_PROBLEMS).mappings()}
    _check_journals(store, report)
    return report


def read_again(task: CareTask) -> dict[UUID, str]:
    """What is wrong with the task's files, by their id; those that are whole are not among them."""
    found = {}
    for file in task.files:
        try:
            data = task.store.get(file.path)
        except ObjectMissingError:
            found[file.id] = GONE
            continue
        # A file that was set aside whole carries its name in its hash (see `intake_work.classify`).
        hashes = (hashlib.sha256(data + name.encode()).hexdigest() for name in file.names)
        if hashlib.sha256(data).hexdigest() != file.sha256 and file.sha256 not in hashes:
            found[file.id] = ROTTEN
    return found


def _check_journals(store: ObjectStore, report: CareReport) -> None:
    for name in store.list_folders("archive"):
        for item in store.list(layout.journal(name.removeprefix("athlete="))):
            report.journal_entries += 1
            if not is_whole(store.get(item.key)):
                report.problems[item.key] = ROTTEN


def archive_state(connection: Connection) -> dict[str, Any]:
    """How much of the archive was read again within a cycle, the oldest look, and what was found wrong."""
    query = """
        select count(*) as files, count(c.checked_at) as read_again,
               count(*) filter (where c.checked_at > now() - make_interval(days => :cycle)) as lately,
               min(c.checked_at) as oldest
        from source_files f left join archive_checks c on c.source_file_id = f.id
    """
    told = connection.execute(text(query), {"cycle": CYCLE_NIGHTS}).mappings().one()
    return {**told, "problems": [dict(row) for row in connection.execute(_PROBLEMS).mappings()]}


def _chunks(files: Iterable[Stored]) -> Iterator[tuple[Stored, ...]]:
    left = iter(files)
    while chunk := tuple(islice(left, _AT_ONCE)):
        yield chunk
