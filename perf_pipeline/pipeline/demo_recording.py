"""One outing as the file that a device would have made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from perf_pipeline.formats.model import ActivityFile, Device, FileFormat, FileKind, Lap, Length, Pause, Session, Streams
from perf_pipeline.pipeline import demo_signals as signals
from perf_pipeline.pipeline.demo_plan import Body, Outing
from perf_pipeline.pipeline.demo_workouts import Segment, segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DECIMALS = {
    "latitude_degrees": 6,
    "longitude_degrees": 6,
    "altitude_meters": 1,
    "distance_meters": 2,
    "speed_mps": 3,
    "power_watts": 0,
    "heart_rate_bpm": 0,
    "cadence_rpm": 0,
    "temperature_celsius": 0,
}
"""What a device would write. Rounding also makes the bytes the same where the last bit of a sine is not."""
_BIKE_ROUTES = tuple(
    (n, meters, hills) for n, (meters, hills) in enumerate([(31e3, 90.0), (24e3, 35.0), (52e3, 140.0)])
)
_RUN_ROUTES = tuple(
    (10 + n, meters, hills) for n, (meters, hills) in enumerate([(6e3, 12.0), (9.5e3, 25.0), (4e3, 5.0)])
)
_POOL_METERS = 25.0
_BIKE_COMPUTER = Device("wahoo_fitness", "31", "15.2")
_WATCH = Device("garmin", "3288", "12.1")


@dataclass(frozen=True, slots=True)
class Leg:
    """Second by second channels of one sport, in natural units, and the plan's segments as (begin, end) seconds."""

    channels: dict[str, Floats]
    parts: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(next(iter(self.channels.values())))


def record(outing: Outing, body: Body, dice: np.random.Generator) -> ActivityFile:
    """The file of a ride, run, swim or triathlon on the outing's day."""
    clock = 11 if outing.work.startswith("race") else int(dice.integers(6, 18))
    moment = datetime(outing.on.year, outing.on.month, outing.on.day, clock, int(dice.integers(60)), 7, tzinfo=UTC)
    start_ms = int(moment.timestamp()) * 1000
    if outing.sport == "triathlon":
        return _file(_triathlon(start_ms, body, dice), _WATCH)
    if outing.sport == "swim":
        return _file((_swim(start_ms, outing, body, dice),), _WATCH)
    made = segments(outing, body, dice)
    if outing.sport == "bike":
        leg = ride(made, body, dice, indoor=outing.indoor, month=outing.on.month)
        sub_sport = "indoor_cycling" if outing.indoor else "road"
    else:
        on_track = outing.work.startswith("test")
        leg = run(made, body, dice, indoor=outing.indoor, on_track=on_track)
        sub_sport = "treadmill" if outing.indoor else "track" if on_track else "street"
    pauses = _stops(leg, dice) if not outing.indoor and not outing.is_test and len(leg) > 4000 else []
    session = _session(leg, outing.sport, sub_sport, start_ms, pauses)
    return _file((session,), _BIKE_COMPUTER if outing.sport == "bike" else _WATCH)


def ride(made: list[Segment], body: Body, dice: np.random.Generator, *, indoor: bool, month: int) -> Leg:
    """A ride with power; indoors without position, altitude and hills."""
    power, steady = signals.follow(made, 0.05 if indoor else 0.16, dice)
    n = len(power)
    if indoor:
        speed = signals.ride_speed(power, np.zeros(n))
        where: dict[str, Floats] = {}
    else:
        loop = signals.route(*_BIKE_ROUTES[int(dice.integers(len(_BIKE_ROUTES)))])
        speed = np.full(n, 8.5)
        # Where the rider is decides the slope, and the slope the speed: three rounds settle it well enough.
        for _ in range(3):
            grade = loop.grade(np.cumsum(speed))
            speed = signals.ride_speed(np.where((grade < -0.035) & ~steady, 0.0, power), grade)
        power = signals.coast(power, steady, loop.grade(np.cumsum(speed)), dice)
        where = _where(loop, _distance(speed), dice)
    pedalled = signals.lag(np.maximum(power, 0.0), 6.0)
    cadence = np.where(power > 0, 88 + 4 * signals.smooth_noise(n, 30, dice), 0.0)
    warm = 16 + 9 * np.cos(2 * np.pi * (month - 7.5) / 12) if not indoor else 21.0
    temperature = warm + 1.5 * signals.smooth_noise(n, 1200, dice)
    channels = where | {
        "distance_meters": _distance(speed),
        "speed_mps": speed,
        "power_watts": power,
        "heart_rate_bpm": signals.heart_rate(pedalled / body.critical_power, dice),
        "cadence_rpm": cadence,
        "temperature_celsius": temperature,
    }
    return Leg(_rounded(channels), _parts(made))


