"""A generated athlete: two seasons of files as they would lie in an inbox, the same bytes on every machine.

On purpose among them, as material for whoever looks at cleaning, intake and quarantine: a power spike in rides of every
16th day, a position jump in runs of every 16th, records every few seconds instead of each second in runs of every
11th, a second copy of an activity under another name, a file that ends in its middle, a file of garbage, an empty one,
a macOS shadow file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from perf_pipeline.formats.fit_writer import write_fit
from perf_pipeline.formats.gpx_writer import write_gpx
from perf_pipeline.formats.model import ActivityFile, FileFormat, FileKind, Session, Streams
from perf_pipeline.formats.tcx_writer import write_tcx
from perf_pipeline.pipeline.demo_plan import DEFAULT_END, SEASONS_DAYS, Outing, body_on, outings
from perf_pipeline.pipeline.demo_recording import record

PROFILE = b"sex: male\nbirth_date: 1990-05-17\ntimezone: Africa/Accra\n"
_RACE = b"name: Harbour 10 km\nnotes: Flat, a little wind on the way back.\ntype: run\n"
_DUPLICATED, _TRUNCATED = range(100, 114), range(200, 221)
"""Days of the plan: the first activity of one gets a second copy, the first easy ride of the other loses its end."""


@dataclass(frozen=True, slots=True)
class DemoFile:
    """A file for the inbox: its name there, and its bytes."""

    name: str
    data: bytes


def generate(seed: int = 7, end: date | None = None, days: int = SEASONS_DAYS) -> Iterator[DemoFile]:
    """The files of the `days` days up to `end` (the end of the two seasons), in order of time, oddities among them.

    The same `seed` and `end` give the same bytes for a day, however many days are asked for. Names are of one folder.
    """
    yield DemoFile("profile.yaml", PROFILE)
    to_duplicate, to_truncate = _DUPLICATED, _TRUNCATED
    for outing in outings(seed, end or DEFAULT_END, days):
        dice = np.random.Generator(np.random.PCG64([seed, outing.day + 100_000, 2]))
        file = _marred(record(outing, body_on(outing.day), dice), outing, dice)
        name, data = _encoded(file, outing, dice)
        if outing.day in to_truncate and outing.sport == "bike" and not outing.is_test:
            to_truncate = range(0)
            name, whole = _stem(outing) + ".fit", write_fit(file)
            data = whole[: len(whole) * 3 // 5]
        yield DemoFile(name, data)
        if outing.day in to_duplicate:
            to_duplicate = range(0)
            yield DemoFile("copy of " + name, data)
        if outing.work == "race_10k":
            yield DemoFile(name + ".yaml", _RACE)
    yield DemoFile("broken.fit", np.random.Generator(np.random.PCG64([seed, 3])).bytes(4096))
    yield DemoFile("empty.fit", b"")
    yield DemoFile("._broken.fit", b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")


def generate_simple(count: int, seed: int = 7, seconds: int = 1800) -> Iterator[DemoFile]:
    """`count` small FIT rides, one every 12 hours up to the end of the seasons: for tests of scale."""
    end_s = (DEFAULT_END.toordinal() - date(1970, 1, 1).toordinal()) * 86_400
    for number in range(count):
        dice = np.random.Generator(np.random.PCG64([seed, number, 4]))
        start_ms = 1000 * (end_s - 43_200 * (count - number))
        power = np.round(180 + 60 * np.clip(dice.standard_normal(seconds), -3, 3))
        channels = {"power_watts": power, "distance_meters": np.round(np.arange(seconds) * 8.25, 2)}
        time_ms = start_ms + 1000 * np.arange(seconds, dtype=np.int64)
        session = Session(0, "bike", start_ms, int(time_ms[-1]), Streams(time_ms, channels), "cycling")
        yield DemoFile(f"ride-{number:06d}.fit", write_fit(_as_file(session)))


def _as_file(session: Session) -> ActivityFile:
    return ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, (session,))


def _stem(outing: Outing) -> str:
    return f"{outing.on.isoformat()}-{outing.sport}-{outing.work.replace('_', '-')}"


def _encoded(file: ActivityFile, outing: Outing, dice: np.random.Generator) -> tuple[str, bytes]:
    """Most files are FIT; some come from programs that export GPX or TCX; some are packed."""
    writers: dict[str, Callable[[ActivityFile], bytes]] = {"fit": write_fit, "gpx": write_gpx, "tcx": write_tcx}
    draw = dice.random()
    kind = "fit"
    if outing.sport in {"bike", "run"} and outing.work not in {"long", "race_10k"}:
        kind = "tcx" if draw < 0.14 else "gpx" if draw < 0.28 and not outing.indoor else "fit"
    name, data = f"{_stem(outing)}.{kind}", writers[kind](file)
    is_packed = dice.random() < 0.15 and not outing.work.startswith("race")
    return (name + ".gz", packed(data)) if is_packed else (name, data)


def _marred(file: ActivityFile, outing: Outing, dice: np.random.Generator) -> ActivityFile:
    """What sensors get wrong now and then; never inside a test, so that the thresholds stay what they are."""
    session = file.sessions[0]
    if outing.is_test or len(session.streams) < 1200:
        return file
    channels = {name: values.copy() for name, values in session.streams.channels.items()}
    keep = np.ones(len(session.streams), bool)
    at = int(dice.integers(600, len(session.streams) - 60))
    if outing.sport == "bike" and outing.day % 16 == 0:
        channels["power_watts"][at : at + 2] = (1893.0, 2201.0)
    elif outing.sport == "run" and outing.day % 16 == 1 and "latitude_degrees" in channels:
        channels["latitude_degrees"][at : at + 3] += 0.004
    elif outing.sport == "run" and outing.day % 11 == 2:
        keep = np.cumsum(dice.integers(1, 8, len(keep)))
        keep = np.isin(np.arange(len(session.streams)), np.concatenate([[0], keep, [len(session.streams) - 1]]))
    streams = Streams(session.streams.time_ms[keep], {name: values[keep] for name, values in channels.items()})
    return replace(file, sessions=(replace(session, streams=streams), *file.sessions[1:]))


def packed(data: bytes) -> bytes:
    """A gzip file of `data` in stored blocks: compressors differ from machine to machine, these bytes do not."""
    blocks = [data[i : i + 0xFFFF] for i in range(0, len(data), 0xFFFF)] or [b""]
    out = bytearray(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
    for i, block in enumerate(blocks):
        out += struct.pack("<BHH", i == len(blocks) - 1, len(block), len(block) ^ 0xFFFF) + block
    return bytes(out + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
