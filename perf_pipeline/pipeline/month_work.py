"""What a worker does to one athlete-month of the archive: a pure function of that month's files.

Rows come back to the driver, which commits them; Parquet is put under a name of its own until the commit.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from perf_pipeline.formats.model import FileKind, FormatError
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.sifting import REJECTED, required_columns, sift
from perf_pipeline.pipeline.stages import activities, curves, efforts, metrics, profile_metrics, signals
from perf_pipeline.pipeline.stages.preparation import Prepared, prepare
from perf_pipeline.pipeline.stages.streams import NotAnActivityError, decode
from perf_pipeline.storage import tables
from perf_pipeline.storage.copy_text import CopyBlock, encode_rows
from perf_pipeline.storage.curves import write_curves
from perf_pipeline.storage.errors import CorruptStreamsError, ObjectMissingError, StorageError
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.sessions import StoredSession
from perf_pipeline.storage.signals import write_signals
from perf_pipeline.storage.streams import read_sessions, write_sessions, write_streams

STREAMS, ACTIVITIES, EFFORTS, CURVES, SIGNALS, METRICS, PROFILE_METRICS = MONTH_STAGES = (
    "activity_streams",
    "activities",
    "activity_efforts",
    "mean_maximal_curves",
    "activity_signals",
    "activity_metrics",
    "profile_metrics",
)
"""Streams feed activities, efforts, curves, signals and metrics, and activities carry efforts and metrics; wellness
files feed the last."""

DERIVED_STAGES = (ACTIVITIES, EFFORTS, CURVES, SIGNALS, METRICS)
"""What is computed from the streams: rows, and the Parquet of curves and signals."""
PARQUET: Mapping[str, tuple[Callable[[str, str], str], Callable[[Any], bytes]]] = {
    CURVES: (layout.curves, write_curves), SIGNALS: (layout.signals, write_signals),
}  # fmt: skip
"""Where the object of a derived stage lies by athlete and month, and how it is written."""
TABLES = {
    ACTIVITIES: tables.activities, EFFORTS: tables.activity_efforts, METRICS: tables.activity_metrics,
    PROFILE_METRICS: tables.profile_metrics,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MonthFile:
    """One archived file of the month. `sidecar` is what sidecars tell of it: name, notes, type."""

    sha256: str
    path: str
    kind: str
    status: str
    sidecar: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MonthTask:
    """One month to bring up to date.

    `recorded` maps a stage to (fingerprint, output hash) of what is stored; `versions` to its code version. The stages
    of `forced` are computed though their fingerprint holds. `skip` maps a file's hash to the reason why its bytes may
    not be touched (it killed a worker).
    """

    handle: str
    profile_id: UUID
    month: str
    files: tuple[MonthFile, ...]
    store: ObjectStore
    stages: frozenset[str]
    versions: Mapping[str, str]
    recorded: Mapping[str, tuple[str, str]]
    forced: frozenset[str]
    staging_token: str
    skip: Mapping[str, str] = field(default_factory=dict)

    def inputs(self, stage: str) -> list[MonthFile]:
        """The month's files that the stage is about."""
        kind = FileKind.WELLNESS if stage == PROFILE_METRICS else FileKind.ACTIVITY
        return [file for file in self.files if file.kind == kind]

    def fingerprint(self, stage: str, streams_hash: str | None) -> str:
        """Hash of the stage's inputs, code and settings."""
        files = self.inputs(stage)
        if stage in {STREAMS, PROFILE_METRICS}:
            told: Any = [f.sha256 for f in files]
        elif stage == ACTIVITIES:
            told = [streams_hash, [(f.sha256, f.path, sorted(f.sidecar.items())) for f in files]]
        else:
            told = [streams_hash, [(f.sha256, f.sidecar.get("type")) for f in files]]
        return _hash([stage, self.versions[stage], told])

    def is_stale(self, stage: str, streams_hash: str | None) -> bool:
        held = self.recorded.get(stage)
        if held is None:
            return bool(self.inputs(stage))
        return stage in self.forced or held[0] != self.fingerprint(stage, streams_hash)

    def needs_work(self) -> bool:
        """Whether any stage asked for is stale, as far as can be told without doing the work."""
        streams_hash = self.recorded[STREAMS][1] if STREAMS in self.recorded else None
        return any(self.is_stale(stage, streams_hash) for stage in MONTH_STAGES if stage in self.stages)