def run(made: list[Segment], body: Body, dice: np.random.Generator, *, indoor: bool, on_track: bool) -> Leg:
    """A run; on a treadmill without position and altitude."""
    speed, _ = signals.follow(made, 0.03, dice)
    channels: dict[str, Floats] = {}
    if not indoor:
        loop = signals.track() if on_track else signals.route(*_RUN_ROUTES[int(dice.integers(len(_RUN_ROUTES)))])
        channels = _where(loop, _distance(speed), dice)
    channels |= {
        "distance_meters": _distance(speed),
        "speed_mps": speed,
        "heart_rate_bpm": signals.heart_rate(speed / body.critical_speed, dice),
        "cadence_rpm": 70 + 4.6 * speed + signals.smooth_noise(len(speed), 30, dice),
    }
    return Leg(_rounded(channels), _parts(made))


def _where(loop: signals.Route, distance: Floats, dice: np.random.Generator) -> dict[str, Floats]:
    latitude, longitude, altitude = loop.position(distance)
    latitude, longitude = signals.wander(latitude, longitude, dice)
    drift = 1.5 * signals.smooth_noise(len(distance), 900, dice)
    return {"latitude_degrees": latitude, "longitude_degrees": longitude, "altitude_meters": altitude + drift}


def _distance(speed: Floats) -> Floats:
    """Metres at the end of each second; the first record is the start."""
    covered = np.cumsum(speed)
    covered -= covered[0]
    return covered


def _rounded(channels: dict[str, Floats]) -> dict[str, Floats]:
    # Adding zero takes the sign from a negative zero.
    return {name: np.round(values, _DECIMALS[name]) + 0.0 for name, values in channels.items()}


def _parts(made: list[Segment]) -> tuple[tuple[int, int], ...]:
    ends = np.cumsum([segment.seconds for segment in made]).tolist()
    return tuple(zip([0, *ends[:-1]], ends, strict=True))


def _stops(leg: Leg, dice: np.random.Generator) -> list[tuple[int, int]]:
    """(second of moving time, seconds) of a stop between two segments of a long outing: a café, a flat tyre."""
    if len(leg.parts) < 3 or dice.random() < 0.4:
        return []
    after = leg.parts[len(leg.parts) // 2][1]
    return [(after, int(dice.integers(120, 900)))]


def _session(
    leg: Leg, sport: str, sub_sport: str, start_ms: int, stops: list[tuple[int, int]], *, index: int = 0
) -> Session:
    n = len(leg)
    seconds = np.arange(n, dtype=np.int64)
    pauses = []
    for after, length in stops:
        pauses.append(
            Pause(start_ms + 1000 * int(seconds[after - 1]), start_ms + 1000 * (int(seconds[after - 1]) + length))
        )
        seconds[after:] += length
    time_ms = start_ms + 1000 * seconds
    laps = tuple(
        Lap(int(time_ms[a]), int(time_ms[min(b, n - 1)]), _summary(leg, a, b)) for a, b in leg.parts if b - a > 1
    )
    return Session(
        index=index,
        sport=sport,
        start_ms=start_ms,
        end_ms=int(time_ms[-1]),
        streams=Streams(time_ms, leg.channels),
        sport_raw={"bike": "cycling", "run": "running", "swim": "swimming"}.get(sport, sport),
        sub_sport=sub_sport,
        utc_offset_seconds=0,
        laps=laps,
        pauses=tuple(pauses),
        summary=_summary(leg, 0, n),
    )


def _summary(leg: Leg, begin: int, end: int) -> dict[str, float]:
    """What the device would say of the seconds from `begin` to `end`."""
    part = {name: values[begin:end] for name, values in leg.channels.items()}
    distance = part["distance_meters"]
    summary = {"duration_seconds": float(end - begin), "distance_meters": float(round(distance[-1] - distance[0], 2))}
    for name, mean, most in (
        ("power_watts", "mean_power_watts", "max_power_watts"),
        ("heart_rate_bpm", "mean_heart_rate_bpm", "max_heart_rate_bpm"),
        ("cadence_rpm", "mean_cadence_rpm", "max_cadence_rpm"),
        ("speed_mps", "mean_speed_mps", "max_speed_mps"),
    ):
        if name in part:
            summary[mean] = float(np.round(part[name].mean(), _DECIMALS[name]))
            summary[most] = float(part[name].max())
    if "altitude_meters" in part:
        steps = np.diff(part["altitude_meters"][::10])
        summary["elevation_gain_meters"] = float(np.round(steps[steps > 0].sum()))
    if "power_watts" in part:
        summary["work_joules"] = float(part["power_watts"].sum())
        summary["energy_kcal"] = float(np.round(part["power_watts"].sum() / 4184 / 0.24))
    return summary


def _file(sessions: tuple[Session, ...], device: Device) -> ActivityFile:
    return ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, sessions, device)


