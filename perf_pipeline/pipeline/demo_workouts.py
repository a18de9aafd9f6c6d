"""Workouts as segments: how long, how hard, and what may be random about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from perf_pipeline.pipeline.demo_plan import Body, Outing


@dataclass(frozen=True, slots=True)
class Segment:
    """`seconds` at `target` (W on the bike, m/s on foot). A `steady` one keeps its mean exactly and never coasts."""

    seconds: int
    target: float
    steady: bool = False


def segments(outing: Outing, body: Body, dice: np.random.Generator) -> list[Segment]:
    """The segments of a ride or run, none of which asks for more than the body has left."""
    if outing.sport == "bike":
        made, threshold, reserve = _ride(outing.work, body, dice), body.critical_power, body.w_prime
    else:
        made, threshold, reserve = _run(outing.work, body, dice), body.critical_speed, body.d_prime
    if not outing.is_test:
        while lowest_reserve(made, threshold, reserve) < 0.15 * reserve:
            made = [replace(s, target=s.target * 0.98) if s.target > threshold else s for s in made]
    return made


def lowest_reserve(made: list[Segment], threshold: float, reserve: float) -> float:
    """The lowest that W' (J) or D' (m) falls to: spent linearly above the threshold, refilled exponentially below."""
    left = lowest = reserve
    for segment in made:
        over = segment.target - threshold
        if over > 0:
            left -= over * segment.seconds
        else:
            left = reserve - (reserve - left) * float(np.exp(over * segment.seconds / reserve))
        lowest = min(lowest, left)
    return lowest


def _ride(work: str, body: Body, dice: np.random.Generator) -> list[Segment]:
    cp = body.critical_power
    warm = [Segment(600, 0.55 * cp), Segment(300, 0.75 * cp), Segment(180, 0.5 * cp)]
    cool = [Segment(int(dice.integers(420, 900)), 0.5 * cp)]
    match work:
        case "test_3_12" | "test_5_20":
            short, long = (180, 720) if work == "test_3_12" else (300, 1200)
            form = 1 - 0.006 * abs(float(dice.standard_normal()))
            rest = [Segment(1500, 0.5 * cp)]
            return [
                *warm,
                Segment(short, form * body.power_for(short), steady=True),
                *rest,
                Segment(long, form * body.power_for(long), steady=True),
                *cool,
            ]
        case "threshold":
            count, seconds, share = [(3, 720, 0.96), (2, 1200, 0.93), (4, 480, 0.98)][int(dice.integers(3))]
            return [*warm, *_repeats(count, seconds, share * cp, 300, 0.5 * cp), *cool]
        case "vo2max":
            count, seconds, share = [(5, 240, 1.08), (6, 180, 1.12), (8, 60, 1.28)][int(dice.integers(3))]
            return [*warm, *_repeats(count, seconds, share * cp, 180, 0.45 * cp), *cool]
        case "easy":
            return [Segment(int(dice.integers(2700, 3900)), 0.58 * cp)]
        case _:
            total = int(dice.integers(8400, 11400)) if work == "long" else int(dice.integers(4200, 6600))
            return _with_sprints(total, float(dice.uniform(0.62, 0.7)) * cp, cp, dice)


def _with_sprints(total: int, target: float, cp: float, dice: np.random.Generator) -> list[Segment]:
    """Steady riding with hills taken harder and a sprint or two for a town sign."""
    made: list[Segment] = []
    left = total
    while left > 0:
        block = int(dice.integers(600, 1500))
        made.append(Segment(min(block, left), target * float(dice.uniform(0.92, 1.06))))
        left -= block
        draw = dice.random()
        if left > 900 and draw < 0.3:
            made += [Segment(int(dice.integers(120, 360)), 0.95 * cp), Segment(240, 0.5 * cp)]
            left -= 500
        elif left > 900 and draw < 0.45:
            made += [Segment(int(dice.integers(6, 13)), 3.1 * cp, steady=True), Segment(240, 0.45 * cp)]
            left -= 250
    return made


def _repeats(count: int, seconds: int, target: float, rest: int, easy: float) -> list[Segment]:
    return [s for _ in range(count) for s in (Segment(seconds, target, steady=True), Segment(rest, easy))]


def _run(work: str, body: Body, dice: np.random.Generator) -> list[Segment]:
    cs = body.critical_speed
    form = 1 - 0.004 * abs(float(dice.standard_normal()))
    warm, cool = [Segment(780, 0.72 * cs)], [Segment(int(dice.integers(420, 720)), 0.7 * cs)]

    def all_out(meters: float) -> Segment:
        seconds = body.seconds_for(meters) / form
        # A second more than it takes, so that the distance itself is inside at this speed.
        return Segment(int(seconds) + 1, meters / seconds, steady=True)

    match work:
        case "test_1500_3000":
            return [*warm, all_out(1500), Segment(1500, 0.62 * cs), all_out(3000), *cool]
        case "test_5000":
            return [*warm, all_out(5000), *cool]
        case "race_10k":
            return [*warm, Segment(int(10_050 / (0.975 * cs)) + 1, 0.975 * cs, steady=True), *cool]
        case "intervals":
            return [*warm, *_repeats(6, 190, 1.04 * cs, 120, 0.6 * cs), *cool]
        case "tempo":
            return [*warm, Segment(int(dice.integers(1200, 1800)), 0.93 * cs, steady=True), *cool]
        case "long":
            return [Segment(int(dice.integers(4800, 6300)), 0.76 * cs)]
        case _:
            return [Segment(int(dice.integers(2400, 3900)), float(dice.uniform(0.74, 0.8)) * cs)]