@dataclass(frozen=True, slots=True)
class StageOutput:
    """What one stage of the month gives. `rows` are what its table gets (none for Parquet: see `staged`)."""

    fingerprint: str
    output_hash: str
    rows: CopyBlock | None = None
    counts: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def of(table: Table, rows: Sequence[dict[str, Any]], fingerprint: str) -> StageOutput:
        """Rows as COPY takes them, those with defects turned away: whoever commits them only has to pass them on."""
        kept, rejected = sift(table.name, rows, required_columns(table))
        block = encode_rows(table, kept)
        output_hash = hashlib.sha256("\t".join(block.columns).encode() + b"\n" + block.data).hexdigest()
        told = {f"{REJECTED}{rule}": count for rule, count in rejected.items()}
        return StageOutput(fingerprint, output_hash, block, {"rows": len(block), **told})


@dataclass(frozen=True, slots=True)
class MonthResult:
    """Outputs of the stages that were stale.

    `activity_ids` are those of the rows of `activities`, where these were stale. `verdicts` maps a file's hash to
    (status, reason) where it was decoded, `staged` the name of a Parquet object to the one that it is to get,
    `failures` a stage that was stale and could not be computed to the reason.
    """

    outputs: Mapping[str, StageOutput]
    activity_ids: tuple[UUID, ...] = ()
    verdicts: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    staged: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class ArchiveDamagedError(Exception):
    """An archived file is gone, or is not what came in: its month waits, and keeps what was computed from the whole."""


def compute_month(task: MonthTask) -> MonthResult:
    """Brings the stages asked for up to date, skipping those whose fingerprint holds.

    Raises `StorageError` where the storage fails, `ArchiveDamagedError` where a file is not what came in. A file that
    cannot be read is a verdict, not an error; a fault of one stage is told, and costs the others nothing.
    """
    began = time.perf_counter()
    outputs: dict[str, StageOutput] = {}
    failures: dict[str, str] = {}
    verdicts: dict[str, tuple[str, str | None]] = {}
    staged: dict[str, str] = {}
    stored: Sequence[StoredSession] | None = None
    streams_hash = task.recorded[STREAMS][1] if STREAMS in task.recorded else None
    if STREAMS in task.stages and not task.is_stale(STREAMS, None) and _stale_derived(task, streams_hash):
        stored = _read_back(task)
    if (
        stored is None
        and STREAMS in task.stages
        and (task.is_stale(STREAMS, None) or _stale_derived(task, streams_hash))
    ):
        stored, verdicts = _decode_month(task)
        streams_hash, staged = _stage_parquet(task, stored)
        counts = {"files": len(task.inputs(STREAMS)), "records": sum(len(s.session.streams) for s in stored)}
        outputs[STREAMS] = StageOutput(task.fingerprint(STREAMS, None), streams_hash, counts=counts)
    stale = _stale_derived(task, streams_hash)
    activity_ids: tuple[UUID, ...] = ()
    if stale and stored is not None:
        derived, ids, parquet, failures = _compute_derived(task, stored, stale, streams_hash)
        outputs.update(derived)
        activity_ids = ids if ACTIVITIES in outputs else ()
        staged.update(_stage(task, parquet))
    if PROFILE_METRICS in task.stages and task.is_stale(PROFILE_METRICS, None):
        outputs[PROFILE_METRICS], found = _compute_wellness(task)
        verdicts.update(found)
    return MonthResult(outputs, activity_ids, verdicts, staged, failures, time.perf_counter() - began)


def _stale_derived(task: MonthTask, streams_hash: str | None) -> list[str]:
    return [stage for stage in DERIVED_STAGES if stage in task.stages and task.is_stale(stage, streams_hash)]


