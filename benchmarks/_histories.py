"""Files of generated athletes, as many as are asked for: the demo's two seasons told again at other times.

What a device recorded is real work for every stage; only its times differ from one telling to the next, so that no two
files have the same bytes. The files are kept on disk between runs, and given away as hard links.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from perf_pipeline.formats.fit_writer import write_fit
from perf_pipeline.formats.gpx_writer import write_gpx
from perf_pipeline.formats.model import ActivityFile, FileFormat, FormatError, Session
from perf_pipeline.formats.reading import read
from perf_pipeline.formats.tcx_writer import write_tcx
from perf_pipeline.pipeline.demo_athlete import DemoFile, generate
from perf_pipeline.pipeline.demo_plan import SEASONS_DAYS

WRITERS = {FileFormat.FIT: write_fit, FileFormat.GPX: write_gpx, FileFormat.TCX: write_tcx}
FORMAT_OF_CACHE = 3
"""Another number where the files of an older run would no longer be those of this code."""
BLOCK = 250
MOST_AT_ONCE = 2
"""Tellings of the two seasons that lie side by side: about 0.8 activities a day, as many as a keen athlete records."""
APART_MS = (0, 5 * 3_600_000 + 23 * 60_000)
"""Not whole hours: the same course whole hours later is what a clock of another zone makes of one activity."""


def cache_folder() -> Path:
    """Where generated files are kept: PERF_BENCH_CACHE, or a folder for temporary files."""
    return Path(os.environ.get("PERF_BENCH_CACHE") or Path(tempfile.gettempdir(), f"perf_pipeline_bench.{os.getuid()}"))


def history(count: int, athlete: int = 0) -> list[Path]:
    """`count` activity files of one athlete, the newest seasons first; athletes of other numbers have other files."""
    folder = cache_folder() / f"v{FORMAT_OF_CACHE}-{_digest()}" / f"athlete-{athlete:05d}"
    blocks = [(start, min(BLOCK, count - start)) for start in range(0, count, BLOCK)]
    missing = [(folder, athlete, start, size) for start, size in blocks if not _block(folder, start, size).is_dir()]
    if len(missing) == 1:
        _write_block(*missing[0])
    elif missing:
        with ProcessPoolExecutor() as pool:
            list(pool.map(_write_block, *zip(*missing, strict=True)))
    return [path for start, size in blocks for path in sorted(_block(folder, start, size).iterdir())]


def newcomer(number: int, day: date, *, days_late: int = 0) -> bytes:
    """A ride that no history holds, of the day (or so many before): the one that is dropped into it."""
    rides = [file for file in _templates() if file.format is FileFormat.FIT and file.sessions[0].sport == "bike"]
    ride = rides[-1 - number]
    start = datetime.combine(day - timedelta(days=days_late), time(4 * number + 1), UTC)
    return write_fit(_told_at(ride, round(start.timestamp() * 1000) - ride.sessions[0].start_ms))


def corpus(folder: Path | None) -> list[Path]:
    """Real files that hold an activity, where there is a folder of them."""
    found = []
    for path in sorted(folder.rglob("*")) if folder is not None else []:
        if not path.is_file() or path.suffix not in {".fit", ".gpx", ".tcx", ".gz"}:
            continue
        data = path.read_bytes()
        try:
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            if read(data, fallback=False).sessions:
                found.append(path)
        except (FormatError, OSError, EOFError):
            continue  # what cannot be read is the business of other tests
    return found


def link(paths: list[Path], folder: Path) -> None:
    """Puts the files into a folder, as links where the disk allows: names of one folder, and old enough to be taken."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(paths):
        target = folder / f"{number:06d}-{path.name}"
        try:
            os.link(path, target)
        except OSError:
            target.write_bytes(path.read_bytes())


def _block(folder: Path, start: int, size: int) -> Path:
    return folder / f"{start:06d}-{size}"


def _write_block(folder: Path, athlete: int, start: int, size: int) -> None:
    target = _block(folder, start, size)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.mkdir(parents=True)
    for number in range(start, start + size):
        file = _nth(number, athlete)
        (fresh / f"{number:06d}.{file.format}").write_bytes(WRITERS[file.format](file))
    fresh.rename(target)


def _nth(number: int, athlete: int) -> ActivityFile:
    templates = _templates()
    telling, which = divmod(number, len(templates))
    span, beside = divmod(telling, MOST_AT_ONCE)
    shift = APART_MS[beside] - span * SEASONS_DAYS * 86_400_000 - 60_000 * (athlete % 240) - 86_400_000 * (athlete % 7)
    return _told_at(templates[which], shift)


@cache
def _templates() -> tuple[ActivityFile, ...]:
    return tuple(_readable())


def _readable() -> Iterator[ActivityFile]:
    for file in _demo_files():
        data = gzip.decompress(file.data) if file.name.endswith(".gz") else file.data
        try:
            told = read(data, fallback=False)
        except FormatError:
            continue
        if told.sessions and not told.partial:
            yield told


def _demo_files() -> Iterator[DemoFile]:
    return (file for file in generate() if not file.name.startswith(("copy of", "profile", ".", "broken")))


@cache
def _digest() -> str:
    told = hashlib.sha256()
    for file in _demo_files():
        told.update(hashlib.sha256(file.data).digest())
    return told.hexdigest()[:12]


def _told_at(file: ActivityFile, shift_ms: int) -> ActivityFile:
    # Whole seconds: FIT knows no others.
    shift_ms = shift_ms // 1000 * 1000
    return replace(file, sessions=tuple(_shifted(session, shift_ms) for session in file.sessions))


def _shifted(session: Session, shift_ms: int) -> Session:
    def moved(spans: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(replace(span, start_ms=span.start_ms + shift_ms, end_ms=span.end_ms + shift_ms) for span in spans)

    return replace(
        session,
        start_ms=session.start_ms + shift_ms,
        end_ms=session.end_ms + shift_ms,
        streams=replace(session.streams, time_ms=session.streams.time_ms + shift_ms),
        laps=moved(session.laps),
        lengths=moved(session.lengths),
        pauses=moved(session.pauses),
    )
