"""The FIT reader on real files: nothing lost, nothing untyped, and every cell of a record as fitdecode has it.

By default a sample is compared cell by cell; `PERF_TEST_EXHAUSTIVE=1` compares all.
"""

from __future__ import annotations

import csv
import math
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perf_pipeline.formats import fit
from perf_pipeline.formats.fit_records import Records
from perf_pipeline.formats.fit_scan import scan
from perf_pipeline.formats.model import FormatError

pytestmark = pytest.mark.corpus

_EXHAUSTIVE = os.environ.get("PERF_TEST_EXHAUSTIVE") == "1"
_SAMPLE, _LARGEST_OF_SAMPLE = 40, 60_000

_CANONICAL = {
    "position_lat": "latitude_degrees", "position_long": "longitude_degrees", "heart_rate": "heart_rate_bpm",
    "distance": "distance_meters", "power": "power_watts", "temperature": "temperature_celsius",
    "altitude": "altitude_meters", "enhanced_altitude": "altitude_meters", "speed": "speed_mps",
    "enhanced_speed": "speed_mps", "cadence": "cadence_rpm", "cycle_length16": "cycle_length",
    "enhanced_respiration_rate": "respiration_rate",
}  # fmt: skip
# What fitdecode shows that is no column of ours: the clock, parts of other columns, indexes, packed originals.
_NOT_COLUMNS = {
    "timestamp", "fractional_cadence", "device_index", "compressed_speed_distance", "cycles",
    "compressed_accumulated_power", "cadence256",
}  # fmt: skip


