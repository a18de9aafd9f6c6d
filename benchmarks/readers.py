"""How fast our readers are against the public ones, on the same files in the same run.

Every contender reads every file from memory, round after round in turn, so that a slow moment of the machine meets all
of them; a figure is the geometric mean over files of the ratio of medians. A contender that gives fewer points of a
file than there are has not read it, and would look fast: such a file is left out, and named by its size.

    python -m benchmarks.readers [--corpus DIR] [--json] [--cpu]
"""

from __future__ import annotations

import argparse
import csv
import gc
import io
import math
import os
import statistics
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.figures import Figure, report

if TYPE_CHECKING:
    from perf_pipeline.formats.model import ActivityFile

Reader = Callable[[bytes], Any]
Clock = Callable[[], float]
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.5 * 3600, 7 * 3600
_LONGEST_STEP_SECONDS = 60  # on average; a handful of points hours apart is a sample of a format, not an activity
_FILES = 10
_SLOW_BUDGET_SECONDS = 0.3  # a contender slower than this is timed less often


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether every floor is met."""
    parser = argparse.ArgumentParser(description="Readers against the public ones.")
    parser.add_argument("--corpus", type=Path, default=os.environ.get("PERF_TEST_CORPUS"), help="real files")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--cpu", action="store_true", help="processor time, for a machine that others use")
    parser.add_argument("--files", type=int, default=_FILES, help="how many files of each format")
    options = parser.parse_args(arguments)
    corpus = Path(options.corpus) if options.corpus else None
    clock = time.process_time if options.cpu else time.perf_counter
    files = {f: _chosen(corpus, f, options.files) if corpus else _generated(f) for f in ("fit", "gpx", "tcx")}
    return report(_figures(files, corpus, clock), as_json=options.json)


def _figures(files: Mapping[str, list[bytes]], corpus: Path | None, clock: Clock) -> list[Figure]:
    fit = _compare(files["fit"], _fit_readers(), clock)
    gpx = _compare(files["gpx"], _gpx_readers(), clock)
    tcx = _compare(files["tcx"], _tcx_readers(), clock)
    hour = _generated_hour()
    return [
        Figure("fit_vs_fitparse", _ratio(fit, "fitparse"), "x", "higher", 200, 400),
        Figure("fit_vs_fitdecode", _ratio(fit, "fitdecode"), "x", "higher", 100, 200),
        Figure("fit_vs_fitfast", _ratio(fit, "fitfast"), "x", "higher", 2, 3),
        Figure("fit_hour_ms", 1000 * _median(_fit_readers()["ours"], hour, 40, clock), "ms", "lower", 5, 2),
        Figure("gpx_vs_gpxpy", _ratio(gpx, "gpxpy"), "x", "higher", 6, 10),
        Figure("tcx_vs_tcxreader", _ratio(tcx, "tcxreader"), "x", "higher", 5, 8),
        Figure("peak_memory_ratio", _peak_ratio(_largest(corpus) or hour), "x", "lower", 10, 5),
    ]


def _compare(files: list[bytes], readers: Mapping[str, Reader], clock: Clock) -> dict[str, list[float]]:
    """Median seconds of every reader on every file, all of them in turn."""
    medians: dict[str, list[float]] = {name: [] for name in readers}
    for data in files:
        costs = {name: _once(read, data, clock) for name, read in readers.items()}  # warm: imports, caches
        taken: dict[str, list[float]] = {name: [] for name in readers}
        for turn in range(15):
            gc.collect()
            for name, read in readers.items():
                if costs[name] > _SLOW_BUDGET_SECONDS and turn >= 3:
                    continue
                taken[name].append(_once(read, data, clock))
        for name, seconds in taken.items():
            medians[name].append(statistics.median(seconds))
    return medians


def _once(read: Reader, data: bytes, clock: Clock) -> float:
    gc.disable()  # one contender's garbage is not collected in another's time
    try:
        begin = clock()
        read(data)
        return clock() - begin
    finally:
        gc.enable()


def _median(read: Reader, data: bytes, turns: int, clock: Clock) -> float:
    _once(read, data, clock)
    return statistics.median(_once(read, data, clock) for _ in range(turns))


def _ratio(medians: Mapping[str, Sequence[float]], peer: str) -> float:
    """Geometric mean over files of how many times longer the peer takes than we do."""
    logs = [math.log(theirs / ours) for theirs, ours in zip(medians[peer], medians["ours"], strict=True)]
    return math.exp(statistics.fmean(logs)) if logs else math.nan


def _peak_ratio(data: bytes) -> float:
    """Most memory that reading a FIT file holds at once, its result included, over the file's size."""
    read = _fit_readers()["ours"]
    read(data)
    gc.collect()
    tracemalloc.start()
    try:
        result = read(data)
        peak = tracemalloc.get_traced_memory()[1]
        del result
    finally:
        tracemalloc.stop()
    return peak / len(data)


def _fit_readers() -> dict[str, Reader]:
    import fitdecode
    import fitfast
    import fitparse

    from perf_pipeline.formats.fit import read_fit

    def decode(data: bytes) -> list[object]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fitdecode.FitReader(io.BytesIO(data)) as reader:
                return [
                    [(f.name, f.value) for f in m.fields] for m in reader if isinstance(m, fitdecode.FitDataMessage)
                ]

    def parse(data: bytes) -> list[object]:
        return [[(f.name, f.value) for f in m.fields] for m in fitparse.FitFile(data).get_messages()]

    return {"ours": read_fit, "fitfast": fitfast.records, "fitdecode": decode, "fitparse": parse}


