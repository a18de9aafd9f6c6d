"""How many faults the work survives, and how many rows readers miss while everything is rebuilt.

A small athlete's whole history is brought up to date by a process that is killed, or whose database, disk or bucket
fails, one to four times; then it resumes, and every table, object and journal row must equal those of a run that nobody
disturbed. A fault counts as survived when all of that is equal. Then a reader polls through twenty full rebuilds.

    python -m benchmarks.faults [--faults N] [--seconds MOST] [--workers N] [--seed N] [--json]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, report

REBUILDS = 20


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Faults survived, rows missing.")
    parser.add_argument("--faults", type=int, default=1000, help="stop when as many were survived")
    parser.add_argument("--seconds", type=float, default=1500, help="stop then at the latest")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args(arguments)
    from perf_pipeline.storage import embedded_postgres
    from perf_pipeline.storage.warehouse import Warehouse

    folder = Path(tempfile.mkdtemp(prefix="perf-faults-"))
    try:
        with Warehouse.connect(embedded_postgres.ensure_running(folder / "home")) as warehouse:
            warehouse.migrate()
        survived, failures = _break(folder, options)
        looks, missing = _poll(folder)
    finally:
        embedded_postgres.remove(folder / "home")
        shutil.rmtree(folder, ignore_errors=True)
    for kind, count in sorted(survived.items()):
        print(f"{count:6}  {kind}", file=sys.stderr)
    print(f"{looks:6}  looks of a reader through {REBUILDS} rebuilds", file=sys.stderr)
    for failure in failures:
        print(f"FAILED  {failure}", file=sys.stderr)
    figures = [
        Figure("faults_survived", sum(survived.values()), "faults", "higher", floor=200, goal=1000),
        Figure("faults_lost", len(failures), "trials", "lower", floor=0, goal=0),
        Figure("rows_missing", missing, "rows", "lower", floor=0, goal=0),
    ]
    return report(figures, as_json=options.json)


def _break(folder: Path, options: argparse.Namespace) -> tuple[Counter[str], list[str]]:
    context = multiprocessing.get_context("spawn")
    results, done = context.Queue(), context.Value("q", 0)
    until = time.time() + options.seconds
    workers = [
        context.Process(target=_work, args=(folder, number, options.seed, options.faults, until, done, results))
        for number in range(options.workers)
    ]
    for worker in workers:
        worker.start()
    survived: Counter[str] = Counter()
    failures: list[str] = []
    for _ in workers:
        counted, failed = results.get(timeout=options.seconds + 600)
        survived.update(counted)
        failures += failed
    for worker in workers:
        worker.join(600)
    return survived, failures


def _work(folder: Path, number: int, seed: int, faults: int, until: float, done: Any, results: Any) -> None:
    """One worker's trials: most in a directory, every tenth in a bucket, a few migrations."""
    from perf_pipeline_tests.reliability.migrations import kill_migrations
    from perf_pipeline_tests.reliability.sessions import breaking

    dice = random.Random(1000 * seed + number)
    with breaking(folder / "home", folder / f"worker-{number}", dice) as (local, bucket, tally):
        trials = 0
        kill_migrations(folder / "home", dice, 5, tally)
        while done.value < faults and time.time() < until:
            before = sum(tally.survived.values())
            (bucket if bucket is not None and trials % 10 == 9 else local).trial(tally)
            trials += 1
            with done.get_lock():
                done.value += sum(tally.survived.values()) - before
    results.put((dict(tally.survived), tally.failures))


def _poll(folder: Path) -> tuple[int, int]:
    from perf_pipeline_tests.reliability.polling import polling
    from perf_pipeline_tests.reliability.world import local_world, rebuild, run

    with local_world(folder / "home", folder / "polled") as world:
        world.begin()
        run(world)
        with polling(world) as seen:
            for _ in range(REBUILDS):
                rebuild(world)
    return seen[0].looks, seen[0].missing


if __name__ == "__main__":
    raise SystemExit(main())
