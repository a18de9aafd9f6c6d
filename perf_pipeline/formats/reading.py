"""The one door: bytes of whatever kind to `Identity` and `ActivityFile`."""

from __future__ import annotations

from dataclasses import replace

from perf_pipeline.formats import (
    containers,
    gpx,
    sidecars,
    tcx,
    wellness,
    workouts_erg,
    workouts_reading,
    workouts_yaml,
    workouts_zwo,
    xml_safety,
)
from perf_pipeline.formats.model import (
    ActivityFile,
    EmptyFileError,
    FileFormat,
    FileKind,
    FormatError,
    HostileFileError,
    Identity,
    UnknownFormatError,
)

_FINAL = (HostileFileError, UnknownFormatError, EmptyFileError)
"""Errors after which no second reader is asked: it would be no wiser, or no safer."""


def identify(data: bytes, name: str = "") -> Identity:
    """What a file is, reading no more than that takes; its bytes decide.

    The name only tells YAML from text, and `profile.yaml`, workouts and sidecars from one another. Errors:
    EmptyFileError, UnknownFormatError for bytes of no kind that we know, HostileFileError, CorruptFileError.
    """
    match format_of(data, name):
        case FileFormat.FIT:
            from perf_pipeline.formats.fit import identify_fit

            return identify_fit(data)
        case FileFormat.GPX:
            return gpx.identify_gpx(data)
        case FileFormat.TCX:
            return tcx.identify_tcx(data)
        case FileFormat.CSV:
            return wellness.identify_csv(data)
        case FileFormat.ZWO | FileFormat.ERG | FileFormat.MRC as form:
            return Identity(form, FileKind.WORKOUT)
        case _:
            return Identity(FileFormat.YAML, _yaml_kind(data, name))


def _yaml_kind(data: bytes, name: str) -> FileKind:
    if sidecars.is_profile_name(name):
        return FileKind.PROFILE
    is_workout = workouts_reading.is_in_folder(name) and workouts_yaml.is_workout_mapping(data)
    return FileKind.WORKOUT if is_workout else FileKind.SIDECAR


def read(data: bytes, *, fallback: bool = True) -> ActivityFile:
    """Everything an activity, wellness or other data file says.

    With `fallback`, a file that our reader refuses is given to the reference readers, and `reader` and a warning say
    so. Errors: the FormatError family, our reader's own where both refuse.
    """
    form = format_of(data)
    try:
        return _read(data, form)
    except _FINAL:
        raise
    except FormatError as error:
        if not fallback or form is FileFormat.CSV:
            raise
        from perf_pipeline.formats.reference import read_reference

        try:
            second = read_reference(data)
        except FormatError:
            raise error from None
        return replace(second, warnings=(f"read by {second.reader} because: {error}", *second.warnings))


def format_of(data: bytes, name: str = "") -> FileFormat:
    """How the bytes are written: FIT, GPX, TCX, ZWO, ERG, MRC, CSV, and YAML where the name says so and they could be.

    EmptyFileError, UnknownFormatError, HostileFileError (a DOCTYPE).
    """
    if not data:
        raise EmptyFileError("the file has no bytes")
    if data[8:12] == b".FIT":
        return FileFormat.FIT
    if containers.is_container(data):
        raise UnknownFormatError("a container, to be unpacked first")
    if xml_safety.looks_like_xml(data):
        return _xml_format(data)
    if not data.strip(b" \t\r\n\x00"):
        raise EmptyFileError("the file has nothing but blanks")
    if workouts_erg.looks_like_erg(data) and _is_text(data):
        return FileFormat.MRC if workouts_erg.is_percent(data) else FileFormat.ERG
    if sidecars.is_yaml_name(name) and _is_text(data):
        return FileFormat.YAML
    if wellness.looks_like_wellness(data) or (_is_text(data) and name.lower().endswith(".csv")):
        return FileFormat.CSV
    raise UnknownFormatError("neither FIT, GPX, TCX, a workout nor a wellness table")


def _read(data: bytes, form: FileFormat) -> ActivityFile:
    if form is FileFormat.FIT:
        from perf_pipeline.formats.fit import read_fit

        return read_fit(data)
    if form is FileFormat.GPX:
        return gpx.read_gpx(data)
    if form is FileFormat.TCX:
        return tcx.read_tcx(data)
    if form in (FileFormat.ZWO, FileFormat.ERG, FileFormat.MRC):
        return ActivityFile(form, FileKind.WORKOUT)
    return wellness.read_wellness(data)


def _xml_format(data: bytes) -> FileFormat:
    head = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        raise UnknownFormatError("a web page")
    root = xml_safety.root_name(data)
    if root == "gpx":
        return FileFormat.GPX
    if root == tcx.ROOT:
        return FileFormat.TCX
    if root == workouts_zwo.ROOT:
        return FileFormat.ZWO
    raise UnknownFormatError("XML, but neither GPX, TCX nor ZWO")


def _is_text(data: bytes) -> bool:
    head = data[:4096]
    return b"\x00" not in head or head[:2] in (b"\xff\xfe", b"\xfe\xff")