def manifest(corpus: Path) -> list[dict[str, str]]:
    with (corpus / "MANIFEST.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [row for row in rows if row["file"].startswith("fit/") and not row["container"]]


def test_every_file_is_read_or_refused_with_a_typed_error(corpus_dir: Path) -> None:
    refused = []
    for row in manifest(corpus_dir):
        data = (corpus_dir / row["file"]).read_bytes()
        try:
            file = fit.read_fit(data)
            assert fit.identify_fit(data).kind is file.kind
        except FormatError as error:
            refused.append((row["bytes"], type(error).__name__))
    # What macOS leaves beside a file is no FIT file; all others give something.
    assert [name for _, name in refused] == ["UnknownFormatError"]


def test_every_record_is_read(corpus_dir: Path) -> None:
    """As many as the manifest counted, where two public readers agree on it and where they do not."""
    differing = {}
    for row in manifest(corpus_dir):
        if row["file_type"] != "activity":
            continue
        file = fit.read_fit((corpus_dir / row["file"]).read_bytes())
        count = sum(len(s.streams) for s in file.sessions)
        if count != int(row["n_records"] or 0):
            differing[row["file"]] = (count, row["n_records"])
    assert differing == {}


def test_kinds_are_those_of_the_manifest(corpus_dir: Path) -> None:
    kinds = {"activity": "activity", "monitoring_b": "wellness", "workout": "workout", "settings": "settings",
             "weight": "wellness", "course": "course"}  # fmt: skip
    for row in manifest(corpus_dir):
        if row["file_type"]:
            data = (corpus_dir / row["file"]).read_bytes()
            assert fit.identify_fit(data).kind.value == kinds[row["file_type"]], row["file"]


def test_files_that_lost_bytes_say_so(corpus_dir: Path) -> None:
    for row in manifest(corpus_dir):
        if any(sign in row["note"] for sign in ("truncated_in_data", "data_size_zero", "undefined_local_type")):
            file = fit.read_fit((corpus_dir / row["file"]).read_bytes())
            assert file.partial, row["file"]
            assert file.warnings, row["file"]


def test_cells_are_those_of_fitdecode(corpus_dir: Path) -> None:
    compared = 0
    for row in chosen(manifest(corpus_dir)):
        data = (corpus_dir / row["file"]).read_bytes()
        theirs = decoded(data)
        if theirs is None or row["file_type"] != "activity":
            continue
        differences, cells = compare(records_of(data), theirs)
        assert differences - _EXPLAINED.get(Path(row["file"]).stem, set()) == set(), row["file"]
        compared += cells
    assert compared > 100_000


def chosen(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    if _EXHAUSTIVE:
        return rows
    rows = sorted((r for r in rows if int(r["bytes"]) <= _LARGEST_OF_SAMPLE), key=lambda r: r["sha256_of_this_file"])
    return rows[:_SAMPLE]


def records_of(data: bytes) -> Records:
    records, _ = fit._read_parts(data, scan(data, fit._WANTED), [])
    return records


def decoded(data: bytes) -> list[dict[str, Any]] | None:
    """The records as fitdecode has them, None where it cannot read the file."""
    import fitdecode

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fitdecode.FitReader(data, check_crc=fitdecode.CrcCheck.DISABLED) as reader:
                return [
                    dict(cells(m))
                    for m in reader
                    if isinstance(m, fitdecode.FitDataMessage) and m.global_mesg_num == 20
                ]
        except Exception:  # noqa: BLE001 - it raises much on valid files; those are not an oracle
            return None


def cells(message: Any) -> Iterator[tuple[str, Any]]:
    """(our name, value) of the cells of one record; the enhanced field comes over the plain one."""
    found: dict[str, Any] = {}
    fraction = 0.0
    for f in message.fields:
        name, value = f.name, f.value
        if isinstance(value, str):
            value = f.raw_value  # an enumeration
        if value is None or isinstance(value, (bytes, bytearray)):
            continue
        if name == "fractional_cadence":
            fraction = value
        if name in _NOT_COLUMNS or name.startswith("unknown_") or not is_number(value):
            continue
        if is_developer(f):
            name = "developer " + slug(name)
        elif name in ("position_lat", "position_long"):
            value = value * 180 / 2**31
        elif name == "left_right_balance":
            name, value = (
                ("left_right_balance" if f.raw_value & 0x80 else "balance_of_unknown_side"),
                f.raw_value & 0x7F,
            )
        key = _CANONICAL.get(name, name)
        if name in _CANONICAL and isinstance(value, tuple):
            value = value[0]  # room for a second value that never comes
            if value is None:
                continue
        if not (key in found and name in ("altitude", "speed", "cycle_length", "respiration_rate")):
            found.setdefault(key, value) if not name.startswith("enhanced") else found.update({key: value})
    if "cadence_rpm" in found:
        found["cadence_rpm"] += fraction
    return iter(found.items())


def is_developer(f: Any) -> bool:
    return f.field is not None and f.field.field_type == "devfield"


def is_number(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(is_number(v) for v in value)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()).strip("_")


def compare(ours: Records, theirs: list[dict[str, Any]]) -> tuple[set[str], int]:
    """The columns that differ, and how many cells were compared."""
    differing: set[str] = set()
    if len(ours) != len(theirs):
        return {f"count {len(ours)} != {len(theirs)}"}, 0
    total = 0
    names = {name for record in theirs for name in record}
    plain = {n for n in ours.channels if not re.search(r"_\d+$", n)}
    for name in names:
        values = [record.get(name) for record in theirs]
        width = max(len(v) if isinstance(v, tuple) else 0 for v in values)
        for i in range(max(width, 1)):
            column = np.array([number_of(v, i if width else None) for v in values], np.float64)
            if np.isnan(column).all():
                continue
            channel = name.removeprefix("developer ") + (f"_{i + 1}" if width else "")
            found = ours.channels.get(channel + "_developer", ours.channels.get(channel))
            if name == channel:
                found = ours.channels.get(channel)
            total += int(np.count_nonzero(~np.isnan(column)))
            if found is None or not np.allclose(found, column, rtol=1e-9, atol=1e-9, equal_nan=True):
                differing.add(channel)
            plain.discard(channel)
            plain.discard(channel + "_developer")
    return differing | {f"only ours: {name}" for name in plain}, total


def number_of(value: Any, i: int | None) -> float:
    if isinstance(value, tuple):
        value = value[i or 0] if (i or 0) < len(value) else None
    return float(value) if is_number(value) else np.nan


# By file: the columns that differ from fitdecode's, and why ours is right.
_EXPLAINED: dict[str, set[str]] = {}
