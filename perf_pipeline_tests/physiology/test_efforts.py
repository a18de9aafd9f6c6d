"""Best efforts on real timestamps, against an oracle that paints time cell by cell."""

from __future__ import annotations

import statistics
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.physiology.bounds import POWER_DURATIONS_SECONDS
from perf_pipeline.physiology.cleaning import CleanStreams, clean
from perf_pipeline.physiology.efforts import best_efforts
from perf_pipeline.physiology.timeline import timeline_of
from perf_pipeline.physiology.windows import best_time, best_window


def power_streams(seconds, watts, pauses=()):
    return CleanStreams("bike", 0, np.asarray(seconds, float), {"power_watts": np.asarray(watts, float)}, tuple(pauses))


def power_of(streams, duration):
    """The best mean over the duration, or None."""
    found = [e for e in best_efforts(streams) if e.effort_type == "power" and e.duration_seconds == duration]
    return found[0].value if found else None


def painted(seconds, watts, cell):
    """Value of each cell of time by the rules in words, None where nothing was recorded; no pauses, first row at 0."""
    intervals = [b - a for a, b in pairwise(seconds)]
    joined = [dt for dt in intervals if dt <= 10]
    usual = min(statistics.median_low(joined), 3) if joined else 1
    cells = []
    for i, dt in enumerate(intervals, start=1):
        for k in range(round(dt / cell)):
            elapsed = (k + 1) * cell
            if dt > 10:
                cells.append(None)
            elif dt > 3:
                middle = int(elapsed - cell / 2) + 0.5  # linear, in steps of a second
                cells.append(watts[i - 1] + (watts[i] - watts[i - 1]) * middle / dt)
            else:
                held = dt >= 2 * usual and elapsed <= dt - usual
                cells.append(watts[i - 1] if held else watts[i])
    return cells


def slow_best(cells, width):
    best = None
    for first in range(len(cells) - width + 1):
        window = cells[first : first + width]
        if None not in window and (best is None or sum(window) / width > best):
            best = sum(window) / width
    return best


WATTS = st.integers(0, 1000)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 1, 1, 1, 2, 3, 4, 7, 10, 11, 60]), WATTS), min_size=2, max_size=60))
def test_whole_second_records_give_what_the_oracle_paints(rows):
    seconds = np.cumsum([0] + [dt for dt, _ in rows[1:]]).tolist()
    watts = [w for _, w in rows]
    cells = painted(seconds, watts, 1)
    line = timeline_of(power_streams(seconds, watts), "power_watts")
    for duration in (1, 2, 5, 10, 20, 30):
        expected = slow_best(cells, duration)
        found = best_window(line, duration) if line is not None else None
        assert (found[0] if found else None) == (pytest.approx(expected) if expected is not None else None)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.5, 0.5, 1, 1, 12]), WATTS), min_size=2, max_size=60))
def test_half_second_records_give_what_the_oracle_paints(rows):
    seconds = np.cumsum([0] + [dt for dt, _ in rows[1:]]).tolist()
    watts = [w for _, w in rows]
    cells = painted(seconds, watts, 0.5)
    line = timeline_of(power_streams(seconds, watts), "power_watts")
    for duration in (1, 2, 5, 10):
        expected = slow_best(cells, 2 * duration)
        found = best_window(line, duration) if line is not None else None
        assert (found[0] if found else None) == (pytest.approx(expected) if expected is not None else None)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0.2, 12), WATTS), min_size=2, max_size=80))
def test_irregular_sampling_never_raises_a_mean_above_every_sample(rows):
    seconds = np.cumsum([0.0] + [dt for dt, _ in rows[1:]])
    watts = [w for _, w in rows]
    line = timeline_of(power_streams(seconds, watts), "power_watts")
    for duration in (1, 5, 10, 20):
        found = best_window(line, duration) if line is not None else None
        if found is not None:
            assert found[0] <= max(watts) * (1 + 1e-9) + 1e-9
            assert found[1] >= -1e-9


