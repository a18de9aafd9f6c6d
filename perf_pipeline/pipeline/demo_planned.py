"""Workouts planned for the demo athlete: one that is too much, one in the watts of last winter, one on the track."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from perf_pipeline.formats.workouts import Intensity, Quantity, Repeat, Step, Target, Workout
from perf_pipeline.formats.workouts_erg import write_erg
from perf_pipeline.formats.workouts_yaml import write_workout_yaml
from perf_pipeline.formats.workouts_zwo import write_zwo
from perf_pipeline.pipeline.demo_athlete import DemoFile
from perf_pipeline.pipeline.demo_plan import DEFAULT_END

_OLD_THRESHOLD = 262.0
DONE_DAY = DEFAULT_END - timedelta(days=11)
"""A day on which the demo athlete rode 2 x 20 min at threshold."""


def planned_files(today: date) -> Iterator[DemoFile]:
    """The workouts, for today and the days after it, in a format each."""
    hard = Workout("5 x 5 min VO2max", "bike", (_warm_up(), *_bike(5, 300, 1.20, 180), _cool_down()))
    yield DemoFile(f"workouts/{today} vo2max.zwo", write_zwo(hard, 1.0))
    # In the watts of last winter's threshold, as a coach's spreadsheet would have it.
    steady = Workout("3 x 12 min threshold", "bike", (_warm_up(), *_bike(3, 720, 0.96, 300), _cool_down()))
    yield DemoFile(f"workouts/{today + timedelta(days=1)} threshold.erg", write_erg(steady, _OLD_THRESHOLD))
    fast = Step(Intensity.WORK, None, 1000.0, Target(Quantity.SPEED, 1.02, 1.04, relative=True))
    jog = Step(Intensity.REST, 120.0)
    track = Workout(
        "6 x 1000 m", "run", (Step(Intensity.WARMUP, 900.0), Repeat(6, (fast, jog)), Step(Intensity.COOLDOWN, 600.0)),
        day=today + timedelta(days=2), notes="On the track, walk the rests.",
    )  # fmt: skip
    yield DemoFile("workouts/track.yaml", write_workout_yaml(track))
    # One that was done, on a day of the second season: see `demo_workouts`.
    done = Workout("2 x 20 min", "bike", (_warm_up(), *_bike(2, 1200, 0.93, 300), _cool_down()))
    yield DemoFile(f"workouts/{DONE_DAY} two by twenty.zwo", write_zwo(done, 1.0))


def _bike(count: int, seconds: float, share: float, rest: float) -> tuple[Repeat]:
    def at(value: float) -> Target:
        return Target(Quantity.POWER, value, value, relative=True)

    return (Repeat(count, (Step(Intensity.WORK, seconds, None, at(share)), Step(Intensity.REST, rest, None, at(0.5)))),)


def _warm_up() -> Step:
    return Step(Intensity.WARMUP, 900.0, None, Target(Quantity.POWER, 0.45, 0.75, relative=True, ramp=True))


def _cool_down() -> Step:
    return Step(Intensity.COOLDOWN, 600.0, None, Target(Quantity.POWER, 0.60, 0.40, relative=True, ramp=True))
