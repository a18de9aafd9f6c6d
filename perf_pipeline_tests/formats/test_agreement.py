"""Two readings of one file, made to differ on purpose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.formats.agreement import ALL_SESSIONS, Difference, compare, unexplained
from perf_pipeline.formats.fit import read_fit
from perf_pipeline.formats.gpx import read_gpx
from perf_pipeline.formats.model import (
    ActivityFile,
    CorruptFileError,
    FileFormat,
    FileKind,
    FormatError,
    Session,
    Streams,
)
from perf_pipeline.formats.reference import read_reference
from perf_pipeline.formats.tcx import read_tcx


def reading(*sessions: Streams, reader: str = "ours", **changes: object) -> ActivityFile:
    told = tuple(Session(i, "bike", int(s.time_ms[0]), int(s.time_ms[-1]), s) for i, s in enumerate(sessions))
    return replace(ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, told, reader=reader), **changes)


def stream(seconds: list[int], **channels: list[float]) -> Streams:
    return Streams(np.array(seconds, np.int64) * 1000, {n: np.array(v, float) for n, v in channels.items()})


def test_the_same_reading_has_no_differences() -> None:
    file = reading(stream([1, 2, 2, 3], power_watts=[1, np.nan, 3, 4], core=[1, 2, 3, 4]))
    assert compare(file, file) == ()


def test_cells_are_counted_where_values_or_their_absence_differ() -> None:
    ours = reading(stream([1, 2, 3, 4], power_watts=[100, 200, np.nan, 400]))
    other = reading(stream([1, 2, 3, 4], power_watts=[100, 207, 300, 400.4]))
    assert compare(ours, other) == (Difference(0, "power_watts", 2, 4, None, 7.0),)


def test_records_of_one_instant_are_paired_in_their_order() -> None:
    ours = reading(stream([5, 5, 6], power_watts=[1, 2, 3]))
    other = reading(stream([5, 5, 6], power_watts=[2, 1, 3]))
    assert [d.cells for d in compare(ours, other)] == [2]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.data())
def test_pairing_by_time_agrees_with_a_search_by_hand(seconds: list[int], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(range(len(seconds))), unique=True, min_size=1).map(sorted))
    power = data.draw(st.lists(st.integers(0, 2), min_size=len(seconds), max_size=len(seconds)))
    other_power = data.draw(st.lists(st.integers(0, 2), min_size=len(kept), max_size=len(kept)))
    ours = reading(stream(seconds, power_watts=power))
    other = reading(stream([seconds[i] for i in kept], power_watts=other_power))
    waiting = [(seconds[i], p) for i, p in zip(kept, other_power, strict=True)]
    differing = paired = 0
    for second, mine in zip(seconds, power, strict=True):
        theirs = next((w for w in waiting if w[0] == second), None)
        if theirs is not None:
            waiting.remove(theirs)
            paired += 1
            differing += theirs[1] != mine
    found = {d.channel: d for d in compare(ours, other)}
    assert (found["power_watts"].cells if "power_watts" in found else 0) == differing
    assert (found["records"].cells if "records" in found else 0) == len(seconds) - paired


def test_a_record_that_one_reader_lacks_does_not_shift_the_others() -> None:
    ours = reading(stream([1, 2, 3], power_watts=[1, 2, 3]))
    other = reading(stream([1, 3], power_watts=[1, 3]))
    assert compare(ours, other) == (Difference(0, "records", 1, 3),)


def test_what_a_stopped_reader_lost_is_explained() -> None:
    ours = reading(stream([1, 2, 3], power_watts=[1, 2, 3]))
    other = reading(stream([1], power_watts=[1]), partial=True, warnings=("fitparse stopped: X",))
    assert compare(ours, other)[0].explained == "fitparse stopped: X"
    assert unexplained(compare(ours, other)) == ()


def test_an_unscaled_developer_field_is_explained_and_a_wrong_one_is_not() -> None:
    ours = reading(stream([1, 2, 3], core=[37.1, 37.2, 37.9]))
    unscaled = reading(stream([1, 2, 3], core=[371, 372, 379]))
    wrong = reading(stream([1, 2, 3], core=[371, 379, 372]))
    assert "scale" in (compare(ours, unscaled)[0].explained or "")
    assert compare(ours, wrong)[0].explained is None


def test_a_scale_excuses_no_channel_of_the_profile() -> None:
    ours, other = reading(stream([1, 2], power_watts=[10, 20])), reading(stream([1, 2], power_watts=[100, 200]))
    assert [d.explained for d in compare(ours, other)] == [None]


def test_sessions_that_tcxreader_joins_are_compared_joined() -> None:
    ours = reading(stream([1, 2], power_watts=[1, 2]), stream([5, 6], power_watts=[5, 6]))
    other = reading(stream([1, 2, 5, 6], power_watts=[1, 2, 5, 7]), reader="tcxreader 0.4.11")
    assert compare(ours, other) == (
        Difference(ALL_SESSIONS, "sessions", 1, 2, "tcxreader joins several activities into one"),
        Difference(ALL_SESSIONS, "power_watts", 1, 4, None, 1.0),
    )


def test_a_cut_at_another_record_is_one_explained_difference() -> None:
    ours = reading(stream([1, 2], power_watts=[1, 2]), stream([5, 6], power_watts=[5, 6]))
    other = reading(stream([1], power_watts=[1]), stream([2, 5, 6], power_watts=[2, 5, 6]))
    (only,) = compare(ours, other)
    assert (only.channel, only.session) == ("sessions", ALL_SESSIONS)
    assert only.explained is not None


def test_a_refusal_of_the_reference_is_explained() -> None:
    (only,) = compare(reading(stream([1, 2], power_watts=[1, 2])), CorruptFileError("fitparse refused it: KeyError"))
    assert only.cells == 2
    assert only.explained == "the reference refused: fitparse refused it: KeyError"


def test_another_sport_is_a_difference() -> None:
    ours = reading(stream([1, 2], power_watts=[1, 2]))
    other = replace(ours, sessions=(replace(ours.sessions[0], sport="run"),))
    assert [d.channel for d in compare(ours, other)] == ["sport"]


@pytest.mark.corpus
@pytest.mark.parametrize("kind", ["fit", "gpx", "tcx"])
def test_real_files_are_told_alike_or_the_difference_has_a_cause(corpus_dir: Path, kind: str) -> None:
    """Small files: fitparse needs a second for 100 kB."""
    readers = {"fit": read_fit, "gpx": read_gpx, "tcx": read_tcx}
    limit, step = (25_000, 10) if kind == "fit" else (400_000, 2)
    small = [path for path in sorted((corpus_dir / kind).iterdir()) if path.stat().st_size < limit]
    strange: dict[str, tuple[Difference, ...]] = {}
    compared = 0
    for path in small[::step]:
        data = path.read_bytes()
        try:
            ours = readers[kind](data)
        except FormatError:
            continue
        other: ActivityFile | FormatError
        try:
            other = read_reference(data)
        except FormatError as error:
            other = error
        compared += 1
        if ours.sessions and unexplained(compare(ours, other)):
            strange[path.name] = unexplained(compare(ours, other))
    assert strange == {}
    assert compared > 5
