"""What the numbers of an activity cost, and what they look like on real files.

Figures are milliseconds an activity, the mean over every session of the corpus (without one: over rides made up), the
median of some rounds each. With a corpus it also prints which anomalies are in how many files, how our numbers agree
with the devices' own, and how often the sport is inferred rightly where the file tells it.

    python -m benchmarks.science [--corpus DIR] [--json] [--cpu] [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, report
from perf_pipeline.formats import reading
from perf_pipeline.formats.model import FileFormat, FileKind, FormatError, Session
from perf_pipeline.physiology.cleaning import CleanStreams, clean
from perf_pipeline.physiology.device_word import ZEROS_LEFT_OUT, compare
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.sport_inference import infer_sport
from perf_pipeline.pipeline.stages import activities, curves, efforts, metrics
from perf_pipeline.pipeline.stages.preparation import Prepared, prepare
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.sessions import FileMeta, StoredSession
from perf_pipeline.storage.streams import quantise

_ENDINGS = (".fit", ".gpx", ".tcx")
_NOBODY = content_id("benchmark")
_META = FileMeta(FileFormat.FIT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether every floor is met."""
    parser = argparse.ArgumentParser(description="Cost and agreement of the numbers of an activity.")
    parser.add_argument("--corpus", type=Path, default=os.environ.get("PERF_TEST_CORPUS"), help="real files")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--cpu", action="store_true", help="processor time, for a machine that others use")
    parser.add_argument("--rounds", type=int, default=3, help="how often each activity is timed")
    options = parser.parse_args(arguments)
    sessions = list(_real(Path(options.corpus))) if options.corpus else _made_up()
    if options.corpus and not options.json:
        for table in (_anomalies(sessions), _agreement(sessions), _sports(sessions)):
            print(table, end="\n\n")
    return report(_figures(sessions, time.process_time if options.cpu else time.perf_counter, options.rounds),
                  as_json=options.json)  # fmt: skip


def _real(corpus: Path) -> Iterable[tuple[str, Session]]:
    """Every session that the corpus holds, as the stages get it, with the file's name."""
    for path in sorted(p for p in corpus.rglob("*") if p.suffix.lower() in _ENDINGS):
        try:
            file = reading.read(path.read_bytes())
        except FormatError:
            continue
        if file.kind == FileKind.ACTIVITY:
            yield from ((path.name, quantise(session)) for session in file.sessions)


def _made_up() -> list[tuple[str, Session]]:
    from benchmarks.readers import _ride

    return [(f"{hours} h", quantise(_ride(hours).sessions[0])) for hours in (1, 2, 4)]


def _figures(sessions: list[tuple[str, Session]], clock: Callable[[], float], rounds: int) -> list[Figure]:
    stored = [StoredSession(content_id(name, i), "0" * 64, _META, one) for i, (name, one) in enumerate(sessions)]
    _everything(stored[0])  # pays for the imports
    spent: dict[str, list[list[float]]] = defaultdict(lambda: [[] for _ in stored])
    for number, item in enumerate(stored):
        for _ in range(rounds):
            prepared = _timed(spent["clean_ms"][number], clock, lambda item=item: prepare(item, None))
            for name, work in _WORK.items():
                _timed(spent[name][number], clock, lambda work=work, prepared=prepared: work(_fresh(prepared)))
            _timed(spent["derived_ms"][number], clock, lambda item=item: _everything(item))
    return [
        Figure(name, 1000 * statistics.fmean(map(statistics.median, times)), "ms", "lower", *_BOUNDS[name])
        for name, times in spent.items()
    ]


def _everything(item: StoredSession) -> None:
    """What a month does with one activity once it is decoded."""
    prepared = prepare(item, None)
    for work in _WORK.values():
        work(prepared)


def _timed(into: list[float], clock: Callable[[], float], work: Callable[[], Any]) -> Any:
    began = clock()
    result = work()
    into.append(clock() - began)
    return result


# By themselves each builds its timelines; in a month, and in derived_ms, they are built once.
_WORK: Mapping[str, Callable[[Prepared], object]] = {
    "activities_ms": lambda p: activities.row(_NOBODY, "2026-01", "archive/x", {}, p),
    "efforts_ms": lambda p: efforts.rows(_NOBODY, p),
    "curve_ms": curves.curves_of,
    "metrics_ms": lambda p: metrics.rows(_NOBODY, p),
}
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "clean_ms": (2.5, 1.5), "activities_ms": (1, 0.5), "efforts_ms": (3, 1.5), "curve_ms": (3.5, 2),
    "metrics_ms": (4, 2), "derived_ms": (11, 5),
}  # fmt: skip


def _fresh(prepared: Prepared) -> Prepared:
    return Prepared(prepared.stored, prepared.clean, prepared.named)


def _anomalies(sessions: list[tuple[str, Session]]) -> str:
    files: dict[tuple[str, str], set[str]] = defaultdict(set)
    found: Counter[tuple[str, str]] = Counter()
    for name, session in sessions:
        for anomaly in clean(session).anomalies:
            files[anomaly.kind, anomaly.channel].add(name)
            found[anomaly.kind, anomaly.channel] += 1
    total = len({name for name, _ in sessions})
    rows = [(*key, str(len(files[key])), str(found[key])) for key in sorted(files)]
    return _table(("anomaly", "channel", f"files of {total}", "found"), rows)


def _agreement(sessions: list[tuple[str, Session]]) -> str:
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    by_convention: dict[str, list[bool]] = defaultdict(list)
    for _, session in sessions:
        streams = clean(session)
        for one in compare(session, streams):
            kinds[one.measure][one.kind or "inside"] += 1
            if "power" in one.measure and streams.seconds[-1] >= 600:
                by_convention[one.measure].append(one.inside or one.kind == ZEROS_LEFT_OUT)
    rows = []
    for measure, counts in kinds.items():
        of = counts.total()
        rows += [
            (measure if i == 0 else "", kind, str(n), f"{100 * n / of:.1f} %")
            for i, (kind, n) in enumerate(sorted(counts.items(), key=lambda x: (x[0] != "inside", -x[1])))
        ]
    # Of sessions of 10 min or more, with zeros counted as the device counts them.
    for measure, hits in by_convention.items():
        rows.append(
            (f"{measure}, its zeros", "inside, 10 min+", str(sum(hits)), f"{100 * sum(hits) / len(hits):.1f} %")
        )
    return _table(("from the records alone", "against the device's word", "sessions", "share"), rows)  # fmt: skip


def _sports(sessions: list[tuple[str, Session]]) -> str:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for _, session in sessions:
        if session.sport != "other":
            found[session.sport][inferred(session)] += 1
    answers = sorted({answer for counts in found.values() for answer in counts})
    rows = [(truth, *(str(counts[answer] or "") for answer in answers)) for truth, counts in sorted(found.items())]
    return _table(("the file says", *answers), rows)


def inferred(session: Session) -> str:
    """The sport that streams tell when the file's word is hidden; `refused` where they do not."""
    hidden: CleanStreams = clean(replace(session, sport="other", lengths=()))
    answer = infer_sport(hidden)
    return "refused" if isinstance(answer, Refusal) else answer.sport


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)


if __name__ == "__main__":
    sys.exit(main())