def _gpx_readers() -> dict[str, Reader]:
    import gpxpy

    from perf_pipeline.formats.gpx import read_gpx

    return {"ours": read_gpx, "gpxpy": gpxpy.parse}


def _tcx_readers() -> dict[str, Reader]:
    from tcxreader.tcxreader import TCXReader

    from perf_pipeline.formats.tcx import read_tcx

    def read(data: bytes) -> Any:
        # By default it drops every point without a position, all of an indoor ride.
        return TCXReader().read(io.BytesIO(data), only_gps=False)

    return {"ours": read_tcx, "tcxreader": read}


def _chosen(corpus: Path, file_format: str, count: int) -> list[bytes]:
    """Whole activities of the right length that every contender can read, spread evenly over their sizes.

    At most two files of one device model, so that one athlete's watch is not the whole answer.
    """
    rows = []
    seen: dict[str, int] = {}
    for row in _manifest(corpus):
        if row["format"] != file_format or row["container"] or row["validity"] != "valid":
            continue
        duration = float(row["duration_s"] or 0)
        if not _SHORTEST_SECONDS <= duration <= _LONGEST_SECONDS:
            continue
        if duration > _LONGEST_STEP_SECONDS * int(row["n_records"] or 0):
            continue
        seen[row["device"]] = seen.get(row["device"], 0) + 1
        if file_format != "fit" or seen[row["device"]] <= 2:
            rows.append(row)
    rows.sort(key=lambda row: int(row["bytes"]))
    readers = {"fit": _fit_readers, "gpx": _gpx_readers, "tcx": _tcx_readers}[file_format]()
    wanted = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int).tolist()
    datas = [(corpus / rows[i]["file"]).read_bytes() for i in wanted]
    return [data for data in datas if _all_read(readers, data)]


def _all_read(readers: Mapping[str, Reader], data: bytes) -> bool:
    found = {}
    for name, read in readers.items():
        try:
            found[name] = _points(name, read(data))
        except Exception as error:  # noqa: BLE001 - a contender's failure leaves the file out, visibly
            print(f"left out a file of {len(data)} bytes: {name} raised {type(error).__name__}", file=sys.stderr)
            return False
    if len(set(found.values()) - {None}) > 1 or 0 in found.values():
        print(f"left out a file of {len(data)} bytes: points read are {found}", file=sys.stderr)
        return False
    return True


def _points(name: str, result: Any) -> int | None:
    """How many points a reader found; None for one that gives messages of all kinds."""
    if name == "gpxpy":
        return sum(len(segment.points) for track in result.tracks for segment in track.segments)
    if name == "tcxreader":
        return len(result.trackpoints)
    if name == "ours":
        return sum(len(session.streams.time_ms) for session in result.sessions)
    return None


def _manifest(corpus: Path) -> list[dict[str, str]]:
    with (corpus / "MANIFEST.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _largest(corpus: Path | None) -> bytes | None:
    if corpus is None:
        return None
    return max((corpus / "fit").glob("*.fit"), key=lambda path: path.stat().st_size).read_bytes()


def _generated_hour() -> bytes:
    return _generated("fit")[0]


def _generated(file_format: str) -> list[bytes]:
    """One, two and four hours of a made-up ride, one sample a second."""
    from perf_pipeline.formats.fit_writer import write_fit
    from perf_pipeline.formats.gpx_writer import write_gpx
    from perf_pipeline.formats.tcx_writer import write_tcx

    write = {"fit": write_fit, "gpx": write_gpx, "tcx": write_tcx}[file_format]
    return [write(_ride(hours)) for hours in (1, 2, 4)]


def _ride(hours: int) -> ActivityFile:
    from perf_pipeline.formats.model import ActivityFile, Device, FileFormat, FileKind, Lap, Session, Streams

    n = hours * 3600
    rng = np.random.default_rng(hours)
    start = 1_600_000_000_000
    speed = np.round(8 + rng.normal(0, 0.5, n).cumsum() * 0.01, 3).clip(1, 15)
    channels = {
        "latitude_degrees": 45 + np.cumsum(speed) * 9e-6 / 2,
        "longitude_degrees": 7 + np.cumsum(speed) * 9e-6 / 2,
        "altitude_meters": np.round(500 + rng.normal(0, 0.2, n).cumsum(), 1),
        "distance_meters": np.round(np.cumsum(speed), 2),
        "speed_mps": speed,
        "power_watts": np.round(200 + rng.normal(0, 30, n)).clip(0),
        "heart_rate_bpm": np.round(140 + rng.normal(0, 1, n).cumsum() * 0.1).clip(60, 200),
        "cadence_rpm": np.round(88 + rng.normal(0, 3, n)).clip(0, 200),
        "temperature_celsius": np.full(n, 21.0),
    }
    laps = tuple(Lap(start + k * 600_000, start + (k + 1) * 600_000) for k in range(6 * hours))
    streams = Streams(start + 1000 * np.arange(n, dtype=np.int64), channels)
    session = Session(0, "bike", start, start + n * 1000, streams, sport_raw="cycling", laps=laps)
    return ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, (session,), Device("garmin", "edge530"))


if __name__ == "__main__":
    sys.exit(main())
