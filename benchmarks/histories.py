"""What the stages cost that work on an athlete as a whole: `python -m benchmarks.histories [--activities N] [--json]`.

Rows of a long history are written straight into the tables, since decoding is measured elsewhere: efforts, metrics and
wellness as the months would give them, streams as one Parquet month that every month repeats. Each stage is then run
over all of it (full), once more (no-op), and on the day after. The database is one of its own, stopped at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, report
from perf_pipeline.formats.model import FileFormat, Session, Streams
from perf_pipeline.physiology.bounds import FOOT_DISTANCES_METERS, POWER_DURATIONS_SECONDS
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.compute import ProcessExecutor
from perf_pipeline.pipeline.history.duplicates import update_duplicates
from perf_pipeline.pipeline.history.fitness import update_fitness
from perf_pipeline.pipeline.history.impulse_response import update_impulse_response
from perf_pipeline.pipeline.history.loads import update_loads
from perf_pipeline.pipeline.history.relative_metrics import update_relative_metrics
from perf_pipeline.pipeline.history.thresholds import update_thresholds
from perf_pipeline.pipeline.history.wellness import update_wellness
from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.ids import activity_id_of, content_id, source_file_id_of
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.sessions import FileMeta, StoredSession
from perf_pipeline.storage.streams import write_sessions, write_streams
from perf_pipeline.storage.tables import METADATA
from perf_pipeline.storage.warehouse import Lease, Warehouse, copy_rows

HANDLE = "long"
FIRST = date(2012, 1, 2)
TIMEOUT = 600.0
Rows = dict[str, list[dict[str, Any]]]


def main() -> int:
    parser = argparse.ArgumentParser(description="Cost of the athlete-grain stages.")
    parser.add_argument("--activities", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with _database() as warehouse, tempfile.TemporaryDirectory() as folder:
        store = ObjectStore.from_url(folder)
        store.prepare()
        profile_id = warehouse.ensure_profile(HANDLE)
        today = _fill(warehouse, store, options.activities)
        executor = ProcessExecutor(options.workers)
        try:
            with warehouse.athlete_lease(profile_id, "benchmark") as lease:
                figures = _measure(warehouse, store, lease, executor, today)
        finally:
            executor.close()
    return report(figures, as_json=options.json)


@contextmanager
def _database() -> Iterator[Warehouse]:
    with tempfile.TemporaryDirectory() as home:
        try:
            with Warehouse.connect(embedded_postgres.ensure_running(Path(home))) as warehouse:
                warehouse.migrate()
                yield warehouse
        finally:
            embedded_postgres.stop(Path(home))


def _measure(
    warehouse: Warehouse, store: ObjectStore, lease: Lease, executor: ProcessExecutor, today: date
) -> list[Figure]:
    """Every stage in order: in full, again, and on the next day."""
    stages: dict[str, Callable[[date], object]] = {
        "daily_wellness": lambda day: update_wellness(warehouse, lease, day),
        "activity_duplicates": lambda _: update_duplicates(
            store, warehouse, lease, HANDLE, executor, file_timeout_seconds=TIMEOUT
        ),
        "threshold_models": lambda day: update_thresholds(warehouse, lease, day),
        "activity_loads": lambda day: update_loads(warehouse, lease, day),
        "relative_metrics": lambda day: update_relative_metrics(
            store, warehouse, lease, HANDLE, executor, day, file_timeout_seconds=TIMEOUT
        ),
        "daily_fitness": lambda day: update_fitness(warehouse, lease, day),
        "impulse_response_models": lambda day: update_impulse_response(warehouse, lease, day),
    }
    figures: list[Figure] = []
    bounds = {"full": (30.0, 15.0), "noop": (1.0, 0.5), "next_day": (15.0, 5.0)}
    for kind, day in (("full", today), ("noop", today), ("next_day", today + timedelta(days=1))):
        total = 0.0
        for name, stage in stages.items():
            began = time.perf_counter()
            stage(day)
            seconds = time.perf_counter() - began
            total += seconds
            figures.append(Figure(f"{name}_{kind}_s", seconds, "s", "lower"))
        floor, goal = bounds[kind]
        figures.append(Figure(f"athlete_stages_{kind}_s", total, "s", "lower", floor, goal))
    return figures


def _fill(warehouse: Warehouse, store: ObjectStore, count: int) -> date:
    """A history of one activity a day and now and then two, rides and runs in turn; returns its last day."""
    dice = np.random.default_rng(20)
    profile_id = warehouse.ensure_profile(HANDLE)
    rows: Rows = {name: [] for name in ("source_files", "activities", "activity_efforts", "activity_metrics")}
    wellness: list[dict[str, Any]] = []
    months: dict[str, list[StoredSession]] = {}
    day = FIRST
    for number in range(count):
        day = FIRST + timedelta(days=int(number * 0.93))
        sport = "bike" if number % 2 else "run"
        _one(profile_id, number, day, sport, dice, rows, months)
    for offset in range((day - FIRST).days + 1):
        wellness += _wellness(profile_id, FIRST + timedelta(days=offset), dice)
    outputs = _streams(store, profile_id, months)
    with warehouse.begin() as connection:
        for name, found in (*rows.items(), ("profile_metrics", wellness), ("month_outputs", outputs)):
            copy_rows(connection, METADATA.tables[name], found)
        connection.exec_driver_sql("analyze")
    return day


def _one(
    profile_id: Any, number: int, day: date, sport: str, dice: np.random.Generator, rows: Rows,
    months: dict[str, list[StoredSession]],
) -> None:  # fmt: skip
    sha256 = hashlib.sha256(f"{number}".encode()).hexdigest()
    activity_id, source = activity_id_of(profile_id, sha256, 0), source_file_id_of(profile_id, sha256)
    started, month = datetime(day.year, day.month, day.day, 6 + 10 * (number % 2), tzinfo=UTC), f"{day:%Y-%m}"
    rows["source_files"].append(
        {"id": source, "profile_id": profile_id, "sha256": sha256, "bytes": 1, "format": "fit", "kind": "activity",
         "status": "archived", "archive_path": f"archive/{sha256}", "month": month}
    )  # fmt: skip
    seconds = 3600
    rows["activities"].append(
        {"id": activity_id, "profile_id": profile_id, "name": "x", "type": sport, "started_at": started,
         "duration_seconds": seconds, "moving_seconds": seconds, "elapsed_seconds": seconds, "distance_meters": 30_000,
         "fit_file_path": "x", "source_file_id": source, "session_index": 0, "archive_month": month, "reader": "x"}
    )  # fmt: skip
    form = (1 + 0.1 * np.sin(number / 200)) * dice.uniform(0.75, 1.0)
    common = {"activity_id": activity_id, "profile_id": profile_id, "recorded_at": started, "grade": "confirmed"}
    for seconds_long in POWER_DURATIONS_SECONDS if sport == "bike" else ():
        if seconds_long <= seconds:
            watts = form * (250 + 20_000 / (seconds_long + 25)) * dice.uniform(0.95, 1.0)
            rows["activity_efforts"].append(
                {"id": content_id(activity_id, seconds_long), **common, "duration_seconds": seconds_long,
                 "effort_type": "power", "value": round(float(watts), 4), "unit": "W", "start_offset": seconds_long,
                 "distance_meters": None, "elapsed_seconds": None}
            )  # fmt: skip
    for meters in FOOT_DISTANCES_METERS if sport == "run" else ():
        elapsed = (meters - 180) / (4.2 * form)
        if elapsed <= seconds:
            rows["activity_efforts"].append(
                {"id": content_id(activity_id, meters), **common, "duration_seconds": int(elapsed) + 1,
                 "effort_type": "pace", "value": round(1000 * elapsed / meters, 4), "unit": "s/km", "start_offset": 0,
                 "distance_meters": meters, "elapsed_seconds": round(elapsed, 3)}
            )  # fmt: skip
    values = {
        "normalized_power_watts": 230 * form, "mean_power_watts": 210 * form, "normalized_graded_speed_mps": 3.4 * form,
        "mean_speed_mps": 3.2, "mean_heart_rate_bpm": 140 * form, "heart_rate_sd_bpm": 9.0, "heart_rate_skewness": 0.1,
        "heart_rate_seconds": 3600.0, "max_heart_rate_bpm": 185 * form, "best_20min_heart_rate_bpm": 165 * form,
        **{f"other_{k}": 1.0 for k in range(20)},
    }  # fmt: skip
    rows["activity_metrics"] += [
        {"activity_id": activity_id, "metric": name, "profile_id": profile_id, "value": float(value), "unit": "x"}
        for name, value in values.items()
    ]
    t = np.arange(seconds)
    power = np.clip(200 * form + 60 * np.sin(t / 90.0 + number), 0, None)
    channels = {"heart_rate_bpm": np.round(120 + power / 10), "distance_meters": 3.2 * t}
    if sport == "bike":
        channels = {**channels, "power_watts": np.round(power), "distance_meters": 8.0 * t}
    start_ms = int(started.timestamp() * 1000)
    session = Session(0, sport, start_ms, start_ms + 1000 * seconds, Streams(start_ms + 1000 * t, channels))
    months.setdefault(month, []).append(StoredSession(activity_id, sha256, FileMeta(FileFormat.FIT), session))


def _wellness(profile_id: Any, day: date, dice: np.random.Generator) -> list[dict[str, Any]]:
    at = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
    values = {
        "weight_kg": (70 + dice.normal(0, 0.4), "kg"),
        "resting_hr_bpm": (48 + dice.normal(0, 2), "bpm"),
        "hrv_ms": (65 + dice.normal(0, 8), "ms"),
        "sleep_hours": (7.5 + dice.normal(0, 0.7), "h"),
    }
    return [
        {"id": content_id(profile_id, day, name), "profile_id": profile_id, "metric_type": name,
         "value": round(value, 2), "unit": unit, "recorded_at": at, "source": "watch"}
        for name, (value, unit) in values.items()
    ]  # fmt: skip


def _streams(store: ObjectStore, profile_id: Any, months: dict[str, list[StoredSession]]) -> list[dict[str, Any]]:
    outputs = []
    for month, sessions in months.items():
        store.put(layout.streams(HANDLE, month), write_streams(sessions))
        store.put(layout.sessions(HANDLE, month), write_sessions(sessions))
        outputs += [
            {"profile_id": profile_id, "month": month, "stage": stage, "fingerprint": "x", "code_version": "x",
             "output_hash": "x", "counts": {}}
            for stage in ("activity_streams", "activities", "activity_efforts", "activity_metrics")
        ]  # fmt: skip
    return outputs


if __name__ == "__main__":
    raise SystemExit(main())
