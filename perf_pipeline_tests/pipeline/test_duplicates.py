"""Recordings of one activity, from files to the mark in the table."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from uuid import UUID

import numpy as np
import pytest

from perf_pipeline.formats.model import ActivityFile
from perf_pipeline.physiology.duplicates import find_duplicates
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.pipeline.stages.duplicates import Recorded, candidate_groups
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.tables import METADATA
from perf_pipeline_tests import making
from perf_pipeline_tests.physiology.test_duplicates import scenes
from perf_pipeline_tests.pipeline.conftest import Athlete

MINUTES = 24


def course(seed: int, minutes: float = MINUTES) -> dict[str, np.ndarray]:
    """A ride that no other seed gives: pace, heart rate and way vary."""
    dice = np.random.default_rng([seed, 4])
    n = round(60 * minutes)
    slow = np.convolve(dice.standard_normal(n + 120), np.ones(120) / 11, "same")[60:-60]
    speed = np.clip(7 + 2 * slow, 1.0, 20.0)
    heading = np.cumsum(dice.normal(0, 0.02, n))
    return {
        "distance_meters": np.cumsum(speed),
        "speed_mps": speed,
        "heart_rate_bpm": np.round(140 + 8 * slow),
        "latitude_degrees": 47 + np.cumsum(speed * np.cos(heading)) / 111_195,
        "longitude_degrees": 8 + np.cumsum(speed * np.sin(heading)) / 75_000,
    }


def without(channels: dict[str, np.ndarray], *names: str) -> dict[str, np.ndarray]:
    return {name: values for name, values in channels.items() if name not in names}


def with_power(channels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {**channels, "power_watts": np.full(len(channels["distance_meters"]), 200.0)}


def part(channels: dict[str, np.ndarray], first: int, last: int) -> dict[str, np.ndarray]:
    cut = {name: values[first:last] for name, values in channels.items()}
    return {**cut, "distance_meters": cut["distance_meters"] - cut["distance_meters"][0]}


def drifting(file: ActivityFile, factor: float) -> ActivityFile:
    """The same, by a clock that runs fast or slow."""
    (session,) = file.sessions
    time_ms = (session.start_ms + (session.streams.time_ms - session.start_ms) * factor).astype(np.int64)
    streams = replace(session.streams, time_ms=time_ms)
    return replace(file, sessions=(replace(session, streams=streams, end_ms=int(time_ms[-1])),))


def take(athlete: Athlete, **files: bytes) -> None:
    for name, data in files.items():
        athlete.drop(name.replace("_", "."), data)
    athlete.take_in()
    athlete.months()


def superseded(athlete: Athlete) -> dict[str, str]:
    """Name in the inbox of what gave way -> that of what was kept."""
    files = {row["source_file_id"]: row["name"] for row in athlete.rows("arrivals")}
    rows = {row["id"]: row for row in athlete.rows("activities")}
    return {
        files[row["source_file_id"]]: files[rows[row["superseded_by"]]["source_file_id"]]
        for row in rows.values()
        if row["superseded_by"] is not None
    }


def test_two_devices_with_clocks_apart_and_drifting_are_one_and_the_one_with_power_is_kept(athlete: Athlete) -> None:
    ride = course(1)
    watch = drifting(making.activity("2026-05-04T10:03:20", "bike", ride), 1.0004)
    take(
        athlete,
        watch_fit=making.fit(watch),
        head_fit=making.fit(making.activity("2026-05-04T10:00", "bike", with_power(ride))),
    )
    told = athlete.duplicates()
    assert superseded(athlete) == {"watch.fit": "head.fit"}
    assert (told["candidates"], told["superseded"], told["changed"]) == (2, 1, 1)
    (reason,) = {row["superseded_reason"] for row in athlete.rows("activities")} - {None}
    assert reason.endswith("of the shorter one); kept has power")


def test_a_recording_cut_short_gives_way_to_the_whole(athlete: Athlete) -> None:
    ride = course(2)
    take(
        athlete,
        whole_fit=making.fit(making.activity("2026-05-04T10:00", "bike", ride)),
        short_fit=making.fit(making.activity("2026-05-04T10:00:05", "bike", part(ride, 5, 500))),
    )
    athlete.duplicates()
    assert superseded(athlete) == {"short.fit": "whole.fit"}


def test_a_ride_in_two_formats_and_as_local_time_is_one(athlete: Athlete) -> None:
    ride = course(3)
    poor = without(ride, "heart_rate_bpm", "speed_mps", "distance_meters")
    take(
        athlete,
        a_fit=making.fit(making.activity("2026-05-04T10:00", "bike", ride)),
        b_gpx=making.gpx(making.activity("2026-05-04T10:00", "bike", poor)),
        c_tcx=making.tcx(making.activity("2026-05-04T12:00", "bike", ride)),
    )
    athlete.duplicates()
    assert len(superseded(athlete)) == 2
    assert superseded(athlete)["b.gpx"] in {"a.fit", "c.tcx"}


def test_a_ride_split_by_one_device_is_the_whole_of_the_other(athlete: Athlete) -> None:
    ride = course(4)
    middle = 60 * MINUTES // 2
    take(
        athlete,
        whole_fit=making.fit(making.activity("2026-05-04T10:00", "bike", ride)),
        first_fit=making.fit(making.activity("2026-05-04T10:00", "bike", part(ride, 0, middle))),
        second_fit=making.fit(making.activity("2026-05-04T10:12:40", "bike", part(ride, middle + 40, 60 * MINUTES))),
    )
    athlete.duplicates()
    assert superseded(athlete) == {"first.fit": "whole.fit", "second.fit": "whole.fit"}


def test_there_and_back_and_laps_back_to_back_are_activities_of_their_own(athlete: Athlete) -> None:
    ride, lap = course(5), course(6)
    back = {name: values[::-1].copy() for name, values in without(ride, "distance_meters").items()}
    back["distance_meters"] = np.cumsum(back["speed_mps"])
    take(
        athlete,
        there_fit=making.fit(making.activity("2026-05-04T07:00", "bike", ride)),
        back_fit=making.fit(making.activity("2026-05-04T16:00", "bike", back)),
        lap_fit=making.fit(making.activity("2026-05-04T07:23:30", "bike", lap)),
        evening_fit=making.fit(making.activity("2026-05-04T18:00", "bike", lap)),
    )
    told = athlete.duplicates()
    assert superseded(athlete) == {}
    assert told["candidates"] == 2  # there and back: nine hours apart, as long and as far


def test_a_clock_gone_mad_does_not_swallow_the_days_that_it_spans(athlete: Athlete) -> None:
    ride = without(course(7), "latitude_degrees", "longitude_degrees")
    mad = making.activity("2026-05-04T10:00", "bike", ride)
    (session,) = mad.sessions
    time_ms = session.streams.time_ms.copy()
    time_ms[-60:] += 12 * 86_400_000
    streams = replace(session.streams, time_ms=time_ms)
    mad = replace(mad, sessions=(replace(session, streams=streams, end_ms=int(time_ms[-1])),))
    other = without(course(8), "latitude_degrees", "longitude_degrees")
    take(
        athlete,
        mad_fit=making.fit(mad),
        other_fit=making.fit(making.activity("2026-05-08T10:00", "bike", other)),
    )
    athlete.duplicates()
    assert superseded(athlete) == {}


@pytest.fixture
def pair(athlete: Athlete) -> Athlete:
    """A pair, and a ride of another day."""
    ride = course(9)
    take(
        athlete,
        rich_fit=making.fit(making.activity("2026-05-04T10:00", "bike", with_power(ride))),
        poor_fit=making.fit(making.activity("2026-05-04T10:00:20", "bike", ride)),
        alone_fit=making.fit(making.activity("2026-05-06T10:00", "bike", course(10))),
    )
    athlete.duplicates()
    assert superseded(athlete) == {"poor.fit": "rich.fit"}
    return athlete


def test_what_was_looked_at_is_not_read_again(pair: Athlete) -> None:
    before = pair.snapshot()
    assert pair.duplicates() == {"candidates": 2, "examined": 0, "superseded": 1, "changed": 0}
    assert differences(before, pair.snapshot()) == []
    assert pair.duplicates(full_refresh=True) == {"candidates": 2, "examined": 2, "superseded": 1, "changed": 0}
    assert differences(before, pair.snapshot()) == []


def test_a_new_file_of_the_month_has_only_its_own_group_read(pair: Athlete) -> None:
    take(pair, again_gpx=making.gpx(making.activity("2026-05-06T10:00:08", "bike", course(10))))
    assert pair.duplicates()["examined"] == 2
    assert superseded(pair) == {"poor.fit": "rich.fit", "again.gpx": "alone.fit"} or superseded(pair) == {
        "poor.fit": "rich.fit", "alone.fit": "again.gpx",
    }  # fmt: skip


def test_the_mark_survives_a_recomputed_month(pair: Athlete) -> None:
    pair.months(full_refresh=True)
    assert superseded(pair) == {"poor.fit": "rich.fit"}
    assert pair.duplicates()["examined"] == 0


def test_the_mark_goes_when_what_was_kept_has_gone(pair: Athlete) -> None:
    rich = next(r for r in pair.rows("activities") if r["superseded_by"] is None and r["started_at"].day == 4)
    with pair.warehouse.begin() as connection:
        table = METADATA.tables["source_files"]
        connection.execute(table.delete().where(table.c.id == rich["source_file_id"]))
    pair.months()
    assert pair.duplicates() == {"candidates": 0, "examined": 0, "superseded": 0, "changed": 1}
    assert {row["superseded_reason"] for row in pair.rows("activities")} == {None}
    assert pair.rows("activity_outputs") == []


def test_the_mark_goes_when_another_sport_is_told(pair: Athlete) -> None:
    take(pair, poor_fit_yaml=b"type: swim\n")
    pair.duplicates()
    assert superseded(pair) == {}


def test_a_rebuild_marks_the_same_ones(pair: Athlete) -> None:
    before = pair.snapshot()
    with pair.warehouse.begin() as connection:
        for name in ("activity_outputs", "month_outputs", "activities"):
            connection.execute(METADATA.tables[name].delete())
    pair.months()
    pair.duplicates()
    assert differences(before, pair.snapshot()) == []


def test_killed_between_any_two_calls_the_next_run_marks_the_same(pair: Athlete) -> None:
    wanted = pair.snapshot()

    def forget() -> None:
        with pair.warehouse.begin() as connection:
            connection.execute(METADATA.tables["activity_outputs"].delete())
            connection.execute(
                METADATA.tables["activities"].update().values(superseded_by=None, superseded_reason=None)
            )

    forget()
    with pair.killed_at(0) as clock:
        pair.duplicates()
    for call in range(1, len(clock.calls) + 1):
        forget()
        with pair.killed_at(call):
            pair.duplicates()
        pair.duplicates()
        assert differences(wanted, pair.snapshot()) == [], f"killed before call {call}"


def test_later_stages_leave_out_what_gave_way(pair: Athlete) -> None:
    pair.history(date(2026, 5, 6))
    kept = {row["id"] for row in pair.rows("activities") if row["superseded_by"] is None}
    assert {row["activity_id"] for row in pair.rows("activity_loads")} == kept
    assert len(kept) == 2


def test_streams_that_have_gone_are_an_error_that_says_what_to_do(pair: Athlete) -> None:
    from perf_pipeline.storage.errors import StorageError

    for key in pair.keys("sessions/"):
        pair.store.delete(key)
    with pytest.raises(StorageError):
        pair.duplicates(full_refresh=True)


def test_every_pair_that_is_one_is_a_candidate() -> None:
    """The cheap question may ask for too many, never for too few."""
    for number in range(120):
        dice = np.random.default_rng([number, 12])
        described, _ = scenes(dice, number)
        rows = [
            Recorded(
                content_id(one.activity_id), content_id(one.file_hash), "2023-11", one.sport, one.sport_told,
                making.at("1970-01-01") + timedelta(milliseconds=one.start_ms), one.duration_ms // 1000,
                one.duration_ms // 1000, round(one.distance_meters or 0), one.device, "",
            )
            for one in described
        ]  # fmt: skip
        together: set[frozenset[UUID]] = set()
        for group in candidate_groups(rows):
            together.update(frozenset({a.id, b.id}) for a, b in combinations(group, 2))
        for pair in find_duplicates(described):
            assert frozenset({content_id(pair.kept), content_id(pair.superseded)}) in together
