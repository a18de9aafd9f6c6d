"""What a Dask cluster adds and takes: months on 1, 2 and 4 workers, beside as many local processes; cost of a task.

Workers are processes of this machine, so that months gain no more than its cores allow. Tasks that only sleep show
whether the driver (here with the scheduler in its process) keeps more workers busy than there are cores.

    python -m benchmarks.cluster [--activities N] [--workers 1,2,4] [--json]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import _histories
from benchmarks.figures import Figure, report
from benchmarks.history import Home

NAPS, NAP_SECONDS = 400, 0.02
SMALL_TASKS = 5_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether every floor is met."""
    parser = argparse.ArgumentParser(description="Months on a Dask cluster.")
    parser.add_argument("--activities", type=int, default=600)
    parser.add_argument("--workers", default="1,2,4", help="numbers of workers")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    home = Home(Path(tempfile.mkdtemp(prefix="perf_cluster.")), steps=False)
    (home.folder / "storage").mkdir()
    home.folder.chmod(0o755)
    figures: list[Figure] = []
    try:
        home.drop("ann", _histories.history(options.activities))
        home.run("all stages", "ann")
        for number in (int(part) for part in options.workers.split(",")):
            with _cluster(number) as url:
                figures += [*_months(home, number, url), *_tasks(number, url)]
    finally:
        home.remove()
    return report(figures, as_json=options.json)


@contextmanager
def _cluster(workers: int) -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as running:
        yield running.scheduler_address.replace("tcp://", "dask://")


def _months(home: Home, number: int, url: str) -> list[Figure]:
    """All months again, on the cluster and in local processes; both were asked once before, so all is imported."""
    found = []
    for name, compute in (("dask", url), ("processes", "processes")):
        for _ in range(2):
            told = home.run("full_refresh", "ann", PERF_COMPUTE=compute, PERF_WORKERS=str(number))
        found.append(Figure(f"{name}_{number}_months_s", told["steps"]["athlete_months"], "s", "lower"))
    return found


def _tasks(number: int, url: str) -> list[Figure]:
    from perf_pipeline.pipeline.cluster import DaskExecutor

    executor = DaskExecutor(url)
    try:
        list(executor.run(time.sleep, [0.0] * 100, timeout_seconds=60))
        began, cpu = time.perf_counter(), time.process_time()
        list(executor.run(time.sleep, [0.0] * SMALL_TASKS, timeout_seconds=60))
        seconds, busy = time.perf_counter() - began, time.process_time() - cpu
        began = time.perf_counter()
        list(executor.run(time.sleep, [NAP_SECONDS] * NAPS, timeout_seconds=60))
        naps = time.perf_counter() - began
    finally:
        executor.close()
    return [
        Figure(f"dask_{number}_small_task_ms", 1000 * seconds / SMALL_TASKS, "ms", "lower", 2),
        Figure(f"dask_{number}_driver_cpu_a_task_ms", 1000 * busy / SMALL_TASKS, "ms", "lower"),
        Figure(f"dask_{number}_workers_busy", NAPS * NAP_SECONDS / naps / number, "share", "higher", 0.7),
    ]


if __name__ == "__main__":
    sys.exit(main())