def _swim(start_ms: int, outing: Outing, body: Body, dice: np.random.Generator) -> Session:
    """A pool swim in lengths of 25 m."""
    css = body.critical_swim_speed
    sets: list[tuple[int, float, int]] = [(8, 0.85 * css, 30)]
    match outing.work:
        case "test_400_200":
            sets += [(16, 400 / body.swim_seconds_for(400), 420), (8, 200 / body.swim_seconds_for(200), 300)]
        case "intervals":
            sets += [(4, 0.99 * css, 20)] * 10
        case _:
            sets += [(20, 0.91 * css, 40)] * 3
    sets.append((8, 0.82 * css, 0))
    # The exact time of each wall, then the whole second that the device gives it: errors do not add up.
    exact, lengths = 0.0, []
    for count, speed, rest in sets:
        for _ in range(count):
            begin, exact = exact, exact + _POOL_METERS / speed
            lengths.append(_length(start_ms, begin, exact, int(dice.integers(14, 18))))
        if rest:
            begin, exact = exact, exact + rest
            lengths.append(_length(start_ms, begin, exact, None))
    return _pool_session(start_ms, tuple(lengths), css, dice)


def _length(start_ms: int, begin: float, end: float, strokes: int | None) -> Length:
    stroke = None if strokes is None else "freestyle"
    return Length(start_ms + 1000 * round(begin), start_ms + 1000 * round(end), strokes is not None, strokes, stroke)


def _pool_session(start_ms: int, lengths: tuple[Length, ...], css: float, dice: np.random.Generator) -> Session:
    walls = np.array([0, *((length.end_ms - start_ms) // 1000 for length in lengths)], np.float64)
    swum = np.cumsum([0.0, *(_POOL_METERS * length.active for length in lengths)])
    seconds = np.arange(int(walls[-1]) + 1, dtype=np.float64)
    distance = np.interp(seconds, walls, swum)
    speed = np.diff(distance, prepend=0.0)
    leg = Leg(
        _rounded(
            {
                "distance_meters": distance,
                "speed_mps": speed,
                "heart_rate_bpm": signals.heart_rate(speed / css, dice),
                "cadence_rpm": np.where(speed > 0, 30 + 0 * speed, 0.0),
            }
        ),
        ((0, len(seconds)),),
    )
    session = _session(leg, "swim", "lap_swimming", start_ms, [])
    return replace(session, lengths=lengths, summary={**session.summary, "pool_length_meters": _POOL_METERS})


def _triathlon(start_ms: int, body: Body, dice: np.random.Generator) -> tuple[Session, ...]:
    """1500 m of open water, 40 km, 10 km, with the transitions between them, one session each."""
    swum = signals.route(20, 1500, 0.0)
    strokes, _ = signals.follow(
        [Segment(round(1500 / (0.97 * body.critical_swim_speed)), 0.97 * body.critical_swim_speed)], 0.04, dice
    )
    water = _where(swum, _distance(strokes), dice) | {
        "distance_meters": _distance(strokes),
        "speed_mps": strokes,
        "heart_rate_bpm": signals.heart_rate(np.full(len(strokes), 0.95), dice),
    }
    del water["altitude_meters"]
    legs = [
        ("swim", "open_water", Leg(_rounded(water), ((0, len(strokes)),))),
        ("transition", "swim_to_bike_transition", run([Segment(150, 2.2)], body, dice, indoor=False, on_track=True)),
        ("bike", "road", ride([Segment(3900, 0.93 * body.critical_power)], body, dice, indoor=False, month=7)),
        ("transition", "bike_to_run_transition", run([Segment(80, 2.2)], body, dice, indoor=False, on_track=True)),
        (
            "run",
            "street",
            run(
                [Segment(round(10_000 / (0.95 * body.critical_speed)), 0.95 * body.critical_speed, steady=True)],
                body,
                dice,
                indoor=False,
                on_track=False,
            ),
        ),
    ]
    sessions = []
    begin = start_ms
    for index, (sport, sub_sport, leg) in enumerate(legs):
        sessions.append(_session(leg, sport, sub_sport, begin, [], index=index))
        begin = sessions[-1].end_ms + 1000
    return tuple(sessions)
