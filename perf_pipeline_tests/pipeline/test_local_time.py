"""Which day and which part of it an activity belongs to, where the athlete was."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.pipeline.local_time import local_time
from perf_pipeline.pipeline.series import load_activities, local_day
from perf_pipeline.pipeline.stages.time_zones import zone_of
from perf_pipeline.storage.tables import profiles
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


@pytest.mark.parametrize(
    ("started", "offset", "zones", "day"),
    [
        ("2026-05-04T23:30", 3600, (NEW_YORK,), "2026-05-05"),  # the file's own offset goes first
        ("2026-05-04T02:00", None, (NEW_YORK,), "2026-05-03"),
        ("2026-05-04T23:30", None, (BERLIN,), "2026-05-05"),
        ("2026-05-04T23:30", None, (NEW_YORK, BERLIN), "2026-05-04"),  # abroad: the place goes before the profile
        ("2026-05-04T23:30", None, (None, BERLIN), "2026-05-05"),  # no position: the profile's
        ("2026-05-04T23:30", None, (None, None), "2026-05-04"),
        ("2026-05-04T23:30", None, ("Nowhere/Here",), "2026-05-04"),
        ("2026-05-04T23:30", None, ("Nowhere/Here", BERLIN), "2026-05-05"),
        ("2026-05-04T23:30", 2**31 - 1, (BERLIN,), "2026-05-05"),  # no zone is that far away
        ("2026-05-04T23:30", 225, (BERLIN,), "2026-05-05"),  # nor is any 225 s off: that is a clock set by hand
        ("2026-05-04T23:59", 20_690, (), "2026-05-05"),  # Nepal, stamped some seconds apart
        ("2026-03-28T23:30", None, (BERLIN,), "2026-03-29"),  # the night in which summer time begins, one hour ahead
        ("2026-03-29T21:59", None, (BERLIN,), "2026-03-29"),
        ("2026-03-29T22:01", None, (BERLIN,), "2026-03-30"),  # two hours ahead by then
        ("2026-10-24T22:01", None, (BERLIN,), "2026-10-25"),  # the day of 25 hours
        ("2026-10-25T22:59", None, (BERLIN,), "2026-10-25"),
        ("2026-10-25T23:01", None, (BERLIN,), "2026-10-26"),
        ("2026-05-04T10:30", None, ("Pacific/Kiritimati",), "2026-05-05"),  # both sides of the date line
        ("2026-05-04T10:30", None, ("Pacific/Niue",), "2026-05-03"),
    ],
)
def test_the_local_day_is_by_the_files_offset_else_the_places_zone_else_the_profiles_else_utc(
    started: str, offset: int | None, zones: tuple[str | None, ...], day: str
) -> None:
    assert local_day(making.at(started), offset, *zones) == date.fromisoformat(day)


def test_the_hour_that_comes_twice_is_told_by_its_moment() -> None:
    clocks = [local_time(making.at(f"2026-10-25T0{hour}:30"), None, BERLIN) for hour in (0, 1)]
    assert [clock.hour for clock in clocks] == [2, 2]


MOMENTS = st.integers(-62_103_974_400, 253_370_764_799).map(lambda s: datetime.fromtimestamp(s, UTC))


@given(MOMENTS, st.none() | st.integers(-(2**31), 2**31))
def test_every_storable_moment_has_a_local_day_within_a_day_of_utc(moment: datetime, offset: int | None) -> None:
    for zone in ("Pacific/Kiritimati", "America/Adak", None):
        assert abs(local_day(moment, offset, zone) - moment.date()) <= timedelta(days=1)


def places(*positions: tuple[float, float]) -> CleanStreams:
    latitude, longitude = np.array(positions, dtype=float).T
    channels = {"latitude_degrees": latitude, "longitude_degrees": longitude}
    return CleanStreams("run", 0, np.arange(len(positions), dtype=float), channels)


@pytest.mark.parametrize(
    ("positions", "zone"),
    [
        ([(52.5, 13.4)], BERLIN),
        ([(np.nan, np.nan), (0, 0), (40.7, -74.0)], NEW_YORK),  # no fix yet, then the place where receivers wait
        ([(27.7, 85.3)], "Asia/Kathmandu"),
        ([(-16.5, 179.9), (-16.5, -179.9)], "Pacific/Fiji"),  # across the date line
        ([(-16.5, -179.9), (-16.5, 179.9)], "Pacific/Fiji"),
        ([(90.0, 180.0)], "Etc/GMT-12"),
        ([(0.0, -150.0)], "Etc/GMT+10"),  # at sea
        ([(0, 0), (0, 0)], None),
        ([(np.nan, np.nan)], None),
    ],
)
def test_the_zone_is_that_of_the_first_credible_position(
    positions: list[tuple[float, float]], zone: str | None
) -> None:
    assert zone_of(places(*positions)) == zone


def test_without_a_channel_of_positions_there_is_no_zone() -> None:
    assert zone_of(CleanStreams("bike", 0, np.arange(3.0), {"power_watts": np.ones(3)})) is None


def test_an_activity_is_named_and_dated_by_the_clock_where_it_began(athlete: Athlete, tmp_path: Path) -> None:
    t = np.arange(600)
    west = {"latitude_degrees": 37.8 + 3e-5 * t, "longitude_degrees": -122.4 + 0.0 * t}
    athlete.drop("abroad.gpx", making.gpx(making.activity("2026-05-05T02:00", "run", west)))
    indoors = making.activity("2026-05-05T02:00", "bike", {"power_watts": 200.0 + 0 * t})
    athlete.drop("indoors.tcx", making.tcx(indoors))
    athlete.take_in()
    athlete.months()
    rows = {row["type"]: row for row in athlete.rows("activities")}
    assert (rows["run"]["timezone"], rows["run"]["utc_offset_seconds"]) == ("America/Los_Angeles", None)
    assert (rows["run"]["name"], rows["bike"]["name"]) == ("Evening Run", "Night Ride")
    assert rows["bike"]["timezone"] is None
    with athlete.warehouse.begin() as connection:
        connection.execute(profiles.update().values(timezone="Asia/Tokyo"))
        days = {a.sport: a.day for a in load_activities(connection, athlete.profile_id, date(2026, 6, 1))}
    assert days == {"run": date(2026, 5, 4), "bike": date(2026, 5, 5)}
