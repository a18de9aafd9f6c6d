"""Digests of source files that are kept between processes: never another answer than that of the source itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from perf_pipeline.pipeline import code_digests
from perf_pipeline.pipeline.code_digests import Digests, digest

SOURCE = b"from perf_pipeline.storage import ids\nX = 1\n"
OTHER = SOURCE.replace(b"1", b"2")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "__pycache__" / "digests.json"


def kept(place: Path, *sources: bytes) -> Digests:
    digests = Digests(place)
    for source in sources:
        digests.of(source)
    digests.keep()
    return digests


def test_what_is_kept_is_found_again_without_the_source_being_parsed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(place, SOURCE)
    monkeypatch.setattr(code_digests, "digest", lambda source: pytest.fail("parsed again"))
    assert Digests(place).of(SOURCE) == digest(SOURCE)


def test_an_edit_of_the_same_length_and_date_has_a_digest_of_its_own(place: Path) -> None:
    kept(place, SOURCE)
    assert Digests(place).of(OTHER) == digest(OTHER) != digest(SOURCE)


@pytest.mark.parametrize("damage", [lambda text: text[:-9], lambda text: text.replace("[", "[["), lambda text: ""])
def test_a_damaged_file_is_no_answer(place: Path, damage) -> None:
    kept(place, SOURCE)
    place.write_text(damage(place.read_text()))
    assert kept(place, SOURCE).of(SOURCE) == digest(SOURCE)
    assert Digests(place)._known == {code_digests.hashlib.sha256(SOURCE).hexdigest(): digest(SOURCE)}


def test_a_digest_changed_by_hand_is_no_answer(place: Path) -> None:
    kept(place, SOURCE)
    place.write_text(place.read_text().replace(digest(SOURCE)[0], "0" * 64))
    assert Digests(place).of(SOURCE) == digest(SOURCE)


def test_two_processes_keep_what_both_have_found(place: Path) -> None:
    one, two = Digests(place), Digests(place)
    one.of(SOURCE)
    two.of(OTHER)
    one.keep()
    two.keep()
    assert len(Digests(place)._known) == 2


def test_versions_that_nobody_asks_for_are_let_go_in_the_end(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(place, SOURCE)
    monkeypatch.setattr(code_digests, "MOST_KEPT", 1)
    kept(place, OTHER)
    assert list(Digests(place)._known.values()) == [digest(OTHER)]


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "file").write_text("in the way")
    assert kept(tmp_path / "file" / "digests.json", SOURCE).of(SOURCE) == digest(SOURCE)


def test_nothing_is_written_where_python_may_not_write_bytecode(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    kept(place, SOURCE)
    assert not place.exists()
