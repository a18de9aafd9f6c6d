"""The one door for planned workouts: bytes of whatever kind to `Workout`, and the day that a name tells."""

from __future__ import annotations

import datetime as dt
import re

from perf_pipeline.formats import workouts_erg, workouts_fit, workouts_yaml, workouts_zwo, xml_safety
from perf_pipeline.formats.model import EmptyFileError, FileFormat, HostileFileError, UnknownFormatError
from perf_pipeline.formats.workouts import MAX_BYTES, Workout

FOLDER = "workouts/"
"""Below the athlete's inbox: YAML with steps in this folder is a workout, elsewhere it is a sidecar."""
_DAY = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)", re.ASCII)


def read_workout(data: bytes) -> Workout:
    """The workout in FIT, ZWO, ERG, MRC or YAML. Errors: the FormatError family."""
    if not data:
        raise EmptyFileError("the file has no bytes")
    if len(data) > MAX_BYTES:
        raise HostileFileError(f"more than {MAX_BYTES} bytes for a workout")
    match workout_format(data):
        case FileFormat.FIT:
            return workouts_fit.read_fit_workout(data)
        case FileFormat.ZWO:
            return workouts_zwo.read_zwo(data)
        case FileFormat.ERG | FileFormat.MRC:
            return workouts_erg.read_erg(data)
        case FileFormat.YAML:
            return workouts_yaml.read_workout_yaml(data)
        case _:
            raise UnknownFormatError("neither a FIT, ZWO, ERG, MRC nor YAML workout")


def workout_format(data: bytes) -> FileFormat:
    """How the bytes of a workout are written; YAML is what is left of text. HostileFileError for a DOCTYPE."""
    if data[8:12] == b".FIT":
        return FileFormat.FIT
    if xml_safety.looks_like_xml(data):
        return FileFormat.ZWO if xml_safety.root_name(data) == workouts_zwo.ROOT else FileFormat.UNKNOWN
    if workouts_erg.looks_like_erg(data):
        return FileFormat.MRC if workouts_erg.is_percent(data) else FileFormat.ERG
    return FileFormat.UNKNOWN if b"\x00" in data[:4096] else FileFormat.YAML


def day_in(name: str) -> dt.date | None:
    """The day that a file's own name begins with or holds, None where it holds none.

    >>> day_in("workouts/2026-11-28 threshold.zwo")
    datetime.date(2026, 11, 28)
    """
    for year, month, day in _DAY.findall(name.replace("\\", "/").rpartition("/")[2]):
        try:
            return dt.date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def is_in_folder(name: str) -> bool:
    """Whether a name lies in the folder of planned workouts."""
    return name.replace("\\", "/").lstrip("/").lower().startswith(FOLDER)
