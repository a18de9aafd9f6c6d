"""From segments to what sensors would have recorded: power, speed, position, altitude, heart rate, cadence; 1 Hz."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

from perf_pipeline.pipeline.demo_workouts import Segment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_GRAVITY, _AIR, _DRAG_AREA, _ROLLING, _MASS = 9.81, 1.2, 0.33, 0.005, 80.0
_REST_BPM, _MAX_BPM = 48.0, 188.0
_METERS_PER_DEGREE = 111_195.0
_HOME = (0.05, 0.05)
"""Open ocean off Null Island: nobody lives there."""


@dataclass(frozen=True, slots=True)
class Route:
    """A closed loop. `x`, `y`, `z` (m,) metres east, north and up of home at the distances `s` (m,)."""

    s: Floats
    x: Floats
    y: Floats
    z: Floats

    def position(self, distance: Floats) -> tuple[Floats, Floats, Floats]:
        """Latitude and longitude in degrees and altitude in metres after `distance` metres along the loop."""
        along = np.mod(distance, self.s[-1])
        east, north, up = (np.interp(along, self.s, axis) for axis in (self.x, self.y, self.z))
        latitude = _HOME[0] + north / _METERS_PER_DEGREE
        longitude = _HOME[1] + east / _METERS_PER_DEGREE
        return latitude, longitude, up

    def grade(self, distance: Floats) -> Floats:
        """Slope (1 is 45 degrees) after `distance` metres."""
        slope = np.gradient(self.z, self.s)
        steep: Floats = np.interp(np.mod(distance, self.s[-1]), self.s, slope)
        return steep


def route(number: int, meters: float, hills: float) -> Route:
    """Loop number `number` of about `meters` with hills of about `hills` metres, the same on every machine."""
    dice = np.random.Generator(np.random.PCG64([number, 17]))
    angle = np.linspace(0, 2 * np.pi, 1500)
    radius = np.ones_like(angle)
    z = np.zeros_like(angle)
    for k in range(2, 7):
        a, b = dice.uniform(-0.25, 0.25, 2) / k
        radius += a * np.cos(k * angle) + b * np.sin(k * angle)
        c, d = dice.uniform(-1, 1, 2)
        z += hills / k * (c * np.cos(k * angle) + d * np.sin(k * angle))
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    s = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    scale = meters / s[-1]
    x, y = (x - x[0]) * scale, (y - y[0]) * scale
    return Route(s * scale, x, y, z - z.min() + 5.0)


def track() -> Route:
    """A flat 400 m oval."""
    s = np.linspace(0, 400, 161)
    straight, turn = 84.39, 400 / 2 - 84.39
    radius = turn / np.pi
    lap = np.mod(s, 200)
    on_turn = lap > straight
    angle = np.clip((lap - straight) / radius, 0, np.pi)
    x = np.where(on_turn, straight / 2 + radius * np.sin(angle), lap - straight / 2)
    y = np.where(on_turn, -radius * np.cos(angle), -radius)
    half = np.where(s >= 200, -1.0, 1.0)
    half[-1], x[-1], y[-1] = 1.0, x[0], y[0]
    return Route(s, half * x, half * y, np.full_like(s, 12.0))


def smooth_noise(n: int, seconds: float, dice: np.random.Generator) -> Floats:
    """(n,) noise of unit variance that forgets itself over `seconds`."""
    keep = np.exp(-1 / seconds)
    noise: Floats = lfilter([np.sqrt(1 - keep * keep)], [1, -keep], dice.standard_normal(n))
    return noise


def follow(made: list[Segment], roughness: float, dice: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Second by second what the athlete does of the plan, and where it was to be steady.

    A steady segment keeps its planned mean exactly.
    """
    sizes = [segment.seconds for segment in made]
    target = np.repeat([segment.target for segment in made], sizes)
    steady = np.repeat([segment.steady for segment in made], sizes)
    n = len(target)
    rough = np.where(steady, 0.25 * roughness, roughness)
    done = target * np.maximum(0.0, 1 + rough * (0.8 * smooth_noise(n, 12, dice) + 0.6 * dice.standard_normal(n)))
    begin = 0
    for segment in made:
        if segment.steady:
            part = slice(begin, begin + segment.seconds)
            done[part] *= segment.target / done[part].mean()
        begin += segment.seconds
    return done, steady


def coast(power: Floats, steady: NDArray[np.bool_], grade: Floats | None, dice: np.random.Generator) -> Floats:
    """Zeros where nobody pedals: downhill, and now and then for some seconds."""
    n = len(power)
    idle = np.zeros(n, bool)
    for begin in dice.integers(0, n, n // 240):
        idle[begin : begin + int(dice.integers(3, 15))] = True
    if grade is not None:
        idle |= grade < -0.035
    return np.where(idle & ~steady, 0.0, power)


def ride_speed(power: Floats, grade: Floats) -> Floats:
    """(n,) m/s that `power` W gives on `grade`: Newton's method on the balance of air, rolling and slope."""
    air, hold = 0.5 * _AIR * _DRAG_AREA, _MASS * _GRAVITY * (_ROLLING + grade)
    v = np.full(len(power), 9.0)
    for _ in range(12):
        v = np.clip(v - (air * v**3 + hold * v - 0.97 * power) / np.maximum(3 * air * v**2 + hold, 2.0), 1.5, 19.0)
    return lag(v, 9.0)


def lag(values: Floats, seconds: float) -> Floats:
    """A first-order lag from the first value on."""
    keep = np.exp(-1 / seconds)
    out: Floats = lfilter([1 - keep], [1, -keep], values, zi=[keep * values[0]])[0]
    return out


def heart_rate(intensity: Floats, dice: np.random.Generator) -> Floats:
    """bpm: lags behind `intensity` (1 is the threshold) by about half a minute and drifts up with the hours."""
    n = len(intensity)
    share = 0.12 + 0.76 * np.clip(lag(np.clip(intensity, 0, 1.6), 28.0), 0, 1.3)
    drift = 1 + 0.035 * np.arange(n) / 3600
    beats = _REST_BPM + (_MAX_BPM - _REST_BPM) * share * drift + 1.5 * smooth_noise(n, 20, dice)
    start = np.clip(np.arange(n) / 90, 0, 1)
    return np.clip(85 + (beats - 85) * start, _REST_BPM, _MAX_BPM)


def wander(latitude: Floats, longitude: Floats, dice: np.random.Generator) -> tuple[Floats, Floats]:
    """Positions as a receiver gives them: a metre or two off, slowly changing."""
    n, scale = len(latitude), 1.2 / _METERS_PER_DEGREE
    return latitude + scale * smooth_noise(n, 60, dice), longitude + scale * smooth_noise(n, 60, dice)
