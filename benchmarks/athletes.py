"""How many athletes one installation carries: the sensor's tick, partitions, runs and databases, with many athletes.

Every athlete drops one file (an empty one by default: what is measured is what surrounds the work), once with a
partition an athlete and once with cohorts. Dagster's records are in PostgreSQL, as they are in real life.

    python -m benchmarks.athletes [--athletes 20000] [--cohorts 1024] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.figures import Figure, report

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
DEADLINE_SECONDS = 60
"""A sensor's tick that takes longer is given up by Dagster."""
MOST_REQUESTS = 10
MOST_SECONDS = 3600


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether every floor is met."""
    parser = argparse.ArgumentParser(description="Many athletes.")
    parser.add_argument("--athletes", type=int, default=20_000)
    parser.add_argument("--cohorts", type=int, default=1_024)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        return _measure(Path(options.measure), options.athletes)
    figures = []
    for name, cohorts in (("partitions", 0), ("cohorts", options.cohorts)):
        figures += _figures(name, _simulate(options.athletes, cohorts))
    return report(figures, as_json=options.json)


def _figures(name: str, told: dict[str, float]) -> list[Figure]:
    floors = {"first_tick_s": DEADLINE_SECONDS, "quiet_tick_s": DEADLINE_SECONDS, "one_tick_s": DEADLINE_SECONDS}
    return [
        Figure("requests_per_tick_with_" + name, told.pop("requests"), "runs", "lower", MOST_REQUESTS),
        *(
            Figure(f"{key}_with_{name}", value, key.rsplit("_", 1)[1], "lower", floors.get(key))
            for key, value in told.items()
        ),
    ]


def _simulate(athletes: int, cohorts: int) -> dict[str, float]:
    """In a process of its own: what a partition is, is decided when the code is loaded."""
    from perf_pipeline.storage import embedded_postgres

    home = Path(tempfile.mkdtemp(prefix="perf_athletes."))
    home.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERF_", "DAGSTER_"))}
    command = [sys.executable, "-m", "benchmarks.athletes", "--measure", str(home), "--athletes", str(athletes)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=MOST_SECONDS,
            env={**kept, "PERF_HOME": str(home), "PERF_COHORTS": str(cohorts), "PERF_SETTLE_SECONDS": "0"},
        )  # fmt: skip
    finally:
        embedded_postgres.remove(home)
        shutil.rmtree(home, ignore_errors=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _measure(home: Path, athletes: int) -> int:
    warnings.filterwarnings("ignore")
    from perf_pipeline.definitions import build_definitions
    from perf_pipeline.defs.partitions import ATHLETES
    from perf_pipeline.defs.resources import PipelineResource
    from perf_pipeline.defs.run_requests import register
    from perf_pipeline.settings import load_settings
    from perf_pipeline.terminal.running import dagster_instance

    handles = [f"athlete-{number:06d}" for number in range(athletes)]
    _drop(home, handles)
    pipeline = PipelineResource()
    definitions = build_definitions({"pipeline": pipeline})
    with dagster_instance(load_settings()) as instance:
        first, tick_seconds = _timed(lambda: _tick(definitions, instance, pipeline))
        asked = [len(request.run_config["resources"]["scope"]["config"]["athletes"]) for request in first.run_requests]
        _, register_seconds = _timed(lambda: register(instance, handles))
        _, run_seconds = _timed(lambda: _do(definitions, instance, first.run_requests[0]))
        for folder in sorted((home / "storage" / "inbox").iterdir())[1:]:
            shutil.rmtree(folder)
        _, one_seconds = _timed(lambda: _tick(definitions, instance, pipeline))
        shutil.rmtree(home / "storage" / "inbox")
        (home / "storage" / "inbox").mkdir()
        _, quiet_seconds = _timed(lambda: _tick(definitions, instance, pipeline))
        told = {
            "requests": len(first.run_requests), "athletes_per_tick_n": sum(asked), "first_tick_s": tick_seconds,
            "one_tick_s": one_seconds, "quiet_tick_s": quiet_seconds, "register_all_s": register_seconds,
            "partitions_n": len(instance.get_dynamic_partitions(ATHLETES.name or "")),
            "intake_of_an_athlete_ms": 1000 * run_seconds / asked[0], **_sizes(pipeline, asked[0]),
        }  # fmt: skip
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _drop(home: Path, handles: list[str]) -> None:
    for handle in handles:
        folder = home / "storage" / "inbox" / handle
        folder.mkdir(parents=True)
        (folder / "ride.fit").write_bytes(handle.encode())


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def _tick(definitions: Any, instance: Any, pipeline: Any) -> Any:
    import dagster as dg

    sensor = definitions.get_repository_def().get_sensor_def("inbox_sensor")
    with (
        dg.build_sensor_context(
            instance=instance, resources={"pipeline": pipeline}, definitions=definitions
        ) as context,
        dg.partition_loading_context(dynamic_partitions_store=instance),
    ):
        told = sensor(context)
        for request in getattr(told, "dynamic_partitions_requests", None) or ():
            instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        return told


def _do(definitions: Any, instance: Any, request: Any) -> None:
    """Takes in what one of the requests asks for."""
    import dagster as dg

    result = definitions.resolve_job_def("athlete_job").execute_in_process(
        run_config={**request.run_config, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        instance=instance, tags=dict(request.tags), asset_selection=[dg.AssetKey("source_files")],
    )  # fmt: skip
    if not result.success:
        raise SystemExit("the run failed")


def _sizes(pipeline: Any, athletes: int) -> dict[str, float]:
    """Database bytes for each athlete whose file was taken in."""
    with pipeline.services.warehouse.begin() as connection:
        rows = connection.exec_driver_sql(
            "select sum(pg_total_relation_size(oid)) from pg_class"
            " where relkind = 'r' and relnamespace = 'public'::regnamespace"
        ).scalar()
        dagster = connection.exec_driver_sql(
            "select sum(pg_database_size(oid)) from pg_database where datname like '%%dagster%%'"
        ).scalar()
    return {"tables_kb": float(rows) / 1024 / athletes, "dagster_kb": float(dagster or 0) / 1024 / athletes}


if __name__ == "__main__":
    sys.exit(main())
