"""Faults put into made rides and runs: how many are found, and how much of what is found was put there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from perf_pipeline.formats.model import Session, Streams
from perf_pipeline.physiology.cleaning import clean

START_MS = 1_600_000_000_000
ROLLOVER_MS = 1024 * 7 * 86_400_000
RECORDINGS = 12
NEAR_SECONDS = 20.0
Injected = tuple[Session, list[float]]


@dataclass
class Made:
    """A recording in the making: seconds, channels, and the dice."""

    t: np.ndarray
    channels: dict[str, np.ndarray]
    dice: np.random.Generator
    sport: str

    def session(self, time_ms: np.ndarray | None = None, elapsed: float | None = None) -> Session:
        stamps = START_MS + (1000 * self.t).astype(np.int64) if time_ms is None else time_ms
        counted = float(self.t[-1]) if elapsed is None else elapsed
        summary = {"elapsed_seconds": counted} if elapsed != 0 else {}
        return Session(0, self.sport, START_MS, int(stamps[-1]), Streams(stamps, self.channels), summary=summary)

    def places(self, count: int, apart: int = 120) -> list[int]:
        """Rows at which something is put in, none near another."""
        slots = self.dice.permutation(np.arange(100, len(self.t) - 150, apart))[:count]
        return sorted(int(slot + self.dice.integers(0, 20)) for slot in slots)


def red(dice, n, minutes, size):
    """Noise that wanders: mean 0, standard deviation `size`, correlated over so many minutes."""
    from scipy.signal import lfilter

    keep = np.exp(-1 / (60 * minutes))
    out = lfilter([np.sqrt(1 - keep**2)], [1, -keep], dice.standard_normal(n + 600))[600:]
    return size * out


def a_ride(seed: int, n: int = 3600) -> Made:
    """Intervals, coasting, sprints that rise and fall, standing starts; whole watts and beats; scattered positions."""
    dice = np.random.default_rng([seed, 1])
    t = np.arange(n, dtype=float)
    blocks = np.repeat(dice.choice([140.0, 190.0, 230.0, 290.0, 340.0], n // 90 + 1), 90)[:n]
    power = blocks + red(dice, n, 0.1, 22) + 12 * dice.standard_normal(n)
    cadence = np.round(88 + red(dice, n, 0.3, 5) + dice.standard_normal(n))
    for at in dice.integers(50, n - 60, 12):
        stop = at + int(dice.integers(4, 25))
        power[at:stop] = 0
        cadence[at:stop] = 0
    for at in dice.integers(50, n - 60, 6):
        shape = np.sin(np.linspace(0.25, 2.9, int(dice.integers(6, 16))))
        power[at : at + len(shape)] = np.maximum(power[at : at + len(shape)], dice.uniform(600, 1150) * shape)
        cadence[at : at + len(shape)] = np.round(100 + 15 * shape)
    for at in dice.integers(50, n - 60, 6):
        power[at : at + 3] = dice.uniform(450, 700) * np.array([0.8, 1.0, 0.85])
    power = np.round(np.clip(power, 0, None))
    heart = np.round(128 + 0.12 * (np.convolve(power, np.ones(60) / 60, "same") - 200) + red(dice, n, 2, 4))
    speed = np.clip(8.5 + red(dice, n, 0.8, 1.6), 2.5, 17)
    return Made(t, {**course(dice, speed), "power_watts": power, "cadence_rpm": cadence, "heart_rate_bpm": heart}, dice,
                "bike")  # fmt: skip


def a_run(seed: int, n: int = 3600) -> Made:
    dice = np.random.default_rng([seed, 2])
    speed = np.clip(3.3 + red(dice, n, 0.5, 0.35), 1.5, 6)
    heart = np.round(145 + 6 * (np.convolve(speed, np.ones(60) / 60, "same") - 3.3) + red(dice, n, 2, 4))
    cadence = np.round(86 + red(dice, n, 0.3, 1.5) + 0.7 * dice.standard_normal(n))
    made = Made(np.arange(n, dtype=float), {**course(dice, speed), "heart_rate_bpm": heart, "cadence_rpm": cadence},
                dice, "run")  # fmt: skip
    if seed % 2:
        del made.channels["distance_meters"]
    return made


def course(dice, speed):
    """Positions with a receiver's scatter along a winding course with sharp corners, and the device's distance."""
    n = len(speed)
    turn = red(dice, n, 0.1, 0.05)
    for at in dice.integers(10, n - 10, n // 120):
        turn[at : at + 2] += dice.choice([-1, 1]) * np.pi / 4
    heading = np.cumsum(turn)
    north, east = np.cumsum(speed * np.cos(heading)), np.cumsum(speed * np.sin(heading))
    north, east = (x + red(dice, n, 0.3, 2.5) + 0.5 * dice.standard_normal(n) for x in (north, east))
    return {
        "latitude_degrees": 47 + north / 111_195.08,
        "longitude_degrees": 8 + east / (111_195.08 * np.cos(np.radians(47))),
        "distance_meters": np.round(np.cumsum(speed), 2),
    }


def power_spikes(made: Made) -> Injected:
    """One or two records of 450 to 1,900 W above what was ridden."""
    at = made.places(12)
    for row in at:
        width = int(made.dice.integers(1, 3))
        made.channels["power_watts"][row : row + width] += np.round(made.dice.uniform(450, 1900, width))
    return made.session(), at


def dropouts(made: Made) -> Injected:
    """A sensor silent for 5 to 40 s: no value at all, or a heart rate of 0, or no power from a turning crank."""
    power, cadence, heart = (made.channels[k] for k in ("power_watts", "cadence_rpm", "heart_rate_bpm"))
    found = []
    for row in made.places(12):
        width = int(made.dice.integers(5, 40))
        kind = made.dice.integers(0, 4)
        if kind == 0:
            power[row : row + width] = np.nan
        elif kind == 1:
            heart[row : row + width] = made.dice.choice([0, np.nan])
        elif kind == 2:
            cadence[row : row + width] = np.nan
        elif (cadence[row - 2 : row + width + 2] > 60).all() and power[[row - 1, row + width]].min() > 80:
            power[row : row + width] = 0
        else:
            continue
        found.append(row)
    return made.session(), found


def frozen_sensors(made: Made) -> Injected:
    """A channel that keeps its value for 75 to 110 s."""
    at = made.places(8, apart=180)
    for row in at:
        name = made.dice.choice(["power_watts", "heart_rate_bpm", "cadence_rpm"])
        values = made.channels[name]
        values[row : row + int(made.dice.integers(75, 110))] = max(values[row], 60)
    return made.session(), at


def gps_jumps(made: Made) -> Injected:
    """Positions 30 m to 3 km away for 1 to 10 s."""
    at = made.places(10)
    for row in at:
        width, far, way = (
            int(made.dice.integers(1, 11)),
            30 * 100 ** made.dice.random(),
            made.dice.uniform(0, 2 * np.pi),
        )
        made.channels["latitude_degrees"][row : row + width] += far * np.cos(way) / 111_195
        made.channels["longitude_degrees"][row : row + width] += far * np.sin(way) / (111_195 * np.cos(np.radians(47)))
    return made.session(), at


def clock_steps(made: Made) -> Injected:
    """One fault a recording: a step of 1024 weeks, a set-back, a jump that was not counted, rows of another day."""
    stamps = START_MS + (1000 * made.t).astype(np.int64)
    row = int(made.dice.integers(400, len(stamps) - 400))
    kind = int(made.dice.integers(0, 5))
    if kind == 0:
        stamps[:row] -= ROLLOVER_MS
    elif kind == 1:
        stamps[row:] += ROLLOVER_MS
    elif kind == 2:
        stamps[row:] -= 1000 * int(made.dice.integers(10, 300))
    elif kind == 3:
        stamps[row:] += 1000 * int(made.dice.integers(7200, 80_000))
    else:
        row = int(made.dice.integers(3, 20))
        stamps[:row] -= 86_400_000 * int(made.dice.integers(2, 900))
        return made.session(stamps, 0), [0.0]
    return made.session(stamps), [float(row)]


def hits(session: Session, kinds: set[str], at: list[float]) -> tuple[int, int, int]:
    """(faults found, faults put in, findings that nothing was put near)."""
    found = [a for a in clean(session).anomalies if a.kind in kinds]
    near = [[a for a in found if a.first_second - NEAR_SECONDS <= row <= a.last_second + NEAR_SECONDS] for row in at]
    matched = {id(a) for group in near for a in group}
    return sum(bool(group) for group in near), len(at), sum(id(a) not in matched for a in found)


@pytest.mark.parametrize(
    ("inject", "kinds", "makers"),
    [
        (power_spikes, {"power_spike", "out_of_bounds"}, (a_ride,)),
        (dropouts, {"dropout"}, (a_ride,)),
        (frozen_sensors, {"frozen_sensor"}, (a_ride,)),
        (gps_jumps, {"gps_jump"}, (a_ride, a_run)),
        (clock_steps, {"clock_step"}, (a_ride, a_run)),
    ],
)
def test_faults_are_found_and_nothing_else_is(
    inject: Callable[[Made], Injected], kinds: set[str], makers: tuple[Callable[[int], Made], ...]
):
    totals = np.zeros(3, dtype=int)
    for make in makers:
        for seed in range(RECORDINGS):
            session, at = inject(make(seed))
            totals += hits(session, kinds, at)
    found, put_in, others = totals.tolist()
    assert put_in >= 20
    assert found / put_in >= 0.95, (found, put_in, others)
    assert found / (found + others) >= 0.95, (found, put_in, others)


@pytest.mark.parametrize("make", [a_ride, a_run])
def test_what_was_made_without_faults_is_told_without_anomalies(make):
    kinds = [a.kind for seed in range(RECORDINGS) for a in clean(make(seed).session()).anomalies]
    assert len(kinds) <= 1, kinds


def test_a_recording_that_a_rollover_cuts_is_put_together_again():
    made = a_ride(3)
    whole = clean(made.session())
    stamps = START_MS + (1000 * made.t).astype(np.int64)
    stamps[:1200] -= ROLLOVER_MS
    cut = clean(made.session(stamps))
    assert cut.seconds.tolist() == whole.seconds.tolist()
    assert cut.start_ms == whole.start_ms
    assert cut.get("power_watts").tolist() == whole.get("power_watts").tolist()


def test_a_stretch_that_was_written_twice_is_not_taken_for_a_clock_that_was_set_back():
    made = a_ride(4)
    rows = np.concatenate((np.arange(2000), np.arange(1800, 3600)))
    stamps = START_MS + (1000 * made.t).astype(np.int64)
    session = made.session(stamps)
    twice = Streams(stamps[rows], {k: v[rows] for k, v in made.channels.items()})
    streams = clean(replace(session, streams=twice))
    assert streams.seconds.tolist() == made.t.tolist()
    assert "clock_step" not in {a.kind for a in streams.anomalies}


def test_a_real_stop_of_two_hours_that_the_device_counted_stays():
    made = a_run(2)
    stamps = START_MS + (1000 * made.t).astype(np.int64)
    stamps[1500:] += 7_200_000
    streams = clean(made.session(stamps, elapsed=float(made.t[-1]) + 7200))
    assert streams.seconds[-1] == made.t[-1] + 7200
    assert streams.anomalies == ()


def test_the_devices_own_distance_outlives_a_jump_of_its_positions():
    made = a_ride(6)
    before = clean(made.session()).get("distance_meters")[-1]
    after = clean(gps_jumps(a_ride(6))[0]).get("distance_meters")[-1]
    assert after == pytest.approx(before, rel=1e-9)


def test_distance_from_positions_is_not_lengthened_by_jumps():
    straight, jumping = a_run(5), a_run(5)
    session, _ = gps_jumps(jumping)
    assert clean(session).get("distance_meters")[-1] == pytest.approx(
        clean(straight.session()).get("distance_meters")[-1], rel=0.01
    )
