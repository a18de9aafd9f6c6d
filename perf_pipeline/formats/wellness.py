"""Wellness values from CSV: one row for each value, `date, metric, value` and, if wanted, `unit` and `source`."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping

from perf_pipeline.formats.model import (
    ActivityFile,
    FileFormat,
    FileKind,
    HostileFileError,
    Identity,
    UnknownFormatError,
    WellnessSample,
)
from perf_pipeline.formats.sidecars import storable
from perf_pipeline.formats.xml_columns import NO_TIME, time_ms

MAX_BYTES = 50_000_000
_COLUMNS = frozenset({"date", "metric", "value"})
_MAX_WARNINGS = 20
_MAX_SOURCE = 100
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

# Unit words of each metric and how to come to its own unit. No unit means the metric's own.
_POUND_KG = 0.45359237
_UNITS: Mapping[str, Mapping[str, Callable[[float], float]]] = {
    "weight_kg": {"kg": float, "lb": lambda v: v * _POUND_KG, "lbs": lambda v: v * _POUND_KG, "g": lambda v: v / 1000},
    "resting_hr_bpm": {"bpm": float},
    "sleep_hours": {
        "h": float, "hours": float, "hour": float, "min": lambda v: v / 60, "minutes": lambda v: v / 60,
        "s": lambda v: v / 3600, "seconds": lambda v: v / 3600,
    },
    "hrv_ms": {"ms": float, "s": lambda v: v * 1000},
}  # fmt: skip


def looks_like_wellness(data: bytes) -> bool:
    """Whether the first line names the columns date, metric and value."""
    header = _header(_first_line(data))
    return header is not None and set(header) >= _COLUMNS


def identify_csv(data: bytes) -> Identity:
    """WELLNESS with the first row's time, or OTHER for text that is a table of something else."""
    if not looks_like_wellness(data):
        return Identity(FileFormat.CSV, FileKind.OTHER)
    file = read_wellness(data)
    return Identity(FileFormat.CSV, FileKind.WELLNESS, file.wellness[0].time_ms if file.wellness else None)


def read_wellness(data: bytes) -> ActivityFile:
    """The samples of a wellness CSV in the order of its rows; rows that make no sense become warnings by line.

    UnknownFormatError for text that is not a wellness table, HostileFileError past 50 MB.
    """
    if len(data) > MAX_BYTES:
        raise HostileFileError(f"more than {MAX_BYTES} bytes of CSV")
    header = _header(_first_line(data))
    if header is None or not set(header) >= _COLUMNS:
        raise UnknownFormatError("no columns date, metric and value")
    samples: list[WellnessSample] = []
    warnings: list[str] = []
    for line, row in _rows(_text(data), header):
        sample = row if isinstance(row, str) else _sample(row)
        if isinstance(sample, WellnessSample):
            samples.append(sample)
        else:
            warnings.append(f"line {line}: {sample}")
    if len(warnings) > _MAX_WARNINGS:
        rest = len(warnings) - _MAX_WARNINGS
        warnings[_MAX_WARNINGS:] = [f"{rest} more rows could not be read"]
    return ActivityFile(FileFormat.CSV, FileKind.WELLNESS, warnings=tuple(warnings), wellness=tuple(samples))


def _text(data: bytes) -> str:
    mark = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(mark)
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _first_line(data: bytes) -> str:
    lines = _text(data[:4096]).lstrip().splitlines()
    return lines[0] if lines else ""


def _header(line: str) -> list[str] | None:
    delimiter = _delimiter(line)
    cells = line.split(delimiter)
    return [cell.strip().strip("\"'").strip().lower() for cell in cells] if len(cells) >= 2 else None


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _rows(text: str, header: list[str]) -> Iterator[tuple[int, dict[str, str] | str]]:
    text = text.lstrip()
    delimiter = _delimiter(text.partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    next(reader, None)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num, "not a CSV row"
            continue
        if any(cell.strip() for cell in cells):
            yield reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=False))


def _sample(row: Mapping[str, str]) -> WellnessSample | str:
    """The sample, or what is wrong with the row in words that repeat none of it."""
    units = _UNITS.get(row.get("metric", "").lower())
    if units is None:
        return "unknown metric"
    day = row.get("date", "")
    time, _ = time_ms(f"{day}T00:00:00" if _DAY.fullmatch(day) else day)
    if time == NO_TIME:
        return "the date is neither a day nor a time"
    convert = units.get(row["unit"].lower()) if row.get("unit") else float
    if convert is None:
        return "unknown unit"
    try:
        value = convert(float(row.get("value", "")))
    except ValueError:
        return "the value is not a number"
    if not (math.isfinite(value) and value > 0):
        return "the value is not a positive number"
    source = storable(row.get("source", "")).strip()[:_MAX_SOURCE]
    return WellnessSample(row["metric"].lower(), value, time, source or None)
