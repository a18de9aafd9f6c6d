"""What all checks of one athlete's run take: those within the run, and great-expectations of what the run wrote.

    python -m benchmarks.checks [--activities N] [--home DIR] [--rounds N] [--json]

A generated athlete goes through the real assets, then one new file does. The checks are asked in a process of their own
whose clock starts before it imports great-expectations, which is half of it. With `--home` the athlete is kept, and
found again by the next run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from benchmarks import _histories
from benchmarks._pipeline import TODAY
from benchmarks.figures import Figure, report
from benchmarks.history import ROOT, Home

ACTIVITIES, HANDLE, ROUNDS, SPARE = 5_000, "ann", 3, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether every floor is met."""
    parser = argparse.ArgumentParser(description="Checks of one athlete's run.")
    parser.add_argument("--activities", type=int, default=ACTIVITIES, help="that the athlete has before the run")
    parser.add_argument("--home", type=Path, help="keep the athlete here")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of which the best counts")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--asked-since", help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args(arguments)
    if options.asked_since is not None:
        sys.stdout.write(json.dumps(_ask(options.home, options.asked_since)) + "\n")
        return 0
    folder = options.home or Path(tempfile.mkdtemp(prefix="perf_checks."))
    home = Home(folder, steps=False)
    try:
        began = _run(home, options.activities)
        rounds = [_asked(folder, began.isoformat()) for _ in range(options.rounds)]
        everything = [_asked(folder, "") for _ in range(options.rounds)]
    finally:
        if options.home is None:
            home.remove()
        else:
            from perf_pipeline.storage import embedded_postgres

            embedded_postgres.stop(folder)
    return report(_figures(rounds, everything), as_json=options.json)


def _figures(rounds: list[dict[str, Any]], everything: list[dict[str, Any]]) -> list[Figure]:
    # Of a few rounds the best: what else the machine does is no part of it.
    best, whole = min(rounds, key=_total), min(everything, key=_total)
    return [
        Figure("checks_s", _total(best), "s", "lower", 5, 3),
        Figure("checks_within_the_run_s", best["in_run"], "s", "lower", 1, 0.3),
        Figure("checks_import_s", best["import"], "s", "lower"),
        Figure("checks_of_the_runs_rows_s", best["rows"], "s", "lower"),
        Figure("checks_of_all_rows_s", whole["rows"], "s", "lower"),
        Figure("checks_expectations", whole["expectations"], "", "higher"),
    ]


def _total(told: dict[str, Any]) -> float:
    return float(told["in_run"] + told["import"] + told["rows"])


def _run(home: Home, activities: int) -> datetime:
    """The history, where it is not there yet, and one new file; returns when the run of that file began."""
    inbox = home.folder / "storage" / "inbox" / HANDLE
    if not (home.folder / "storage" / "archive").exists():
        (home.folder / "storage").mkdir(parents=True, exist_ok=True)
        home.folder.chmod(0o755)
        home.drop(HANDLE, _histories.history(activities))
        home.run("intake", HANDLE)
        home.run("rebuild", HANDLE)
    else:
        home.run("noop", HANDLE)  # what newer code makes stale is no part of the new file's run
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / "new.fit").write_bytes(_histories.newcomer(int(time.time()) % SPARE, date.fromisoformat(TODAY)))
    began = datetime.now(UTC)
    told = home.run("one file", HANDLE)
    if told["stages"]["source_files"].get("archived") != 1:
        raise SystemExit("the new file was not taken in: with --home, try again")
    return began


def _asked(folder: Path, since: str) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.checks", "--home", str(folder), "--asked-since", since]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _ask(folder: Path, since: str) -> dict[str, Any]:
    """Seconds of each part, in this process."""
    from perf_pipeline.defs import checks
    from perf_pipeline.pipeline.services import Services
    from perf_pipeline.settings import Settings
    from perf_pipeline.storage.ids import profile_id_of

    with Services(Settings(home=folder)) as services:
        services.warehouse  # noqa: B018 - opened before the clock starts, as a run has opened it
        within = [
            checks.quarantine_result, checks.months_result, checks.agreement_result,
            checks.duplicates_result, checks.carriers_result, checks.adaptations_result,
        ]  # fmt: skip
        began = time.perf_counter()
        for check in within:
            check(services, [HANDLE])
        checks.coherence_result(services, {HANDLE: None})  # of all months: a run asks of those that it wrote
        checks.fitness_result(services, [HANDLE], date.fromisoformat(TODAY))
        ran = time.perf_counter()
        from perf_pipeline.pipeline.expectations.examining import examine_rows

        imported = time.perf_counter()
        with services.warehouse.begin() as connection:
            then = datetime.fromisoformat(since) if since else None
            verdicts = examine_rows(connection, [profile_id_of(HANDLE)], since=then)
        ended = time.perf_counter()
    broken = [f"{one.table}.{one.column}" for one in verdicts if not one.holds and not one.is_warning]
    if broken:
        raise SystemExit(f"expectations are broken: {', '.join(broken)}")
    return {"in_run": ran - began, "import": imported - ran, "rows": ended - imported, "expectations": len(verdicts)}


if __name__ == "__main__":
    sys.exit(main())
