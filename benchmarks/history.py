"""How fast a whole history is rebuilt, what a run without news costs, and what one new file costs.

A generated athlete's files (and real ones, where there are any) go through the real assets on the embedded PostgreSQL:
intake first, then everything that follows from the archive, then once more with nothing to do, then with one new file.
Each phase is a process of its own, in which the clock starts after the imports.

    python -m benchmarks.history [--activities N] [--corpus DIR] [--sizes 500,5000,20000] [--athletes 10,100,1000]
        [--rounds N] [--skip-plain] [--steps] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import _histories
from benchmarks._pipeline import TODAY
from benchmarks._watching import Watch
from benchmarks.figures import Figure, report

ACTIVITIES = 5_000
EACH = 5
"""Activities of each of many athletes."""
PLAIN_FILES = 40
DAYS_LATE = 20
"""How old a file is that comes late: weeks that were answered without it are answered again."""
AGREE_WITHIN = 0.02
MOST_SECONDS = 3 * 3600
"""A phase that takes longer is ended: 20,000 activities take minutes."""
ROOT = Path(__file__).parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether every floor is met."""
    parser = argparse.ArgumentParser(description="Whole histories.")
    parser.add_argument("--activities", type=int, default=ACTIVITIES, help="of the one athlete, real ones among them")
    parser.add_argument("--corpus", type=Path, default=os.environ.get("PERF_TEST_CORPUS"), help="real files as well")
    parser.add_argument("--sizes", default="500", help="other sizes of one athlete, for how the cost grows")
    parser.add_argument("--athletes", default="10,100", help="numbers of athletes with a few activities each")
    parser.add_argument("--rounds", type=int, default=3, help="how often no-op and one file are timed")
    parser.add_argument("--skip-plain", action="store_true", help="leave out the comparison with fitparse and pandas")
    parser.add_argument("--steps", action="store_true", help="print what each step took")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args(arguments)
    corpus = _histories.corpus(Path(options.corpus) if options.corpus else None)
    figures = _one_athlete(options, corpus)
    for size in _numbers(options.sizes):
        figures += _scaled(size, options)
    for number in _numbers(options.athletes):
        figures += _many(number, options)
    return report(figures, as_json=options.json)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