@settings(max_examples=60, deadline=None)
@given(st.lists(WATTS, min_size=200, max_size=400))
def test_best_energy_never_falls_with_duration_and_is_subadditive(watts):
    line = timeline_of(power_streams(range(len(watts)), watts), "power_watts")
    energy = {t: best_window(line, t)[0] * t for t in (10, 20, 30, 60, 90, 120)}
    assert list(energy.values()) == sorted(energy.values())
    for a, b in ((10, 10), (10, 20), (30, 30), (30, 60), (60, 60), (30, 90)):
        assert energy[a + b] <= energy[a] + energy[b] + 1e-6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.7, 1, 1, 1, 5, 100]), st.floats(0, 12)), min_size=80, max_size=200))
def test_best_times_never_fall_with_distance_and_are_superadditive(rows):
    seconds = np.cumsum([dt for dt, _ in rows])
    meters = np.cumsum([0.0] + [m for _, m in rows[1:]])
    best = {d: best_time(seconds, meters, d) for d in (50, 100, 150, 200, 300)}
    best = {d: found[0] for d, found in best.items() if found is not None}
    assert list(best.values()) == sorted(best.values())
    for a, b in ((50, 50), (50, 100), (100, 100), (100, 200), (150, 150)):
        if a + b in best:
            assert best[a + b] >= best[a] + best[b] - 1e-6


def slow_best_time(seconds, meters, distance):
    """Walk along from every knot forwards and from every knot backwards until the distance is covered."""
    knots = list(zip(seconds, meters, strict=True))
    times = []
    for i, (t0, d0) in enumerate(knots):
        for (t1, d1), (t2, d2) in zip(knots[i:], knots[i + 1 :], strict=False):
            if d2 - d0 >= distance:
                share = (d0 + distance - d1) / (d2 - d1)
                times.append(t1 + share * (t2 - t1) - t0)
                break
        before = knots[: i + 1][::-1]
        for (t2, d2), (t1, d1) in pairwise(before):
            if d0 - d1 >= distance:
                share = (d2 - (d0 - distance)) / (d2 - d1)
                times.append(t0 - (t2 - share * (t2 - t1)))
                break
    return min(times) if times else None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 1, 1, 2, 30]), st.integers(0, 12)), min_size=2, max_size=40))
def test_best_times_are_what_walking_along_the_course_finds(rows):
    seconds = np.cumsum([dt for dt, _ in rows]).astype(float)
    meters = np.cumsum([0] + [m for _, m in rows[1:]]).astype(float)
    for distance in (3.0, 10.0, 47.5, 120.0):
        expected = slow_best_time(seconds.tolist(), meters.tolist(), distance)
        found = best_time(seconds, meters, distance)
        assert (found[0] if found else None) == (pytest.approx(expected, abs=1e-6) if expected is not None else None)


def test_a_longer_window_may_have_the_higher_mean():
    watts = [0] + [400] * 30 + [0] * 30 + [400] * 30
    streams = power_streams(range(91), watts)
    assert power_of(streams, 60) == pytest.approx(200)
    assert power_of(streams, 90) == pytest.approx(800 / 3)


def test_a_sample_covers_the_time_from_the_previous_record_to_its_own():
    # 500 W is what passed between second 10 and second 11, wherever the window begins.
    watts = [100.0] * 11 + [500.0] + [100.0] * 10
    effort = next(e for e in best_efforts(power_streams(range(22), watts)) if e.duration_seconds == 1)
    assert (effort.value, effort.start_offset) == (500.0, 10)


def test_the_first_sample_covers_the_time_since_the_start():
    assert power_of(power_streams(range(1, 6), [300] * 5), 5) == 300
    assert power_of(power_streams(range(5), [300] * 5), 5) is None


