"""Where things lie, and who may have a folder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.pipeline import layout

ALLOWED = "abcdefghijklmnopqrstuvwxyz0123456789._-"


@given(st.text(ALLOWED, min_size=1, max_size=63))
def test_a_handle_is_up_to_63_plain_characters_beginning_with_a_letter_or_digit(text: str) -> None:
    assert layout.is_handle(text) == (text[0] not in "._-")


@pytest.mark.parametrize(
    "text", ["", "Ann", "a" * 64, "ann/bob", "ann|bob", "a,b", "ann\n", "ä", "../x", "a b", "_ann"]
)
def test_what_would_break_a_partition_key_or_a_path_is_no_handle(text: str) -> None:
    assert not layout.is_handle(text)


PARTS = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1).filter(
    lambda t: t not in {".", ".."}
)


@given(st.text(ALLOWED, min_size=1, max_size=63).filter(layout.is_handle), st.lists(PARTS, min_size=1).map("/".join))
def test_an_inbox_key_splits_into_what_it_was_made_of(handle: str, name: str) -> None:
    assert layout.split_inbox(layout.inbox(handle, name)) == (handle, name)


@pytest.mark.parametrize(
    "key", ["inbox/ann//ride.fit", "inbox/ann/../bob/ride.fit", "inbox/ann/\udce4.fit", "inbox/ann/\0"]
)
def test_a_name_that_no_key_can_hold_has_no_athlete(key: str) -> None:
    assert layout.split_inbox(key) is None


@pytest.mark.parametrize("key", ["inbox/ride.fit", "inbox/ann/", "archive/ann/ride.fit", "inbox", ""])
def test_a_key_outside_every_athletes_folder_has_no_athlete(key: str) -> None:
    assert layout.split_inbox(key) is None


def test_the_archive_is_laid_out_by_athlete_and_month() -> None:
    assert layout.archive("ann", "2026-05", "ab12", "fit") == "archive/athlete=ann/month=2026-05/ab12.fit"
    assert layout.streams("ann", "2026-05") == "streams/athlete=ann/month=2026-05/streams.parquet"
    assert layout.curves("ann", "2026-05") == "curves/athlete=ann/month=2026-05/curves.parquet"
    assert layout.signals("ann", "2026-05") == "signals/athlete=ann/month=2026-05/signals.parquet"
    assert layout.quarantine("ann", "ab12", "bin") == "quarantine/athlete=ann/ab12.bin"
