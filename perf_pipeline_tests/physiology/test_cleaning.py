"""Cleaning: clocks, bounds, spikes, frozen sensors, distance, pauses."""

from __future__ import annotations

import numpy as np
import pytest

from perf_pipeline.formats.model import Session, Streams
from perf_pipeline.physiology.cleaning import clean
from perf_pipeline.physiology.clock import check_clock

DAY = 86_400


def kinds(streams):
    return sorted({(a.kind, a.channel) for a in streams.anomalies})


def test_clean_data_pass_untouched(make):
    t = np.arange(600)
    watts = 200 + 30 * np.sin(t / 20)
    streams = clean(make(t, power_watts=watts, distance_meters=8.0 * t))
    assert streams.seconds.tolist() == t.tolist()
    assert streams.get("power_watts").tolist() == watts.tolist()
    assert streams.anomalies == ()


def test_rows_are_sorted_and_repeated_times_merged(make):
    streams = clean(make([0, 1, 3, 2, 2, 4], heart_rate_bpm=[100, 101, 103, np.nan, 102, 104]))
    assert streams.seconds.tolist() == [0, 1, 2, 3, 4]
    assert streams.get("heart_rate_bpm").tolist() == [100, 101, 102, 103, 104]


@pytest.mark.parametrize("days", [27, 791, 16_002])
def test_a_few_rows_of_a_wrong_clock_are_rejected(make, days):
    t = np.concatenate(([-days * DAY, -days * DAY + 1, -days * DAY + 2], np.arange(1000)))
    streams = clean(make(t, start=-days * DAY, power_watts=np.full(len(t), 200.0)))
    assert len(streams) == 1000
    assert streams.seconds[-1] - streams.seconds[0] == 999
    assert streams.seconds[0] == 0
    assert kinds(streams) == [("clock_step", "time")]


def test_a_row_far_in_the_future_is_rejected(make):
    streams = clean(make([*range(500), 791 * DAY, 500], power_watts=np.full(502, 200.0)))
    assert streams.seconds.tolist() == list(range(501))


def test_a_step_back_of_more_than_the_files_own_length_is_rejected():
    t = np.concatenate((np.arange(100), [-5000], np.arange(100, 200))) * 1000
    check = check_clock(t)
    assert check.rejected.tolist() == [100]
    assert np.diff(t[check.order]).tolist() == [1000] * 199


def test_a_small_step_back_is_sorted_in():
    t = np.array([0, 1, 2, 5, 6, 3, 4, 7]) * 1000
    check = check_clock(t)
    assert t[check.order].tolist() == [0, 1000, 2000, 3000, 4000, 5000, 6000, 7000]
    assert len(check.rejected) == 0


def test_a_tour_with_a_rest_day_is_kept_whole():
    t = np.concatenate((np.arange(1000), np.arange(1000) + 2 * DAY)) * 1000
    assert len(check_clock(t).rejected) == 0


def test_a_jump_that_the_device_did_not_count_is_a_wrong_clock():
    t = np.concatenate((np.arange(3), np.arange(1000) + 81_000)) * 1000
    assert len(check_clock(t).rejected) == 0
    assert check_clock(t, elapsed_ms=1_000_000).rejected.tolist() == [0, 1, 2]


def test_values_that_cannot_be_are_absent(make):
    streams = clean(
        make(
            range(4), power_watts=[200, 3000, -5, 210], heart_rate_bpm=[120, 0, 250, 121], cadence_rpm=[90, 254, 91, 92]
        )
    )
    assert np.isnan(streams.get("power_watts")).tolist() == [False, True, True, False]
    assert np.isnan(streams.get("heart_rate_bpm")).tolist() == [False, True, True, False]
    assert np.isnan(streams.get("cadence_rpm")).tolist() == [False, True, False, False]
    assert kinds(streams) == [
        ("out_of_bounds", "cadence_rpm"), ("out_of_bounds", "heart_rate_bpm"), ("out_of_bounds", "power_watts"),
    ]  # fmt: skip


def test_a_strap_without_contact_is_absent_without_a_word(make):
    streams = clean(make(range(4), heart_rate_bpm=[120, 0, 0, 121]))
    assert streams.anomalies == ()


def test_a_spike_of_a_second_is_rejected_and_told(make):
    rng = np.random.default_rng(1)
    watts = rng.normal(220, 25, 600)
    watts[300] = 1400
    streams = clean(make(range(600), power_watts=watts))
    assert np.flatnonzero(np.isnan(streams.get("power_watts"))).tolist() == [300]
    assert [(a.kind, a.first_second, a.last_second) for a in streams.anomalies] == [("power_spike", 300, 300)]