class Home:
    """A PERF_HOME of its own, and phases of the pipeline run in it."""

    def __init__(self, folder: Path, *, steps: bool) -> None:
        self.folder = folder
        self.peak_mb, self.cpu_seconds = 0.0, 0.0
        self._steps = steps

    def drop(self, handle: str, paths: list[Path]) -> None:
        _histories.link(paths, self.folder / "storage" / "inbox" / handle)

    def run(self, phase: str, *handles: str, **variables: str) -> dict[str, Any]:
        """What the phase tells: `seconds`, by step and by stage; `peak_mb` is then the most memory it held.

        `variables` are added to the environment of its process.
        """
        command = [sys.executable, "-m", "benchmarks._pipeline", str(self.folder), phase, *handles]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**self._environment(), **variables}
        )
        with process, Watch(process.pid, *self._postmaster()) as watch:
            try:
                out, _ = process.communicate(timeout=MOST_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        if process.returncode:
            raise SystemExit(f"the phase {phase} of {len(handles)} athletes failed")
        self.peak_mb, self.cpu_seconds = watch.peak_mb, watch.cpu_seconds
        told: dict[str, Any] = json.loads(out.splitlines()[-1])
        if self._steps:
            self._print(phase, told)
        return told

    def remove(self) -> None:
        from perf_pipeline.storage import embedded_postgres

        embedded_postgres.remove(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERF_", "DAGSTER_"))}
        return {**kept, "PERF_HOME": str(self.folder)}

    def _postmaster(self) -> list[int]:
        from perf_pipeline.storage import embedded_postgres

        embedded_postgres.ensure_running(self.folder)
        return [int(path.read_text().split()[0]) for path in self.folder.rglob("postmaster.pid")]

    def _print(self, phase: str, told: dict[str, Any]) -> None:
        print(
            f"{phase}: {told['seconds']:.2f} s; {self.cpu_seconds:.2f} s of processor with imports, "
            f"{told['cpu']:.2f} s in the run's own process; {self.peak_mb:.0f} MB",
            file=sys.stderr,
        )
        for step, seconds in told["steps"].items():
            print(f"  {step:<30} {seconds:8.3f} s", file=sys.stderr)


@contextmanager
def _home(options: argparse.Namespace) -> Iterator[Home]:
    home = Home(Path(tempfile.mkdtemp(prefix="perf_history.")), steps=options.steps)
    (home.folder / "storage").mkdir()
    home.folder.chmod(0o755)
    try:
        yield home
    finally:
        home.remove()


def _one_athlete(options: argparse.Namespace, corpus: list[Path]) -> list[Figure]:
    generated = _histories.history(max(options.activities - len(corpus), PLAIN_FILES))
    with _home(options) as home:
        home.drop("ann", [*generated, *corpus])
        intake = home.run("intake", "ann")
        rebuild = home.run("rebuild", "ann")
        peak_mb = home.peak_mb
        files = rebuild["stages"]["activity_streams"]["files"]
        rate = files / rebuild["seconds"]
        idle = statistics.median(home.run("noop", "ann")["seconds"] for _ in range(options.rounds))
        one = statistics.median(_one_file(home, number) for number in range(options.rounds))
        late = _one_file(home, options.rounds, days_late=DAYS_LATE)
    figures = [
        Figure("rebuild_activities_per_s", rate, "1/s", "higher", 100, 250),
        Figure("noop_s", idle, "s", "lower", 5, 1.5),
        Figure("one_file_s", one, "s", "lower", 1.5, 0.5),
        Figure("late_file_s", late, "s", "lower"),
        Figure("rebuild_peak_mb", peak_mb, "MB", "lower", 1500, 700),
        # A selection of assets brings all of their checks along, the nightly ones too: they are no part of intake.
        Figure("intake_files_per_s", files / intake["steps"]["source_files"], "1/s", "higher"),
    ]
    if not options.skip_plain:
        figures.insert(1, _against_plain(generated, 1 / rate))
    return figures


def _one_file(home: Home, number: int, days_late: int = 0) -> float:
    folder = home.folder / "storage" / "inbox" / "ann"
    folder.mkdir(parents=True, exist_ok=True)
    ride = _histories.newcomer(number, date.fromisoformat(TODAY), days_late=days_late)
    (folder / f"new-{number}.fit").write_bytes(ride)
    told = home.run("late file" if days_late else "one file", "ann")
    if told["stages"]["source_files"].get("archived") != 1:
        raise SystemExit("the new file was not taken in")
    return float(told["seconds"])


def _scaled(size: int, options: argparse.Namespace) -> list[Figure]:
    with _home(options) as home:
        home.drop("ann", _histories.history(size))
        home.run("intake", "ann")
        rebuild = home.run("rebuild", "ann")
        peak_mb = home.peak_mb
        idle = home.run("noop", "ann")["seconds"]
    rate = rebuild["stages"]["activity_streams"]["files"] / rebuild["seconds"]
    return [
        Figure(f"rebuild_activities_per_s_of_{size}", rate, "1/s", "higher"),
        Figure(f"noop_s_of_{size}", idle, "s", "lower"),
        Figure(f"rebuild_peak_mb_of_{size}", peak_mb, "MB", "lower"),
    ]


def _many(number: int, options: argparse.Namespace) -> list[Figure]:
    handles = [f"athlete-{i:05d}" for i in range(number)]
    with _home(options) as home:
        for i, handle in enumerate(handles):
            home.drop(handle, _histories.history(EACH, athlete=i + 1))
        told = home.run("all stages", *handles)
        idle = home.run("noop", *handles)["seconds"]
    return [
        Figure(f"athletes_per_s_of_{number}", number / told["seconds"], "1/s", "higher"),
        Figure(f"noop_ms_an_athlete_of_{number}", 1000 * idle / number, "ms", "lower"),
    ]


def _against_plain(paths: list[Path], ours_seconds: float) -> Figure:
    """How many times longer a plain script takes for an activity, on a sample of the FIT files; two processes each."""
    sample = random.Random(7).sample([path for path in paths if path.suffix == ".fit"], PLAIN_FILES)
    script = ROOT / "benchmarks" / "_plain_script.py"
    done = subprocess.run(
        [sys.executable, script, *sample], check=True, capture_output=True, text=True, timeout=MOST_SECONDS
    )
    *plain, took = [json.loads(line) for line in done.stdout.splitlines()]
    seconds = took["seconds"] / len(sample)
    share = _agreement(plain)
    if share < 0.9:
        raise SystemExit(f"the plain script computes other efforts: only {share:.0%} agree")
    return Figure("rebuild_vs_fitparse_pandas", seconds / ours_seconds, "x", "higher", 50, 120)


def _agreement(plain: list[dict[str, Any]]) -> float:
    """Share of the plain script's efforts that are ours as well, within a few per cent."""
    from perf_pipeline.formats.fit import read_fit
    from perf_pipeline.physiology.cleaning import clean
    from perf_pipeline.physiology.efforts import best_efforts

    verdicts = []
    for told in plain:
        ours: dict[tuple[str, float], float] = {}
        for session in read_fit(Path(told["path"]).read_bytes()).sessions:
            for effort in best_efforts(clean(session), session):
                by_distance = effort.distance_meters is not None
                kind = "distance" if by_distance else effort.effort_type
                width = effort.distance_meters if by_distance else float(effort.duration_seconds)
                value = float(effort.duration_seconds) if by_distance else effort.value
                ours[kind, width] = value
        for kind in ("power", "speed", "distance"):
            for width, value in told[kind].items():
                mine = ours.get((kind, float(width)), math.nan)
                verdicts.append(abs(mine - value) <= AGREE_WITHIN * value + 1)
    return sum(verdicts) / len(verdicts)


if __name__ == "__main__":
    sys.exit(main())
