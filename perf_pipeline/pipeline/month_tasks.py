"""Which months of an athlete there are, what each is made of, and which of them are behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from functools import cache
from uuid import UUID, uuid4

from sqlalchemy import Connection, func, select

from perf_pipeline.formats.model import FileKind, FormatError
from perf_pipeline.formats.sidecars import read_sidecar
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.intake_work import told_by
from perf_pipeline.pipeline.month_work import (
    ACTIVITIES,
    CURVES,
    EFFORTS,
    METRICS,
    MONTH_STAGES,
    PROFILE_METRICS,
    SIGNALS,
    STREAMS,
    MonthFile,
    MonthTask,
)
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import arrivals, month_outputs, source_files
from perf_pipeline.storage.warehouse import Warehouse

_PREPARATION = "perf_pipeline.pipeline.stages.preparation"
_RULES = "perf_pipeline.pipeline.sifting"
STAGE_MODULES = {
    STREAMS: ("perf_pipeline.pipeline.stages.streams",),
    ACTIVITIES: ("perf_pipeline.pipeline.stages.activities", _PREPARATION, _RULES),
    EFFORTS: ("perf_pipeline.pipeline.stages.efforts", _PREPARATION, _RULES),
    CURVES: ("perf_pipeline.pipeline.stages.curves", _PREPARATION),
    SIGNALS: ("perf_pipeline.pipeline.stages.signals", _PREPARATION),
    METRICS: ("perf_pipeline.pipeline.stages.metrics", _PREPARATION, _RULES),
    PROFILE_METRICS: ("perf_pipeline.pipeline.stages.profile_metrics",),
}


MOST_READ = 10_000
_READ: dict[str, dict[str, str] | None] = {}
"""What archived sidecars tell, by path: that has the hash of the content in it, and a run asks more than once."""


@cache
def stage_versions() -> dict[str, str]:
    """Code version by month stage, of the code as it was when this process first asked."""
    return {stage: code_version(*modules) for stage, modules in STAGE_MODULES.items()}


def with_upstream(stages: Iterable[str]) -> frozenset[str]:
    """Efforts and metrics hang on activities, and all on streams: what feeds a stage is brought up to date first."""
    wanted = set(stages)
    if wanted & {EFFORTS, METRICS}:
        wanted.add(ACTIVITIES)
    if wanted - {PROFILE_METRICS}:
        wanted.add(STREAMS)
    return frozenset(wanted)


def month_tasks(
    store: ObjectStore,
    warehouse: Warehouse,
    profile_id: UUID,
    handle: str,
    stages: frozenset[str],
    *,
    forced: Collection[str] = (),
    refresh_began: datetime | None = None,
) -> Iterator[MonthTask]:
    """A task for every month, for these stages and what feeds them.

    The stages of `forced` are to be computed though they are up to date, but for what was since `refresh_began`.
    """
    with warehouse.begin() as connection:
        files = _files_by_month(store, connection, profile_id)
        recorded: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
        refreshed: dict[str, set[str]] = defaultdict(set)
        told = month_outputs.c
        query = select(told.month, told.stage, told.fingerprint, told.output_hash, told.computed_at)
        for month, stage, *output, computed_at in connection.execute(query.where(told.profile_id == profile_id)).all():
            recorded[month][stage] = tuple(output)
            if refresh_began is not None and computed_at >= refresh_began:
                refreshed[month].add(stage)
    versions = stage_versions()
    token = uuid4().hex
    for month in sorted(set(files) | set(recorded)):
        yield MonthTask(
            handle=handle, profile_id=profile_id, month=month, files=tuple(files.get(month, ())), store=store,
            stages=with_upstream(stages), versions=versions, recorded=recorded.get(month, {}),
            forced=frozenset(forced) - refreshed[month], staging_token=token,
        )  # fmt: skip


def _files_by_month(store: ObjectStore, connection: Connection, profile_id: UUID) -> dict[str, list[MonthFile]]:
    sidecars = _sidecars(store, connection, profile_id)
    names = _names(connection, profile_id, all_of_them=bool(sidecars))
    # A file that failed after archiving stays an input: it is tried again when the reader changes.
    query = (
        select(source_files.c.id, source_files.c.month, source_files.c.sha256, source_files.c.archive_path)
        .add_columns(source_files.c.kind, source_files.c.status)
        .where(source_files.c.profile_id == profile_id, source_files.c.kind.in_([FileKind.ACTIVITY, FileKind.WELLNESS]))
        .where(source_files.c.archive_path.startswith("archive/"))
        .order_by(source_files.c.month, source_files.c.sha256)
    )
    months: dict[str, list[MonthFile]] = defaultdict(list)
    for file_id, month, sha256, path, kind, status in connection.execute(query).all():
        told: dict[str, str] = {}
        for name, sidecar in names.get(file_id, ()):
            told.update(sidecar or {})
            if sidecars:
                for candidate in (f"{name}.yaml", f"{name}.yml", f"{_stem(name)}.yaml", f"{_stem(name)}.yml"):
                    told.update(sidecars.get(candidate, {}))
        months[month].append(MonthFile(sha256, path, kind, status, told))
    return months


def _names(
    connection: Connection, profile_id: UUID, *, all_of_them: bool
) -> dict[UUID, list[tuple[str, dict[str, str] | None]]]:
    """Under which names each file came, and what came with them; of those alone with which something did, or of all."""
    query = (
        select(arrivals.c.source_file_id, arrivals.c.name, arrivals.c.sidecar)
        .where(arrivals.c.profile_id == profile_id)
        .order_by(arrivals.c.name)
    )
    if not all_of_them:
        query = query.where(func.jsonb_typeof(arrivals.c.sidecar) == "object")
    found: dict[UUID, list[tuple[str, dict[str, str] | None]]] = defaultdict(list)
    for file_id, name, sidecar in connection.execute(query).all():
        found[file_id].append((name, sidecar))
    return found


def _sidecars(store: ObjectStore, connection: Connection, profile_id: UUID) -> dict[str, dict[str, str]]:
    """What sidecar files tell, by their name in the inbox; of several versions the newest."""
    query = (
        select(arrivals.c.name, source_files.c.archive_path)
        .join(source_files, source_files.c.id == arrivals.c.source_file_id)
        .where(arrivals.c.profile_id == profile_id, source_files.c.kind == str(FileKind.SIDECAR))
        .order_by(arrivals.c.received_at, arrivals.c.id)
    )
    found: dict[str, dict[str, str]] = {}
    for name, path in connection.execute(query):
        if path not in _READ:
            if len(_READ) >= MOST_READ:
                _READ.clear()
            try:
                _READ[path] = told_by(read_sidecar(store.get(path)))
            except FormatError:
                _READ[path] = None  # was readable when it came in; a stricter reader does not stop the month
        told = _READ[path]
        if told is not None:
            found[name] = told
    return found


def _stem(name: str) -> str:
    for ending in (".fit.gz", ".gpx.gz", ".tcx.gz", ".fit.zip", ".gz", ".zip", ".fit", ".gpx", ".tcx"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def months_behind(warehouse: Warehouse, profile_id: UUID, store: ObjectStore, handle: str) -> list[str]:
    """The months of the athlete that are not up to date with files and code."""
    tasks = month_tasks(store, warehouse, profile_id, handle, frozenset(MONTH_STAGES))
    return [task.month for task in tasks if task.needs_work()]