def test_a_sprint_is_no_spike(make):
    watts = np.full(120, 200.0)
    watts[60:70] = [350, 700, 950, 1050, 1000, 930, 850, 700, 450, 280]
    streams = clean(make(range(120), power_watts=watts))
    assert streams.get("power_watts").tolist() == watts.tolist()


def test_three_hard_seconds_are_no_spike(make):
    watts = np.full(120, 200.0)
    watts[60:63] = [800, 950, 820]
    assert clean(make(range(120), power_watts=watts)).get("power_watts").tolist() == watts.tolist()


def test_a_sensor_that_stands_still_while_others_move_is_flagged_and_kept(make):
    t = np.arange(300)
    heart = 140 + 10 * np.sin(t / 15)
    heart[100:180] = 150
    streams = clean(make(t, heart_rate_bpm=heart, power_watts=200 + 20 * np.sin(t / 7)))
    frozen = [a for a in streams.anomalies if a.kind == "frozen_sensor"]
    assert [(a.channel, a.first_second, a.last_second) for a in frozen] == [("heart_rate_bpm", 100, 179)]
    assert np.isfinite(streams.get("heart_rate_bpm")).all()


def test_standing_at_zero_is_not_frozen(make):
    t = np.arange(300)
    streams = clean(make(t, power_watts=np.zeros(300), heart_rate_bpm=140 + np.sin(t)))
    assert streams.anomalies == ()


def test_a_channel_without_a_value_is_left_out(make):
    streams = clean(make(range(5), power_watts=[np.nan] * 5, heart_rate_bpm=[300] * 5, cadence_rpm=[80] * 5))
    assert set(streams.channels) == {"cadence_rpm"}


def test_distance_never_falls_and_goes_on_after_a_reset(make):
    own = [0, 5, 10, 15, 14.8, 20, 1000 - 975 + 0.0, 30]
    streams = clean(make(range(8), distance_meters=own))
    assert streams.get("distance_meters").tolist() == [0, 5, 10, 15, 15, 20, 25, 30]
    reset = clean(make(range(6), distance_meters=[490, 495, 500, 0, 5, 10]))
    assert np.diff(reset.get("distance_meters")).tolist() == [5, 5, 0, 5, 5]


def test_a_lone_absurd_distance_is_rejected(make):
    streams = clean(make(range(6), distance_meters=[0, 5, 10, 65_535, 20, 25]))
    assert np.isnan(streams.get("distance_meters")).tolist() == [False, False, False, True, False, False]
    assert np.nanmax(streams.get("distance_meters")) == 25


def test_negative_distance_is_rejected(make):
    streams = clean(make(range(4), distance_meters=[-5, -4, 10, 20]))
    assert ("negative_distance", "distance_meters") in kinds(streams)
    assert np.nanmin(streams.get("distance_meters")) >= 0


def test_a_jump_after_a_standstill_is_spread_over_it(make):
    # The receiver froze for 10 s and then caught up 40 m: 4 m/s all along.
    own = [*(4.0 * s for s in range(11)), *[40.0] * 9, *(80.0 + 4.0 * s for s in range(10))]
    streams = clean(make(range(30), "run", distance_meters=own))
    assert streams.get("distance_meters")[-1] == 116
    assert np.diff(streams.get("distance_meters")).max() == pytest.approx(4.0)
    assert kinds(streams) == [("distance_jump", "distance_meters")]


def test_a_jump_without_a_standstill_is_replaced_by_the_pace_before(make):
    own = [*(4.0 * s for s in range(11)), *(340.0 + 4.0 * s for s in range(10))]
    streams = clean(make(range(21), "run", distance_meters=own))
    assert streams.get("distance_meters")[-1] == pytest.approx(80)


def north(meters):
    """Degrees of latitude that are so many metres."""
    return np.asarray(meters) / 111_195.08


def test_distance_comes_from_positions_where_the_file_has_none(make):
    t = np.arange(1001)
    streams = clean(make(t, "run", latitude_degrees=47 + north(3.0 * t), longitude_degrees=np.full(1001, 8.0)))
    assert streams.distance_source == "positions"
    assert streams.get("distance_meters")[-1] == pytest.approx(3000, rel=0.001)
    assert np.nanmedian(streams.get("speed_mps")) == pytest.approx(3.0, rel=0.001)


