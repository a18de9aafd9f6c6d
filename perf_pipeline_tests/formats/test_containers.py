"""What comes out of archives, what is said of what does not, and what is refused."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Mapping

import pytest

from perf_pipeline.formats import containers
from perf_pipeline.formats.containers import Member, strava_index, unpack
from perf_pipeline.formats.model import CorruptFileError, FormatError, HostileFileError
from perf_pipeline.formats.sidecars import Sidecar


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def names(data: bytes, name: str = "outer.zip") -> list[tuple[str, bytes]]:
    return [(m.name, m.data) for m in unpack(data, name)]


def test_a_plain_file_is_its_own_only_member() -> None:
    assert list(unpack(b"hello", "a.fit")) == [Member("a.fit", b"hello")]


def test_gzip_keeps_the_outer_name() -> None:
    assert names(gzip.compress(b"hello"), "a.fit.gz") == [("a.fit.gz", b"hello")]


def test_gzip_of_several_streams_and_padding_is_one_file() -> None:
    assert names(gzip.compress(b"one") + gzip.compress(b"two") + b"\0" * 9, "a.gz") == [("a.gz", b"onetwo")]


def test_a_container_is_known_by_its_bytes_though_named_fit() -> None:
    assert names(zipped({"x.fit": b"1"}), "ride.fit") == [("ride.fit!x.fit", b"1")]


def test_zips_in_zips_and_gzips_in_zips_come_out_flat() -> None:
    inner = zipped({"c.fit": b"3"})
    outer = zipped({"DI_CONNECT/DI-Connect-Uploaded-Files/part.zip": inner, "b.fit.gz": gzip.compress(b"2")})
    assert names(outer) == [
        ("outer.zip!DI_CONNECT/DI-Connect-Uploaded-Files/part.zip!c.fit", b"3"),
        ("outer.zip!b.fit.gz", b"2"),
    ]


def test_what_systems_leave_in_archives_is_no_member() -> None:
    litter = {"a/": b"", "__MACOSX/a/._x.fit": b"1", "a/._x.fit": b"1", "a/.DS_Store": b"1", "a/x.fit": b"2"}
    assert names(zipped(litter)) == [("outer.zip!a/x.fit", b"2")]


def test_an_empty_zip_has_no_member() -> None:
    assert names(zipped({})) == []


def test_names_are_labels_without_control_characters() -> None:
    found = names(zipped({"../../etc/passwd": b"1", "a\nb\x1b[31m.fit": b"2"}))
    assert found == [("outer.zip!../../etc/passwd", b"1"), ("outer.zip!a_b_[31m.fit", b"2")]


def test_a_broken_member_does_not_lose_the_others() -> None:
    data = bytearray(zipped({"a.fit": b"a" * 1000, "b.fit": b"b" * 1000, "c.fit": b"c"}, zipfile.ZIP_STORED))
    data[data.index(b"b" * 1000) + 5] ^= 1  # the checksum no longer holds
    found = list(unpack(bytes(data), "z"))
    assert [(m.name, len(m.data), type(m.error)) for m in found] == [
        ("z!a.fit", 1000, type(None)),
        ("z!b.fit", 0, CorruptFileError),
        ("z!c.fit", 1, type(None)),
    ]


def test_an_encrypted_member_is_a_typed_error() -> None:
    data = bytearray(zipped({"a.fit": b"a"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (member,) = unpack(bytes(data), "z")
    assert (member.data, str(member.error)) == (b"", "the zip member is encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_let_a_header_ask_for_memory_are_refused(method: int) -> None:
    (member,) = unpack(zipped({"a.fit": b"a" * 100}, method), "z")
    assert isinstance(member.error, FormatError)


def test_a_zip_that_lost_its_directory_gives_what_is_before_the_cut() -> None:
    payload = random.Random(1).randbytes(3000)
    whole = zipped({"a.fit": b"a" * 50, "b.fit": payload})
    found = list(unpack(whole[:2000], "z"))
    assert (found[0].name, found[0].data) == ("z!a.fit", b"a" * 50)
    assert payload.startswith(found[1].data)
    assert len(found[1].data) > 1500
    assert isinstance(found[-1].error, CorruptFileError)


def test_a_cut_gzip_gives_what_came_out_and_says_so() -> None:
    payload = random.Random(2).randbytes(5000)
    (member,) = unpack(gzip.compress(payload)[:3000], "a.gz")
    assert payload.startswith(member.data)
    assert len(member.data) > 2000
    assert member.warning == "the gzip data end early at byte 3000"


def test_a_gzip_of_nothing_but_a_header_is_an_error() -> None:
    (member,) = unpack(gzip.compress(b"x" * 100)[:10], "a.gz")
    assert isinstance(member.error, CorruptFileError)


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(HostileFileError, match="200 times"):
        list(unpack(gzip.compress(b"\0" * 30_000_000), "bomb.gz"))


def test_a_zip_bomb_is_refused_whatever_its_header_declares() -> None:
    data = bytearray(zipped({"bomb": b"\0" * 30_000_000}))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 100)  # it says a hundred bytes
    try:
        members = list(unpack(bytes(data), "z"))
    except HostileFileError:
        return
    assert sum(len(m.data) for m in members) <= 100


def test_bombs_inside_of_bombs_count_together() -> None:
    with pytest.raises(HostileFileError):
        list(unpack(zipped({str(i): gzip.compress(b"\0" * 4_000_000) for i in range(5)}), "z"))


def test_containers_nested_too_deep_are_refused() -> None:
    data = b"x"
    for _ in range(containers.MAX_DEPTH + 1):
        data = gzip.compress(data)
    with pytest.raises(HostileFileError, match="deep"):
        list(unpack(data, "a"))


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_MEMBERS", 10)
    with pytest.raises(HostileFileError, match="members"):
        list(unpack(zipped({str(i): b"x" for i in range(11)}), "z"))


def test_damaged_archives_raise_nothing_but_hostile() -> None:
    rng = random.Random(3)
    whole = zipped({"a.fit": b"a" * 300, "d/b.gz": gzip.compress(b"b" * 300), "activities.csv": b"Filename\nx\n"})
    for source in (whole, gzip.compress(whole)):
        for _ in range(1500):
            data = bytearray(source)
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            try:
                members = list(unpack(bytes(data[: rng.randint(1, len(data))]), "z"))
            except HostileFileError:
                continue
            assert all(isinstance(m, Member) for m in members)


STRAVA = (
    "Activity ID,Activity Date,Activity Name,Activity Type,Activity Description,"
    "Elapsed Time,Distance,Filename,Distance\n"
    '1,"Jan 1, 2020",Morning Ride,Ride,"two\nlines",3600,30,activities/1.fit.gz,30000\n'
    '2,"Jan 2, 2020",Lunch Run,Run,,1800,5,activities/2.gpx,5000\n'
    '3,"Jan 3, 2020",By hand,Workout,,1800,,,\n'
)


def test_a_strava_index_gives_name_type_and_notes_by_file() -> None:
    assert strava_index(STRAVA.encode()) == {
        "activities/1.fit.gz": Sidecar("Morning Ride", "two\nlines", "Ride"),
        "activities/2.gpx": Sidecar("Lunch Run", None, "Run"),
    }


def test_a_strava_index_in_another_language_goes_by_the_columns_place() -> None:
    header = "ID,Datum,Name der Aktivität,Typ,Beschreibung,Zeit,Distanz,Dateiname,Distanz"
    german = STRAVA.replace(STRAVA.partition("\n")[0], header)
    assert strava_index(german.encode("utf-8-sig"))["activities/2.gpx"] == Sidecar("Lunch Run", None, "Run")


def test_another_table_is_no_strava_index() -> None:
    assert strava_index(b"date,metric,value\n2020-01-01,weight_kg,70\n") == {}
    assert strava_index(b"") == {}


@pytest.mark.parametrize("folder", ["", "export_1/"])
def test_members_of_a_strava_export_carry_what_it_says(folder: str) -> None:
    files = {
        "activities/1.fit.gz": gzip.compress(b"ride"),
        "activities/2.gpx": b"run",
        "activities.csv": STRAVA.encode(),
    }
    found = {m.name: m.sidecar for m in unpack(zipped({folder + k: v for k, v in files.items()}), "z")}
    assert found[f"z!{folder}activities/1.fit.gz"] == Sidecar("Morning Ride", "two\nlines", "Ride")
    assert found[f"z!{folder}activities/2.gpx"] == Sidecar("Lunch Run", None, "Run")
    assert found[f"z!{folder}activities.csv"] is None


def test_a_member_without_a_name_is_a_file_as_any_other() -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"x")
        archive.writestr("b.fit", b"y")
    assert [(m.name, m.data) for m in unpack(sink.getvalue(), "a.zip")] == [("a.zip!", b"x"), ("a.zip!b.fit", b"y")]


def test_what_an_export_tells_can_be_stored() -> None:
    table = b"Activity Name,Activity Type,Filename\nA\x00B\x1b,Ride,activities/1.fit\n"
    assert strava_index(table)["activities/1.fit"].name == "A B"
