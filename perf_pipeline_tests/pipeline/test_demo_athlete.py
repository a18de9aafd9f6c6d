"""The demo athlete: the same files every time, and in them the body that was planned."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
import yaml

from perf_pipeline.formats.fit import read_fit
from perf_pipeline.formats.model import ActivityFile, FormatError, Session
from perf_pipeline.formats.reference import read_reference
from perf_pipeline.pipeline.demo_athlete import DemoFile, generate, generate_simple, packed
from perf_pipeline.pipeline.demo_plan import DEFAULT_END, REST, SEASONS_DAYS, body_on, outings
from perf_pipeline.pipeline.demo_recording import record
from perf_pipeline.pipeline.demo_workouts import lowest_reserve, segments


@pytest.fixture(scope="module")
def files() -> list[DemoFile]:
    return list(generate())


def is_activity(file: DemoFile) -> bool:
    return file.name[:2] == "20" and not file.name.endswith(".yaml")


def unpacked(file: DemoFile) -> bytes:
    return gzip.decompress(file.data) if file.name.endswith(".gz") else file.data


def by_work(files: list[DemoFile], work: str) -> list[DemoFile]:
    return [f for f in files if is_activity(f) and f.name.split("-", 3)[3].startswith(work)]


def test_the_bytes_of_a_day_depend_on_nothing_but_seed_and_end(files: list[DemoFile]) -> None:
    last = {f.name: f.data for f in generate(days=45)}
    assert len(last) > 15
    whole = {f.name: f.data for f in files}
    assert last == {name: whole[name] for name in last}
    assert next(f for f in generate(seed=8, days=45) if is_activity(f)).data not in last.values()


def test_two_seasons_hold_about_three_hundred_activities_of_every_kind(files: list[DemoFile]) -> None:
    activities = [f for f in files if is_activity(f)]
    assert 285 <= len(activities) <= 320
    sports = Counter(f.name.split("-")[3] for f in activities)
    assert sports["bike"] > 100
    assert sports["run"] > 90
    assert sports["swim"] > 35
    assert sports["triathlon"] == 1
    formats = Counter(f.name.removesuffix(".gz").rpartition(".")[2] for f in activities)
    assert formats["fit"] > 200
    assert min(formats["gpx"], formats["tcx"]) > 20
    assert sum(f.name.endswith(".gz") for f in activities) > 25
    assert len({f.name for f in files}) == len(files)


def test_the_oddities_are_there(files: list[DemoFile]) -> None:
    named = {f.name: f.data for f in files}
    (copy,) = [name for name in named if name.startswith("copy of ")]
    assert named[copy] == named[copy.removeprefix("copy of ")]
    assert named["empty.fit"] == b""
    assert named["._broken.fit"].startswith(b"\x00\x05\x16\x07")
    with pytest.raises(FormatError):
        read_reference(named["broken.fit"])
    (race,) = [name for name in named if "race-10k" in name and name.endswith(".yaml")]
    assert race.removesuffix(".yaml") in named
    assert yaml.safe_load(named[race])["type"] == "run"
    assert yaml.safe_load(named["profile.yaml"])["birth_date"] == date(1990, 5, 17)
    cut = [f for f in files if is_activity(f) and ".fit" in f.name and read_fit(unpacked(f)).partial]
    assert len(cut) == 1
    assert "-bike-" in cut[0].name


def test_nothing_is_done_while_ill_and_on_holiday() -> None:
    days = [outing.day for outing in outings(7, DEFAULT_END, SEASONS_DAYS)]
    assert not set(days) & set(REST)
    assert set(days) & {REST.start - 1, REST.start - 2, REST.start - 3}
    assert max(np.diff(days)) == pytest.approx(len(REST), abs=5)


def test_the_last_file_is_of_the_last_days(files: list[DemoFile]) -> None:
    dates = [date.fromisoformat(f.name[:10]) for f in files if is_activity(f)]
    assert dates == sorted(dates)
    assert (DEFAULT_END - dates[-1]).days < 5
    assert (dates[0] - DEFAULT_END).days < -SEASONS_DAYS + 6


def best_mean(session: Session, seconds: int) -> float:
    """Slow and obvious: the best mean power over a window of whole seconds."""
    power = session.streams.channels["power_watts"].tolist()
    sums = np.concatenate([[0.0], np.cumsum(power)])
    return max((sums[i + seconds] - sums[i]) / seconds for i in range(len(power) - seconds + 1))


def best_time(session: Session, meters: float) -> float:
    """The shortest time from a record on in which `meters` are covered, between records in a straight line."""
    at = session.streams.time_ms / 1000
    distance = session.streams.channels["distance_meters"]
    # A hair less than `meters`: at a wall the distance stands still, and the swim ends when it is first reached.
    ends = np.interp(distance + meters - 1e-6, distance, at, right=np.nan)
    return float(np.nanmin(ends - at))


def sole(data: bytes) -> Session:
    (session,) = read_fit(data).sessions
    return session


def test_a_twenty_minute_test_is_what_the_body_could_do(files: list[DemoFile]) -> None:
    tests = [f for f in by_work(files, "bike-test-5-20") if ".fit" in f.name]
    assert len(tests) > 12
    for file in tests:
        day = SEASONS_DAYS - 1 - (DEFAULT_END - date.fromisoformat(file.name[:10])).days
        share = best_mean(sole(unpacked(file)), 1200) / body_on(day).power_for(1200)
        assert 0.975 < share < 1.003
    # CP 235 W and W' 18 kJ at the beginning, 285 W and 21 kJ at the end.
    assert 248 < best_mean(sole(unpacked(tests[0])), 1200) < 262
    assert 290 < best_mean(sole(unpacked(tests[-1])), 1200) < 303


def fitted(seconds: list[float], work: list[float]) -> tuple[float, float]:
    """Threshold and reserve from work = threshold x time + reserve."""
    slope, intercept = np.polyfit(seconds, work, 1)
    return float(slope), float(intercept)


@pytest.mark.parametrize("last", [SEASONS_DAYS - 1, 320, 200])
def test_critical_power_and_speed_can_be_found_in_ninety_days(last: int) -> None:
    power: dict[int, float] = {}
    time: dict[float, float] = {}
    for outing in outings(7, DEFAULT_END, SEASONS_DAYS):
        if not last - 90 < outing.day <= last or not outing.is_test or outing.sport not in {"bike", "run"}:
            continue
        session = record(outing, body_on(outing.day), np.random.default_rng(outing.day)).sessions[0]
        if outing.sport == "bike":
            for seconds in (180, 300, 720, 1200):
                power[seconds] = max(power.get(seconds, 0.0), best_mean(session, seconds))
        for meters in (1500.0, 3000.0, 5000.0) if outing.sport == "run" else ():
            if session.streams.channels["distance_meters"][-1] > meters:
                time[meters] = min(time.get(meters, np.inf), best_time(session, meters))
    body = body_on(last)
    threshold, reserve = fitted([*map(float, power)], [s * p for s, p in power.items()])
    assert threshold == pytest.approx(body.critical_power, rel=0.025)
    assert reserve == pytest.approx(body.w_prime, rel=0.12)
    speed, d_prime = fitted(list(time.values()), list(time))
    assert speed == pytest.approx(body.critical_speed, rel=0.015)
    assert d_prime == pytest.approx(body.d_prime, rel=0.12)


def test_no_workout_asks_for_more_than_there_is() -> None:
    for outing in outings(7, DEFAULT_END, SEASONS_DAYS):
        body = body_on(outing.day)
        if outing.sport in {"bike", "run"} and not outing.is_test:
            made = segments(outing, body, np.random.default_rng(outing.day))
            limits = (
                (body.critical_power, body.w_prime) if outing.sport == "bike" else (body.critical_speed, body.d_prime)
            )
            assert lowest_reserve(made, *limits) > 0.1 * limits[1]


def test_the_triathlon_has_five_sessions_one_behind_the_other(files: list[DemoFile]) -> None:
    (file,) = by_work(files, "triathlon")
    sessions = read_reference(file.data).sessions
    assert [s.sport for s in sessions] == ["swim", "transition", "bike", "transition", "run"]
    assert all(a.end_ms < b.start_ms for a, b in pairwise(sessions))
    assert all(s.streams.time_ms[0] == s.start_ms and s.streams.time_ms[-1] == s.end_ms for s in sessions)
    assert "power_watts" in sessions[2].streams.channels


def test_a_pool_swim_has_lengths_that_say_its_pace(files: list[DemoFile]) -> None:
    file = next(f for f in by_work(files, "swim-test") if f.name.endswith(".fit"))
    (session,) = read_reference(file.data).sessions
    swum = [length for length in session.lengths if length.active]
    assert session.summary["pool_length_meters"] == 25
    assert session.summary["distance_meters"] == 25 * len(swum)
    day = SEASONS_DAYS - 1 - (DEFAULT_END - date.fromisoformat(file.name[:10])).days
    body = body_on(day)
    t400, t200 = best_time(session, 400), best_time(session, 200)
    assert 200 / (t400 - t200) == pytest.approx(body.critical_swim_speed, rel=0.02)


def readable(files: list[DemoFile], step: int) -> list[ActivityFile]:
    chosen = [f for f in files if is_activity(f)][::step]
    return [read_reference(unpacked(f)) for f in chosen]


def test_the_public_readers_read_them_and_find_no_absurdity(files: list[DemoFile]) -> None:
    for file in readable(files, 37):
        for session in file.sessions:
            channels = session.streams.channels
            assert (np.diff(session.streams.time_ms) > 0).all()
            if session.sport != "swim":
                assert len(session.streams) > 60
            assert 48 <= channels["heart_rate_bpm"].min() <= channels["heart_rate_bpm"].max() <= 188
            if "distance_meters" in channels:
                assert (np.diff(channels["distance_meters"]) >= 0).all()
            if "latitude_degrees" in channels:
                assert np.abs(channels["latitude_degrees"]).max() < 0.5
                assert np.abs(channels["longitude_degrees"]).max() < 0.5


def test_indoor_rides_have_power_and_no_place(files: list[DemoFile]) -> None:
    winter = next(f for f in by_work(files, "bike-threshold") if f.name.endswith(".fit"))
    (session,) = read_reference(winter.data).sessions
    assert session.sub_sport == "indoor_cycling"
    assert "latitude_degrees" not in session.streams.channels
    assert session.streams.channels["power_watts"].mean() > 150


def test_spikes_are_where_the_module_says(files: list[DemoFile]) -> None:
    spiked = {
        o.day for o in outings(7, DEFAULT_END, SEASONS_DAYS) if o.sport == "bike" and o.day % 16 == 0 and not o.is_test
    }
    assert spiked
    for file in files:
        if not is_activity(file) or ".fit" not in file.name or "-bike-" not in file.name:
            continue
        day = SEASONS_DAYS - 1 - (DEFAULT_END - date.fromisoformat(file.name[:10])).days
        most = max(s.streams.channels["power_watts"].max() for s in read_fit(unpacked(file)).sessions)
        assert (most > 1500) == (day in spiked and day not in range(200, 221))


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 200_000])
def test_a_packed_file_is_gzip_of_the_same_bytes(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert gzip.decompress(packed(data)) == data


def test_simple_rides_are_distinct_and_twelve_hours_apart() -> None:
    starts = [sole(f.data).start_ms for f in generate_simple(5, seconds=60)]
    assert set(np.diff(starts)) == {43_200_000}
    assert len({f.data for f in generate_simple(5, seconds=60)}) == 5