def test_a_window_never_bridges_a_pause():
    seconds = [*range(41), *range(100, 141)]
    streams = power_streams(seconds, [300.0] * 82, pauses=[(40.0, 100.0)])
    assert power_of(streams, 30) == pytest.approx(300)
    assert power_of(streams, 60) is None


def test_a_window_never_bridges_a_pause_through_which_the_device_kept_recording():
    streams = power_streams(range(141), [300.0] * 141, pauses=[(50.0, 90.0)])
    assert power_of(streams, 45) == pytest.approx(300)
    assert power_of(streams, 60) is None


def test_a_window_never_bridges_a_pause_shorter_than_smart_recording():
    seconds = [*range(41), *range(49, 90)]
    assert power_of(power_streams(seconds, [300.0] * 82), 60) == pytest.approx(300)
    assert power_of(power_streams(seconds, [300.0] * 82, pauses=[(40.0, 48.0)]), 60) is None


def test_a_long_window_in_the_easy_part_is_no_best():
    # Ten hard minutes, a pause, half an hour of rolling home: the only 20 minutes without a pause are no best 20.
    seconds = [*range(601), *range(900, 2701)]
    streams = power_streams(seconds, [300.0] * 601 + [60.0] * 1801, pauses=[(600.0, 900.0)])
    by_duration = {e.duration_seconds: e for e in best_efforts(streams)}
    assert by_duration[600].grade == "confirmed"
    assert by_duration[1200].grade == "rejected"
    assert by_duration[1200].evidence["reasons"] == ["less_than_a_shorter_effort"]


def test_a_length_that_was_a_missed_turn_makes_its_effort_a_candidate(make):
    lengths = [(0, 60, True), (60, 120, True), (120, 145, True), (145, 205, True)]
    session = make([], "swim", lengths=lengths, summary={"pool_length_meters": 50.0}, end=205)
    by_distance = {e.distance_meters: e for e in best_efforts(clean(session), session)}
    assert by_distance[100].evidence["reasons"] == ["hasty_length"]
    assert by_distance[100].grade == "candidate"


def test_a_window_never_bridges_a_gap_without_a_pause():
    seconds = [*range(41), *range(52, 93)]
    streams = power_streams(seconds, [300.0] * 82)
    assert power_of(streams, 30) == pytest.approx(300)
    assert power_of(streams, 60) is None


def test_a_sensor_that_is_silent_for_over_3_seconds_ends_the_window_although_records_go_on():
    watts = np.full(81, 300.0)
    watts[40:43] = np.nan  # between second 39 and second 43: 4 s
    assert power_of(power_streams(range(81), watts), 60) is None
    watts[42] = 300.0  # 3 s
    assert power_of(power_streams(range(81), watts), 60) == pytest.approx(300)


def test_a_dropout_holds_the_last_value():
    watts = [100.0] * 10 + [np.nan, np.nan] + [400.0] * 10
    streams = power_streams(range(22), watts)
    # Seconds 10 and 11 hold 100 W; 400 W is what second 12 and those after it say.
    assert power_of(streams, 10) == pytest.approx(400)
    line = timeline_of(streams, "power_watts")
    assert line.values.tolist() == [100.0] * 11 + [400.0] * 10
    assert line.filled.sum() == 2


def test_smart_recording_is_linear_between_records():
    streams = power_streams([0, 8, 16], [100.0, 300.0, 100.0])
    # 175 W at second 3, 300 W at second 8, 175 W at second 13: the mean of either half is 237.5 W.
    assert power_of(streams, 10) == pytest.approx(237.5)
    assert timeline_of(streams, "power_watts").mean() == pytest.approx(200)


