"""What an activity was: durations, distance, climbing, metrics."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from perf_pipeline.physiology.activity import summarise
from perf_pipeline.physiology.cleaning import clean
from perf_pipeline.physiology.grade import climbed_meters, elevation_gain_meters, graded_speed, minetti_cost
from perf_pipeline.physiology.metrics import compute_metrics
from perf_pipeline.physiology.power import xpower


def summary_of(session):
    return summarise(session, clean(session))


def metrics_of(session):
    return {m.name: m.value for m in compute_metrics(clean(session), session)}


def test_a_pause_is_not_part_of_the_duration(make):
    t = [*range(101), *range(160, 261)]
    meters = [*(5.0 * s for s in range(101)), *(500 + 5.0 * s for s in range(101))]
    found = summary_of(make(t, "run", pauses=[(100, 160)], distance_meters=meters))
    assert (found.elapsed_seconds, found.duration_seconds, found.moving_seconds) == (260, 200, 200)
    assert found.distance_meters == 1000


def test_standing_at_a_light_is_not_moving(make):
    t = np.arange(301)
    meters = np.concatenate((6.0 * np.arange(101), np.full(100, 600.0), 600 + 6.0 * np.arange(100)))
    speed = np.diff(meters, prepend=0.0)
    found = summary_of(make(t, "bike", distance_meters=meters, speed_mps=speed))
    assert found.duration_seconds == 300
    assert found.moving_seconds == pytest.approx(199, abs=1)


@pytest.mark.parametrize(("sport", "kmh"), [("run", 1.5), ("bike", 4.0), ("swim", 0.5), ("row", 0.3)])
def test_moving_begins_at_the_sports_own_speed(make, sport, kmh):
    t = np.arange(101)
    place = {"latitude_degrees": np.full(101, 47.0), "longitude_degrees": np.full(101, 8.0)}
    above = summary_of(make(t, sport, speed_mps=np.full(101, kmh * 1.05 / 3.6), **place))
    below = summary_of(make(t, sport, speed_mps=np.full(101, kmh * 0.95 / 3.6), **place))
    assert (above.moving_seconds, below.moving_seconds) == (100, 0)


def test_indoors_a_turning_crank_is_moving(make):
    cadence = np.concatenate((np.full(61, 90.0), np.zeros(40)))
    assert summary_of(make(range(101), "bike", cadence_rpm=cadence)).moving_seconds == 60


def test_with_heart_rate_alone_all_of_it_is_moving(make):
    assert summary_of(make(range(101), "strength", heart_rate_bpm=np.full(101, 110.0))).moving_seconds == 100


def test_what_was_recorded_during_a_pause_is_not_moving(make):
    # 200 s of records: 50 s standing, 50 s walking about with the timer stopped, 100 s of running.
    speed = np.concatenate((np.zeros(51), np.full(150, 3.0)))
    found = summary_of(make(range(201), "run", pauses=[(50, 100)], speed_mps=speed))
    assert (found.duration_seconds, found.moving_seconds) == (150, 100)


def test_the_devices_timer_is_taken_where_the_records_bear_it_out(make):
    near = make(range(1001), power_watts=np.full(1001, 1.0), summary={"duration_seconds": 996.4})
    far = make(range(1001), power_watts=np.full(1001, 1.0), summary={"duration_seconds": 400.0})
    assert (summary_of(near).duration_seconds, summary_of(far).duration_seconds) == (996.4, 1000)


def test_an_activity_without_records_is_what_the_device_says(make):
    said = {"duration_seconds": 1800.0, "elapsed_seconds": 1900.0, "distance_meters": 1500.0}
    found = summary_of(make([], "swim", summary=said, end=1900))
    assert (found.duration_seconds, found.elapsed_seconds, found.distance_meters) == (1800, 1900, 1500)
    assert found.source == "device"


@pytest.mark.parametrize(("said", "expected"), [(0.0, 3600.0), (3500.0, 3600.0), (3650.0, 3650.0)])
def test_a_distance_of_zero_is_no_word_where_the_records_tell_of_more(make, said, expected):
    t = np.arange(1201)
    session = make(t, "run", distance_meters=3.0 * t, summary={"distance_meters": said})
    assert summary_of(session).distance_meters == expected
    nothing = make(t, heart_rate_bpm=np.full(1201, 120.0), summary={"distance_meters": 0.0})
    assert summary_of(nothing).distance_meters == 0


def test_a_pool_swim_is_summed_up_by_its_lengths(make):
    lengths = [(0, 30, True), (30, 60, True), (60, 90, False), (90, 120, True)]
    said = {"pool_length_meters": 25.0, "duration_seconds": 120.0}
    found = summary_of(make([], "swim", lengths=lengths, summary=said, end=120))
    assert (found.distance_meters, found.moving_seconds, found.duration_seconds) == (75, 90, 120)


def test_noise_on_the_flat_is_no_climb(make):
    rng = np.random.default_rng(4)
    session = make(range(3600), altitude_meters=200 + rng.normal(0, 0.5, 3600))
    assert elevation_gain_meters(clean(session)) == 0


def test_a_hill_counts_its_height(make):
    t = np.arange(3600)
    session = make(t, altitude_meters=300 - 150 * np.cos(2 * np.pi * t / 1800))
    assert elevation_gain_meters(clean(session)) == pytest.approx(600, rel=0.01)


def test_a_climb_with_small_dips_counts_from_low_to_high():
    assert climbed_meters(np.array([0, 5, 4, 12, 10.5, 20, 0, 3, 1.5, 6.0]), 2.0) == 26


def test_speed_uphill_is_worth_its_cost_on_the_flat(make):
    t = np.arange(1201)
    meters = 2.5 * t
    session = make(t, "run", distance_meters=meters, altitude_meters=0.1 * meters)
    graded = graded_speed(clean(session))
    assert np.median(graded) == pytest.approx(2.5 * minetti_cost(0.1) / 3.6, rel=0.005)
    assert metrics_of(session)["grade_adjusted_speed_mps"] == pytest.approx(2.5 * minetti_cost(0.1) / 3.6, rel=0.01)


def test_metrics_of_a_steady_ride(make):
    t = np.arange(1801)
    session = make(
        t, power_watts=np.full(1801, 200.0), heart_rate_bpm=np.full(1801, 140.0), cadence_rpm=np.full(1801, 90.0),
        distance_meters=10.0 * t,
    )  # fmt: skip
    found = metrics_of(session)
    assert found["mean_power_watts"] == found["normalized_power_watts"] == pytest.approx(200)
    assert found["xpower_watts"] == pytest.approx(200)
    assert found["variability_index"] == pytest.approx(1)
    assert found["work_kilojoules"] == pytest.approx(360)
    assert found["efficiency_factor"] == pytest.approx(200 / 140)
    assert found["decoupling"] == pytest.approx(0)
    assert found["mean_speed_mps"] == pytest.approx(10)
    assert (found["heart_rate_sd_bpm"], found["heart_rate_skewness"], found["heart_rate_seconds"]) == (0, 0, 1800)


def test_a_drifting_heart_decouples(make):
    # 200 W throughout; 140 bpm in the first half, 147 in the second: 1 - 140/147 = 4.76 %.
    session = make(
        range(2401), power_watts=np.full(2401, 200.0), heart_rate_bpm=np.repeat([140.0, 147.0], [1201, 1200])
    )
    assert metrics_of(session)["decoupling"] == pytest.approx(100 * (1 - 140 / 147), rel=1e-3)


def test_coasting_counts_for_power_and_not_for_cadence(make):
    half = np.repeat([200.0, 0.0], [301, 300])
    found = metrics_of(make(range(601), power_watts=half, cadence_rpm=half / 2.5))
    assert found["mean_power_watts"] == pytest.approx(100)
    assert found["mean_cadence_rpm"] == pytest.approx(80)


def test_a_pause_adds_no_time_to_power(make):
    t = [*range(301), *range(1000, 1301)]
    found = metrics_of(make(t, power_watts=np.full(602, 200.0), pauses=[(300, 1000)]))
    assert found["work_kilojoules"] == pytest.approx(120)
    assert found["normalized_power_watts"] == pytest.approx(200)


def test_a_mean_heart_rate_is_weighted_by_time(make):
    # Ten seconds at 100 bpm, one record a second, then twenty at 160, one record every ten.
    t = [*range(11), 20, 30]
    found = metrics_of(make(t, heart_rate_bpm=[100.0] * 11 + [160.0, 160.0]))
    assert found["mean_heart_rate_bpm"] == pytest.approx((10 * 100 + 10 * 130 + 10 * 160) / 30)


def test_swim_pace_leaves_out_the_rest_at_the_wall(make):
    lengths = [(0, 30, True), (30, 60, True), (60, 160, False), (160, 220, True)]
    said = {"pool_length_meters": 25.0, "duration_seconds": 220.0}
    found = metrics_of(make([], "swim", lengths=lengths, summary=said, end=220))
    assert found["swim_pace_seconds_per_100m"] == pytest.approx(160)


def test_zero_power_throughout_gives_no_power_metric(make):
    found = metrics_of(make(range(100), power_watts=np.zeros(100)))
    assert not [name for name in found if "power" in name or "work" in name]


@pytest.mark.parametrize(
    ("gap_hours", "said", "duration"),
    [
        (2, None, 1200),  # nobody says that it went on
        (2, 1200 + 7200, 1200 + 7200),  # the device does
        (2, 1200, 1200),
        (20, 1200 + 72_000, 1200),  # no timer runs through a night
        (27 * 24, 1200 + 27 * 86_400, 1200),
    ],
)
def test_a_silence_of_hours_is_not_ridden_unless_the_timer_says_so(make, gap_hours, said, duration):
    t = np.concatenate((np.arange(601), np.arange(600, 1201) + 3600 * gap_hours))
    summary = {"elapsed_seconds": float(t[-1]), **({"duration_seconds": float(said)} if said else {})}
    session = make(t, power_watts=np.full(len(t), 200.0), summary=summary)
    assert summarise(session, clean(session)).duration_seconds == pytest.approx(duration, abs=1)


def test_xpower_of_a_constant_is_the_constant():
    assert xpower(np.full(300, 250.0)) == pytest.approx(250)
    assert xpower(np.full(24, 250.0)) is None


def test_results_cross_a_process_pool(make):
    session = make(range(100), power_watts=np.full(100, 200.0))
    streams = clean(session)
    parcel = (streams, summarise(session, streams), compute_metrics(streams, session))
    back = pickle.loads(pickle.dumps(parcel))  # noqa: S301
    assert back[1:] == parcel[1:]
    assert back[0].seconds.tolist() == streams.seconds.tolist()