def try_one(task: MonthTask) -> None:
    """Does with the one file of the task all that its month would do, to learn whether it costs a worker its life."""
    stored, _ = _decode_month(task)
    _compute_derived(task, stored, DERIVED_STAGES, None)
    _compute_wellness(task)


def _decode_month(task: MonthTask) -> tuple[list[StoredSession], dict[str, tuple[str, str | None]]]:
    stored: list[StoredSession] = []
    verdicts: dict[str, tuple[str, str | None]] = {}
    for file in task.inputs(STREAMS):
        if file.sha256 in task.skip:
            verdicts[file.sha256] = ("quarantined", task.skip[file.sha256])
            continue
        try:
            stored += decode(task.profile_id, file.sha256, _archived(task.store, file))
            verdicts[file.sha256] = ("archived", None)
        except NotAnActivityError as error:
            verdicts[file.sha256] = ("not_an_activity", str(error))
        except FormatError as error:
            verdicts[file.sha256] = ("quarantined", str(error))
        except (StorageError, ArchiveDamagedError):
            raise
        except Exception as error:  # noqa: BLE001 - a fault of a reader costs the file that shows it, not its month
            verdicts[file.sha256] = ("quarantined", f"the reader failed: {type(error).__name__}")
    stored.sort(key=lambda s: (s.session.start_ms, str(s.activity_id)))
    return stored, verdicts


def _archived(store: ObjectStore, file: MonthFile) -> bytes:
    """The file's bytes, which are those that came in: half of them would give a wrong number that looks like one."""
    try:
        data = store.get(file.path)
    except ObjectMissingError as error:
        raise ArchiveDamagedError(f"{file.path} is gone from the archive") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ArchiveDamagedError(f"{file.path} is not what came in")
    return data


def _stage_parquet(task: MonthTask, stored: Sequence[StoredSession]) -> tuple[str, dict[str, str]]:
    """Puts the month's Parquet under names of its own; returns the contents' hash and the final name by staged name."""
    parquet = {
        layout.streams(task.handle, task.month): write_streams(stored, quantised=True),
        layout.sessions(task.handle, task.month): write_sessions(stored, quantised=True),
    }
    return _hash_of(*parquet.values()), _stage(task, parquet)


def _stage(task: MonthTask, parquet: Mapping[str, bytes]) -> dict[str, str]:
    """Puts objects under names of their own; the final name by staged name."""
    staged = {layout.staging(task.handle, task.staging_token, key): key for key in parquet}
    for temporary, key in staged.items():
        task.store.put(temporary, parquet[key])
    return staged


def _read_back(task: MonthTask) -> list[StoredSession] | None:
    """The month's sessions from Parquet; None where it is not what was recorded: damaged, gone, left by a kill."""
    try:
        streams = task.store.get(layout.streams(task.handle, task.month))
        sessions = task.store.get(layout.sessions(task.handle, task.month))
        _, recorded = task.recorded.get(STREAMS, ("", ""))
        return read_sessions(sessions, streams) if _hash_of(streams, sessions) == recorded else None
    except (ObjectMissingError, CorruptStreamsError):
        return None


def _hash_of(*objects: bytes) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in objects)).hexdigest()


def _compute_derived(
    task: MonthTask, stored: Iterable[StoredSession], stale: Sequence[str], streams_hash: str | None
) -> tuple[dict[str, StageOutput], tuple[UUID, ...], dict[str, bytes], dict[str, str]]:
    """The outputs of the stale stages, ids of the activities, Parquet by key, and which stages failed."""
    below = {EFFORTS, METRICS}.intersection(stale)
    # What hangs on activities must know which of them are turned away, also where their rows are up to date.
    made, failures = _made(task, stored, [ACTIVITIES, *stale] if below and ACTIVITIES not in stale else stale)
    ids = _without_turned_away(made)
    made = {stage: rows for stage, rows in made.items() if stage in stale}
    outputs = {
        stage: StageOutput.of(TABLES[stage], rows, task.fingerprint(stage, streams_hash))
        for stage, rows in made.items()
        if stage in TABLES
    }
    parquet: dict[str, bytes] = {}
    for stage in PARQUET.keys() & made.keys():
        place, write = PARQUET[stage]
        data = write(made[stage])
        parquet[place(task.handle, task.month)] = data
        counts = {"activities": len(made[stage])}
        outputs[stage] = StageOutput(task.fingerprint(stage, streams_hash), _hash_of(data), counts=counts)
    return outputs, ids, parquet, failures


