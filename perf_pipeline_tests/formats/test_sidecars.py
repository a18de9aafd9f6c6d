"""What people write beside their files."""

from __future__ import annotations

import datetime as dt

import pytest

from perf_pipeline.formats.model import CorruptFileError, EmptyFileError, FormatError, HostileFileError
from perf_pipeline.formats.sidecars import Profile, Sidecar, is_profile_name, read_profile, read_sidecar


def test_a_sidecar_gives_name_notes_and_type() -> None:
    assert read_sidecar(b"name: Sunday ride\nnotes: |\n  windy\n  cold\ntype: bike\n") == Sidecar(
        "Sunday ride", "windy\ncold", "bike"
    )


def test_what_is_not_said_is_none() -> None:
    assert read_sidecar(b"name:\ntype: run") == Sidecar(type="run")


def test_a_profile_is_typed() -> None:
    given = b"sex: F\nbirth_date: 1990-12-31\ntimezone: Europe/Zurich\ndisplay_name: A\n"
    assert read_profile(given) == Profile("female", dt.date(1990, 12, 31), "Europe/Zurich", "A")
    assert read_profile(b'birth_date: "1990-12-31"').birth_date == dt.date(1990, 12, 31)


def test_unknown_keys_are_listed_and_change_nothing() -> None:
    assert read_sidecar(b"name: a\nmood: good\nnots: x\n") == Sidecar("a", warnings=("2 unknown keys: mood, nots",))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sex: often", "sex"),
        ("birth_date: soon", "birth_date"),
        ("birth_date: 5", "birth_date"),
        ("timezone: Middle/Earth", "timezone"),
        ("timezone: ../../etc/passwd", "timezone"),
        ("display_name: [1, 2]", "display_name"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_key_alone(text: str, key: str) -> None:
    with pytest.raises(FormatError, match=key) as caught:
        read_profile(text.encode())
    assert text.partition(": ")[2] not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["- a\n- b", "just words", "a: [", "a: b: c", "x: 2020-99-99", "\x00", "!!python/object:os.system {}"]
)
def test_what_is_no_mapping_is_corrupt(text: str) -> None:
    with pytest.raises(CorruptFileError):
        read_sidecar(text.encode())


def test_bytes_that_are_no_text_are_corrupt_and_none_are_empty() -> None:
    with pytest.raises(CorruptFileError):
        read_sidecar(b"name: \xff\xfe")
    with pytest.raises(EmptyFileError):
        read_sidecar(b" \n")


@pytest.mark.parametrize(
    "data",
    [b"name: " + b"x" * 70_000, b"a: &a [1]\nb: [*a, *a]", b"name: " + b"[" * 500, b"name: " + b"{a: " * 500],
)
def test_what_could_exhaust_memory_or_stack_is_refused(data: bytes) -> None:
    with pytest.raises(HostileFileError):
        read_sidecar(data)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("profile.yaml", True), ("inbox/a/Profile.YML", True), ("a\\profile.yaml", True), ("my-profile.yaml", False)],
)
def test_a_profile_goes_by_its_name(name: str, *, expected: bool) -> None:
    assert is_profile_name(name) is expected


@pytest.mark.parametrize("text", [b"!!float ''", b"!!bool x", b"!!timestamp x", b"!!int ''", b"_._"])
def test_values_that_yaml_promises_and_cannot_make_are_typed_errors(text: bytes) -> None:
    with pytest.raises(FormatError):
        read_sidecar(b"other: " + text + b"\nname: [1]")


@pytest.mark.parametrize(("text", "told"), [(rb'"a\0b"', "a b"), (rb'"a\ud800b"', "a?b"), (rb'"a\nb\tc"', "a\nb\tc")])
def test_texts_are_what_can_be_stored(text: bytes, told: str) -> None:
    assert read_sidecar(b"name: " + text).name == told