def test_a_position_that_jumps_away_and_back_is_rejected(make):
    t = np.arange(200)
    meters = 3.0 * t
    meters[100:103] += 2000
    streams = clean(make(t, "run", latitude_degrees=47 + north(meters), longitude_degrees=np.full(200, 8.0)))
    assert np.flatnonzero(np.isnan(streams.get("latitude_degrees"))).tolist() == [100, 101, 102]
    assert np.nanmax(streams.get("distance_meters")) == pytest.approx(597, rel=0.002)
    assert ("gps_jump", "latitude_degrees") in kinds(streams)


def test_what_lies_between_two_places_of_a_pause_is_not_counted(make):
    t = np.concatenate((np.arange(100), np.arange(700, 800)))
    meters = np.concatenate((3.0 * np.arange(100), 2000 + 3.0 * np.arange(100)))
    positions = {"latitude_degrees": 47 + north(meters), "longitude_degrees": np.full(200, 8.0)}
    streams = clean(make(t, "run", pauses=[(99, 700)], **positions))
    assert streams.get("distance_meters")[-1] == pytest.approx(594, rel=0.002)


def test_distance_comes_from_speed_where_there_is_nothing_else(make):
    streams = clean(make(range(101), "run", speed_mps=np.full(101, 3.0)))
    assert (streams.distance_source, streams.get("distance_meters")[-1]) == ("speed", 300)


def test_pauses_are_put_in_order_joined_and_held_to_the_session(make):
    streams = clean(
        make(range(101), power_watts=np.full(101, 1.0), pauses=[(50, 60), (10, 20), (15, 30), (-9, -5), (70, 65)])
    )
    assert streams.pauses == ((10.0, 30.0), (50.0, 60.0))


def test_no_clock_ever_costs_a_row_per_second():
    ten_years = 315_000_000_000
    streams = clean(
        Session(0, "bike", 0, ten_years, Streams(np.array([0, ten_years]), {"power_watts": np.array([1.0, 2.0])}))
    )
    assert len(streams) <= 2


def test_an_empty_session_is_empty(make):
    streams = clean(make([]))
    assert (len(streams), streams.channels, streams.anomalies) == (0, {}, ())


@pytest.mark.parametrize(
    ("power", "cadence", "spikes"),
    [
        ([90, 578, 578, 987, 868, 451], [51, 51, 63, 79, 89, 91], 0),  # a standing start
        ([26, 113, 339, 688, 638, 277], [0, 54, 73, 84, 106, 90], 0),
        ([0, 0, 275, 494, 0, 0], [0, 0, 30, 41, 0, 0], 0),  # a push on still pedals
        ([0, 0, 418, 458, 0, 0], [0, 0, 69, 76, 0, 0], 0),
        ([0, 0, 0, 814, 0, 0], [85, 85, 0, np.nan, np.nan, 6], 1),  # the crank does not come to turn
        ([0, 0, 0, 1378, 0, 0], [0, 0, 0, np.nan, np.nan, np.nan], 1),
        ([200, 200, 200, 1700, 200, 200], [90, 90, 90, 90, 90, 90], 1),
    ],
)
def test_a_short_push_is_told_from_a_spike_by_its_neighbours_and_the_crank(make, power, cadence, spikes):
    before, after = [0.0] * 30, [0.0] * 30
    session = make(
        range(66), power_watts=[*before, *power, *after], cadence_rpm=[*before, *cadence, *after], summary={}
    )
    found = [a for a in clean(session).anomalies if a.kind == "power_spike"]
    assert len(found) == spikes


def test_a_steady_heart_is_no_frozen_sensor_but_one_that_stays_ten_times_as_long_as_usual_is(make):
    t = np.arange(0, 4200, 7)
    steps = np.repeat(np.arange(len(t) // 4 + 1), 4)[: len(t)]  # a beat more or less every 28 s, as some watches tell
    steady = 140.0 + steps % 3
    steady[200:212] = 150.0  # 77 s
    speed = 3 + 0.2 * np.sin(t / 9)
    for stay, found in ((12, 0), (48, 1)):
        heart = steady.copy()
        heart[200 : 200 + stay] = 150.0
        streams = clean(make(t, "run", heart_rate_bpm=heart, speed_mps=speed))
        frozen = [a for a in streams.anomalies if a.kind == "frozen_sensor"]
        assert [a.channel for a in frozen] == ["heart_rate_bpm"] * found
