"""The one door: what a file is, and what it says."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest

from perf_pipeline.formats import containers, gpx
from perf_pipeline.formats.model import (
    ActivityFile,
    CorruptFileError,
    EmptyFileError,
    FileFormat,
    FileKind,
    FormatError,
    HostileFileError,
    UnknownFormatError,
)
from perf_pipeline.formats.reading import identify, read

GPX = b'<gpx><trk><trkseg><trkpt lat="1" lon="2"><time>2020-01-01T12:00:00Z</time></trkpt></trkseg></trk></gpx>'
TCX = (
    b'<TrainingCenterDatabase><Activities><Activity Sport="Running"><Lap StartTime="2020-01-01T12:00:00Z"><Track>'
    b"<Trackpoint><Time>2020-01-01T12:00:00Z</Time></Trackpoint></Track></Lap></Activity></Activities>"
    b"</TrainingCenterDatabase>"
)
CSV = b"date,metric,value\n2020-01-01,weight_kg,70\n"


@pytest.mark.parametrize(
    ("data", "name", "form", "kind"),
    [
        (GPX, "ride.fit", FileFormat.GPX, FileKind.ACTIVITY),
        (TCX, "", FileFormat.TCX, FileKind.ACTIVITY),
        (CSV, "scale.txt", FileFormat.CSV, FileKind.WELLNESS),
        (b"a,b\n1,2\n", "activities.csv", FileFormat.CSV, FileKind.OTHER),
        (b"name: x\n", "ride.fit.yaml", FileFormat.YAML, FileKind.SIDECAR),
        (b"sex: f\n", "a/profile.yaml", FileFormat.YAML, FileKind.PROFILE),
        (GPX, "profile.yaml", FileFormat.GPX, FileKind.ACTIVITY),
    ],
)
def test_the_bytes_decide_and_the_name_only_tells_yaml_and_tables(data, name, form, kind) -> None:
    assert (identify(data, name).format, identify(data, name).kind) == (form, kind)


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        b"<html><body></body></html>",
        b"<!DOCTYPE html><html></html>",
        b"<kml/>",
        b"name: x",
        b"{}",
        gzip.compress(GPX, mtime=0),
        bytes(range(256)),
    ],
)
def test_what_we_do_not_know_is_unknown(data: bytes) -> None:
    for door in (identify, read):
        with pytest.raises(UnknownFormatError):
            door(data)


@pytest.mark.parametrize("data", [b"", b" \n\t", b"\0" * 100])
def test_nothing_is_empty(data: bytes) -> None:
    for door in (identify, read):
        with pytest.raises(EmptyFileError):
            door(data)


def test_reading_goes_to_the_reader_of_the_format() -> None:
    assert [read(data).format for data in (GPX, TCX, CSV)] == [FileFormat.GPX, FileFormat.TCX, FileFormat.CSV]


def test_what_ours_refuses_is_read_by_the_reference_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: bytes) -> ActivityFile:
        raise CorruptFileError("nothing to keep", line=3)

    monkeypatch.setattr(gpx, "read_gpx", refuse)
    file = read(GPX)
    assert file.reader != "perf_pipeline"
    assert file.warnings[0] == f"read by {file.reader} because: nothing to keep in line 3"
    assert len(file.sessions[0].streams) == 1
    with pytest.raises(CorruptFileError):
        read(GPX, fallback=False)


def test_where_both_refuse_ours_has_the_word() -> None:
    with pytest.raises(CorruptFileError, match="GPX"):
        read(b"<gpx><trk")


def test_a_hostile_file_is_shown_to_no_second_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perf_pipeline.formats.reference.read_reference", lambda _: pytest.fail("asked"))
    with pytest.raises(HostileFileError):
        read(b"<!DOCTYPE gpx>" + GPX)


@pytest.mark.corpus
def test_every_real_file_is_identified_as_it_is_read(corpus_dir: Path) -> None:
    """Two of 1,200 are not what their name says; no other is refused."""
    refused, formats = [], Counter[FileFormat]()
    for path in sorted(p for p in corpus_dir.rglob("*.*") if p.parent != corpus_dir):
        for member in containers.unpack(path.read_bytes(), path.name):
            try:
                identity = identify(member.data, member.name)
            except FormatError:
                refused.append(member.name)
                continue
            formats[identity.format] += 1
            if identity.format is not FileFormat.FIT:
                file = read(member.data, fallback=False)
                assert (file.format, file.kind) == (identity.format, identity.kind), member.name
    assert [name for name in refused if name.endswith("gpx")] == [
        "gpsb-trackfilter_discard_err.gpx",
        "sgpx-not_gpx_root.gpx",
    ]
    assert (formats[FileFormat.GPX], formats[FileFormat.TCX]) == (213, 42)
