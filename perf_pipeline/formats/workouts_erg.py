"""ERG and MRC, the courses of the ergometers: minutes against watts, or against per cent of the threshold.

A text of sections in brackets. A pair of points is a stretch: level where both have the same power, else a ramp. Two
points of one minute are a jump.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from perf_pipeline.formats.model import CorruptFileError, HostileFileError
from perf_pipeline.formats.sidecars import storable
from perf_pipeline.formats.workouts import (
    MAX_STEPS,
    Intensity,
    Item,
    Quantity,
    Step,
    Target,
    Workout,
    folded,
    written_out,
)

_SECTION = re.compile(r"\[\s*(END\s+)?COURSE\s+(HEADER|DATA|TEXT)\s*\]", re.IGNORECASE)
_MARK = re.compile(rb"\[\s*COURSE\s+HEADER\s*\]", re.IGNORECASE)
_LONGEST_LINE = 500
_EASY_SHARE = 0.75
"""Stretches below this share of the hardest one are the rests between: the format itself does not say."""


def looks_like_erg(data: bytes) -> bool:
    """Whether the text has a course header."""
    return _MARK.search(data[:4096]) is not None


def is_percent(data: bytes) -> bool:
    """Whether the course is of per cent (MRC) and not of watts."""
    return re.search(rb"MINUTES\s+PERCENT", data[:65_536], re.IGNORECASE) is not None


def read_erg(data: bytes) -> Workout:
    """The workout in an ERG or MRC file. Errors: the FormatError family."""
    header: dict[str, str] = {}
    points: list[tuple[float, float]] = []
    section = ""
    for number, raw in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        line = raw.strip()[:_LONGEST_LINE]
        mark = _SECTION.fullmatch(line)
        if mark is not None:
            section = "" if mark[1] else mark[2].upper()
        elif section == "HEADER" and line:
            key, _, value = line.partition("=")
            header[" ".join(key.upper().split())] = storable(value).strip()
        elif section == "DATA" and line:
            points.append(_point(line, number))
            if len(points) > 3 * MAX_STEPS:
                raise HostileFileError(f"more than {3 * MAX_STEPS} points, which is more than {MAX_STEPS} steps")
    percent = "MINUTES PERCENT" in header
    if not percent and "MINUTES WATTS" not in header:
        raise CorruptFileError("a course of neither watts nor per cent")
    return Workout(
        name=header.get("DESCRIPTION") or header.get("FILE NAME") or "Workout",
        sport="bike",
        items=_items(points, percent=percent),
        threshold=None if percent else _ftp(header.get("FTP")),
    )


def _point(line: str, number: int) -> tuple[float, float]:
    cells = line.replace(",", " ").replace(";", " ").split()
    try:
        minutes, value = (float(cell) if len(cell) < 50 else math.nan for cell in cells[:2])
    except ValueError:
        raise CorruptFileError("a course point is not two numbers", line=number) from None
    if not (math.isfinite(minutes) and math.isfinite(value) and 0 <= minutes <= 1440 and 0 <= value <= 1e5):
        raise CorruptFileError("a course point beyond what a day can hold", line=number)
    return minutes, value


def _ftp(word: str | None) -> float | None:
    try:
        value = float(word) if word and len(word) < 20 else math.nan
    except ValueError:
        return None
    return value if 20 <= value <= 2500 else None


def _items(points: Sequence[tuple[float, float]], *, percent: bool) -> tuple[Item, ...]:
    highest = max((value for _, value in points), default=0.0)
    by = 100.0 if percent else 1.0
    steps: list[Step] = []
    for (before, first), (after, second) in pairwise(points):
        if after < before:
            raise CorruptFileError("a course that goes back in time")
        seconds = round(60 * (after - before), 2)
        if seconds == 0:
            continue
        easy = (first + second) / 2 < _EASY_SHARE * highest
        target = Target(Quantity.POWER, first / by, second / by, relative=percent, ramp=first != second)
        steps.append(Step(Intensity.REST if easy else Intensity.WORK, seconds, None, target))
    return folded(_with_ends(steps))


def _with_ends(steps: list[Step]) -> list[Step]:
    """What is easy before the first work is the warm-up, after the last the cool-down, but for a last rest."""
    working = [index for index, step in enumerate(steps) if step.intensity is Intensity.WORK]
    if not working:
        return steps
    first, last = working[0], working[-1]
    if any(step in steps[first:last] for step in steps[last + 1 : last + 2]):
        last += 1
    return [
        *(replace(step, intensity=Intensity.WARMUP) for step in steps[:first]),
        *steps[first : last + 1],
        *(replace(step, intensity=Intensity.COOLDOWN) for step in steps[last + 1 :]),
    ]


def write_erg(workout: Workout, threshold_watts: float) -> bytes:
    """The workout as an ERG file in watts; `threshold_watts` turns shares into watts and stands in the header.

    ValueError for what the format cannot say: a target that is not of power, a step that does not end by time.
    """
    lines = [
        "[COURSE HEADER]",
        "VERSION = 2",
        "UNITS = METRIC",
        f"DESCRIPTION = {_plain(workout.name)}",
        f"FTP = {threshold_watts:.0f}",
        "MINUTES WATTS",
        "[END COURSE HEADER]",
        "[COURSE DATA]",
    ]
    clock = 0.0
    for step in written_out(workout.items):
        if step.seconds is None:
            raise ValueError("ERG has only steps that end by time")
        if step.target is None or step.target.quantity is not Quantity.POWER:
            raise ValueError("ERG has only targets of power")
        by = threshold_watts if step.target.relative else 1.0
        ends = (step.target.begin, step.target.end) if step.target.ramp else (step.target.middle,) * 2
        lines.append(f"{clock / 60:.4f}\t{ends[0] * by:.0f}")
        clock += step.seconds
        lines.append(f"{clock / 60:.4f}\t{ends[1] * by:.0f}")
    return "\r\n".join([*lines, "[END COURSE DATA]", ""]).encode()


def _plain(words: str) -> str:
    return " ".join(words.replace("[", "(").replace("]", ")").split())