def _without_turned_away(made: dict[str, list[Any]]) -> tuple[UUID, ...]:
    """Ids of the activities whose rows are right; of the others, nothing else is kept either."""
    rows = made.get(ACTIVITIES, [])
    kept = sift(tables.activities.name, rows, required_columns(tables.activities)).rows
    right = {row["id"] for row in kept}
    if len(kept) < len(rows):
        for stage in {EFFORTS, METRICS}.intersection(made):
            made[stage] = [row for row in made[stage] if row["activity_id"] in right]
    return tuple(row["id"] for row in kept)


def _made(
    task: MonthTask, stored: Iterable[StoredSession], stale: Sequence[str]
) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """What each of the stages makes of the sessions; a stage that fails is told, and makes nothing."""
    files = {file.sha256: file for file in task.files}
    made: dict[str, list[Any]] = {stage: [] for stage in stale}
    failures: dict[str, str] = {}
    for read in stored:
        file = files[read.source_sha256]
        try:
            prepared = prepare(read, file.sidecar.get("type"))
        except Exception as error:  # noqa: BLE001 - nothing can be derived; the streams of the month are there
            failures = dict.fromkeys(stale, f"{type(error).__name__}: {error}")
            break
        for stage in stale:
            if stage in failures:
                continue
            try:
                made[stage] += _make(stage, task, file, prepared)
            except Exception as error:  # noqa: BLE001 - a fault of a stage costs that stage
                failures[stage] = f"{type(error).__name__}: {error}"
    if ACTIVITIES in failures:
        # Their rows hang on those of activities that may not be there.
        failures.update({stage: f"waits for {ACTIVITIES}" for stage in (EFFORTS, METRICS) if stage in made})
    return {stage: rows for stage, rows in made.items() if stage not in failures}, failures


def _make(stage: str, task: MonthTask, file: MonthFile, prepared: Prepared) -> list[Any]:
    if stage == ACTIVITIES:
        return [activities.row(task.profile_id, task.month, file.path, file.sidecar, prepared)]
    if stage == EFFORTS:
        return efforts.rows(task.profile_id, prepared)
    if stage == CURVES:
        return [curves.curves_of(prepared)]
    if stage == SIGNALS:
        return [signals.signals_row(prepared)]
    return metrics.rows(task.profile_id, prepared)


def _compute_wellness(task: MonthTask) -> tuple[StageOutput, dict[str, tuple[str, str | None]]]:
    rows: list[dict[str, Any]] = []
    verdicts: dict[str, tuple[str, str | None]] = {}
    for file in task.inputs(PROFILE_METRICS):
        if file.sha256 in task.skip:
            verdicts[file.sha256] = ("quarantined", task.skip[file.sha256])
            continue
        try:
            rows += profile_metrics.rows(task.profile_id, file.sha256, _archived(task.store, file))
            verdicts[file.sha256] = ("archived", None)
        except FormatError as error:
            verdicts[file.sha256] = ("quarantined", str(error))
        except (StorageError, ArchiveDamagedError):
            raise
        except Exception as error:  # noqa: BLE001 - as above
            verdicts[file.sha256] = ("quarantined", f"the reader failed: {type(error).__name__}")
    return StageOutput.of(TABLES[PROFILE_METRICS], rows, task.fingerprint(PROFILE_METRICS, None)), verdicts


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, default=str, sort_keys=True).encode()).hexdigest()
