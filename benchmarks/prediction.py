"""How far predictions are off, beside the best of the last 90 days and Riegel's formula, on what then happened.

Every month of every athlete is predicted from what was known at its end and compared with the bests of the 30 days
after, by the same code that fills `prediction_backtests`. Athletes: the real ones of the corpus (through the whole
pipeline, in a database of their own), and generated careers 101, 102, ... The models' development sample is of careers
1000 to 1039, and their rules were settled looking at those and at 1 to 30: none of either is among the athletes here
(of `runner-a` the first results were seen when the rules were settled). Errors are medians over near-maximal cases of
which all three contenders say something; the rule of what is near maximal never sees a prediction. Coverage is told
with the rule and without it, and how many outcomes the rule leaves out.

    python -m benchmarks.prediction [--corpus DIR] [--generated N] [--database URL] [--json]

With `--database`, the athletes are those of that database, as its own back-test has them.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, report

CLASSES = {
    ("bike", "power 60 s"): "power_1min",
    ("bike", "power 300 s"): "power_5min",
    ("bike", "power 1200 s"): "power_20min",
    ("bike", "power 3600 s"): "power_60min",
    ("run", "distance 1000 m"): "run_1km",
    ("run", "distance 5000 m"): "run_5km",
    ("run", "distance 10000 m"): "run_10km",
    ("run", "distance 21097.5 m"): "half_marathon",
}
REAL = ("runner-a", "cyclist-b")
FIRST_CAREER = 101
Rows = list[dict[str, Any]]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("PERF_TEST_CORPUS")
    parser.add_argument("--corpus", type=Path, default=Path(default) if default else None, help="folder of real files")
    parser.add_argument("--generated", type=int, default=16, help="generated careers of each sport")
    parser.add_argument("--database", help="take the athletes of this database instead")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    args = parser.parse_args(argv)
    groups: dict[str, Rows] = {}
    if args.database:
        groups = stored(args.database)
    else:
        groups["generated"] = generated(args.generated)
        if args.corpus is not None:
            groups.update(real(args.corpus))
    for name, rows in groups.items():
        _explain(name, rows)
    return report(figures([row for rows in groups.values() for row in rows]), as_json=args.json)


def figures(rows: Rows) -> list[Figure]:
    """The figures over all athletes together; the naive error is the floor where there are 20 cases or more."""
    from perf_pipeline.pipeline.backtest_report import HONEST, LEAST_CASES, by_class, coverage, near_coverage

    found = []
    for one in by_class(rows):
        name = CLASSES.get((one.sport, one.target))
        if name is None or one.error_pct is None or one.naive_pct is None or one.riegel_pct is None:
            continue
        floor = one.naive_pct if one.cases >= LEAST_CASES else None
        found += [
            Figure(f"{name}_error_pct", one.error_pct, "%", "lower", floor, floor),
            Figure(f"{name}_naive_pct", one.naive_pct, "%", "lower"),
            Figure(f"{name}_riegel_pct", one.riegel_pct, "%", "lower"),
            Figure(f"{name}_cases", one.cases, "cases", "higher"),
        ]
    share, near = near_coverage(rows)
    shown = [row for row in rows if row["predicted"] is not None]
    if share is not None:
        low, high = HONEST
        found += [
            Figure("interval_coverage", share, "share", "higher", low, low),
            Figure("interval_coverage_from_90", abs(share - 0.9), "share", "lower", (high - low) / 2, (high - low) / 2),
            Figure("interval_coverage_without_rule", coverage(shown) or 0.0, "share", "higher"),
            Figure("outcomes_left_out_by_rule", len(shown) - near, "cases", "lower"),
            Figure("outcomes_refused", len(rows) - len(shown), "cases", "lower"),
        ]
    return found


def generated(count: int) -> Rows:
    """The back-test of `count` careers of each sport, from `FIRST_CAREER` on."""
    from perf_pipeline.physiology.prediction_cases import cases, month_ends, outlooks
    from perf_pipeline.physiology.prediction_choice import Record
    from perf_pipeline.pipeline.demo_efforts import career
    from perf_pipeline.pipeline.stages.predictions import backtest_row

    found: Rows = []
    for sport in ("bike", "run"):
        for seed in range(FIRST_CAREER, FIRST_CAREER + count):
            history = career(seed, sport).history()
            days = month_ends(history, int(history.day[-1]))
            some, told = cases(history, days), outlooks(history, days)
            record = Record(history.curve, some, told)
            said = {day: record.predict(told[day]) for day in days}
            found += [
                backtest_row(
                    uuid.UUID(int=seed), history.curve, case, told[case.as_of], said[case.as_of][case.target], ""
                )
                for case in some
            ]
    return found


def real(corpus: Path) -> dict[str, Rows]:
    """The real athletes of the corpus through the whole pipeline, as a user would take them in."""
    with (corpus / "MANIFEST.csv").open(encoding="utf-8", newline="") as stream:
        files = [(row["athlete"], row["file"]) for row in csv.DictReader(stream) if row["athlete"] in REAL]
    with tempfile.TemporaryDirectory(prefix="perf-prediction-") as folder:
        home = Path(folder) / "home"
        command = Path(sys.executable).with_name("perf-pipeline")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PERF_")} | {"PERF_HOME": str(home)}
        try:
            for athlete in REAL:
                inbox = Path(folder) / athlete
                inbox.mkdir()
                for file in (corpus / name for whose, name in files if whose == athlete):
                    shutil.copy(file, inbox)
                subprocess.run(
                    [command, "ingest", inbox, "--athlete", athlete], check=True, env=environment,
                    stdout=subprocess.DEVNULL,
                )  # fmt: skip
            from perf_pipeline.storage.embedded_postgres import ensure_running

            return stored(ensure_running(home))
        finally:
            subprocess.run([command, "stop"], check=False, env=environment, stdout=subprocess.DEVNULL)


def stored(url: str) -> dict[str, Rows]:
    """The back-tests of all athletes of a database, by handle."""
    from sqlalchemy import select

    from perf_pipeline.pipeline.backtest_report import read_cases
    from perf_pipeline.storage.tables import profiles
    from perf_pipeline.storage.warehouse import Warehouse

    with Warehouse.connect(url) as warehouse, warehouse.begin() as connection:
        known = connection.execute(select(profiles.c.handle, profiles.c.id).order_by(profiles.c.handle)).all()
        return {handle: read_cases(connection, [profile_id]) for handle, profile_id in known}


def _explain(name: str, rows: Rows) -> None:
    """What is behind the figures, to the error stream: every class of every athlete."""
    from perf_pipeline.pipeline.backtest_report import by_class, coverage, markdown, near_coverage

    share, near = near_coverage(rows)
    shown = [row for row in rows if row["predicted"] is not None]
    print(f"\n{name}: {len(rows)} outcomes, {near} near maximal and predicted", file=sys.stderr)
    if share is not None:
        print(f"90 % intervals held {share:.1%} of those, {coverage(shown):.1%} of all {len(shown)}", file=sys.stderr)
    print(markdown(by_class(rows)), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