def test_distance_efforts_count_the_pause_and_say_so():
    seconds = [*range(101), *range(160, 261)]
    meters = [4.0 * s for s in range(101)] + [400 + 4.0 * s for s in range(101)]
    channels = {"distance_meters": np.array(meters)}
    streams = CleanStreams("run", 0, np.array(seconds, float), channels, ((100.0, 160.0),))
    by_distance = {e.distance_meters: e for e in best_efforts(streams) if e.effort_type == "pace"}
    assert by_distance[400].value == pytest.approx(250)  # 100 s without the pause
    assert by_distance[800].duration_seconds == 260
    assert by_distance[800].value == pytest.approx(260 / 0.8)
    assert by_distance[800].evidence["paused_seconds"] == 60
    assert "pauses included" in by_distance[800].evidence["time"]


def test_the_edges_of_a_distance_effort_are_interpolated():
    # A record every 7 s at 5 m/s: no multiple of 35 m is 400 m, yet 400 m take 80 s.
    t = np.arange(0.0, 200.0, 7.0)
    taken, _ = best_time(t, 5 * t, 400.0)
    assert taken == pytest.approx(80)


def test_pace_is_given_per_kilometre_on_foot_and_per_100_m_in_water(make):
    t = np.arange(0, 601)
    run = best_efforts(clean(make(t, "run", distance_meters=t * 4.0)))
    swim = best_efforts(clean(make(t, "swim", distance_meters=t * 1.25)))
    pace = {(e.unit, e.distance_meters): e.value for e in (*run, *swim) if e.effort_type == "pace"}
    assert pace["s/km", 1000] == pytest.approx(250)
    assert pace["s/100m", 100] == pytest.approx(80)


def test_a_ride_has_speed_and_power_but_no_pace(make):
    t = np.arange(0, 601)
    efforts = best_efforts(clean(make(t, distance_meters=t * 10.0, power_watts=np.full(601, 200.0))))
    assert {e.effort_type for e in efforts} == {"power", "speed"}
    assert min(e.duration_seconds for e in efforts if e.effort_type == "speed") == 5
    found = {e.duration_seconds for e in efforts if e.effort_type == "power"}
    assert found == {d for d in POWER_DURATIONS_SECONDS if d <= 600}


def test_running_power_counts_as_power(make):
    t = np.arange(0, 61)
    efforts = best_efforts(clean(make(t, "run", power_watts=np.full(61, 250.0))))
    assert {e.effort_type for e in efforts} == {"power"}


def test_a_pool_swim_is_timed_by_its_lengths(make):
    # Two lengths of 25 m in 20 s each, 10 s at the wall, two more.
    lengths = [(0, 20, True), (20, 40, True), (40, 50, False), (50, 70, True), (70, 90, True)]
    session = make([], "swim", lengths=lengths, summary={"pool_length_meters": 25.0}, end=90)
    by_distance = {e.distance_meters: e for e in best_efforts(clean(session), session)}
    assert by_distance[50].duration_seconds == 40
    assert by_distance[100].duration_seconds == 90
    assert by_distance[100].evidence["distance_source"] == "lengths"


def test_a_power_meter_that_shows_only_zeros_gives_no_effort(make):
    assert best_efforts(clean(make(range(100), power_watts=np.zeros(100)))) == ()


def test_an_effort_over_an_anomaly_is_a_candidate_and_says_why(make):
    watts = np.full(200, 200.0)
    watts[100] = 1900.0
    efforts = best_efforts(clean(make(range(200), power_watts=watts)))
    long = next(e for e in efforts if e.duration_seconds == 180)
    assert long.value == pytest.approx(200)
    assert (long.grade, long.evidence["reasons"]) == ("candidate", ["power_spike"])


def test_an_effort_beyond_any_human_is_rejected(make):
    efforts = best_efforts(clean(make(range(400), power_watts=np.full(400, 1500.0))))
    grades = {e.duration_seconds: e.grade for e in efforts}
    assert (grades[10], grades[300]) == ("confirmed", "rejected")


def test_clean_data_are_confirmed(make):
    rng = np.random.default_rng(1)
    efforts = best_efforts(clean(make(range(400), power_watts=rng.normal(250, 30, 400))))
    assert {e.grade for e in efforts} == {"confirmed"}
