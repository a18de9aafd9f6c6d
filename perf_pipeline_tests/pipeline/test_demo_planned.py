"""The demo's planned workouts: files that are read, of which one is too much for the demo athlete."""

from __future__ import annotations

from datetime import date

from perf_pipeline.formats.workouts_reading import read_workout
from perf_pipeline.physiology.adaptation import Adaptation, Plan, State, adapt
from perf_pipeline.physiology.finishing import Ability
from perf_pipeline.physiology.readiness import Signals, readiness
from perf_pipeline.pipeline.demo_plan import SEASONS_DAYS, body_on, outings
from perf_pipeline.pipeline.demo_planned import DONE_DAY, planned_files
from perf_pipeline.pipeline.stages.workout_adaptations import quantity_of

TODAY = date(2026, 11, 25)


def test_the_planned_workouts_are_read_and_named_with_their_day() -> None:
    files = {file.name: read_workout(file.data) for file in planned_files(TODAY)}
    assert {name.rpartition(".")[2] for name in files} == {"zwo", "erg", "yaml"}
    assert [workout.sport for workout in files.values()] == ["bike", "bike", "run", "bike"]
    assert list(planned_files(TODAY)) == list(planned_files(TODAY))


def test_the_hard_one_has_to_be_changed_for_the_demo_athlete() -> None:
    hard = read_workout(next(iter(planned_files(TODAY))).data)
    body = body_on(SEASONS_DAYS - 1)
    quantity = quantity_of(hard.items)
    assert quantity is not None
    cp, reserve = body.critical_power, body.w_prime
    able = Ability(quantity, cp, cp * 0.99, cp * 1.01, reserve, reserve * 0.95, reserve * 1.05)
    found = adapt(Plan(hard.items), State(able, readiness(Signals())))
    assert isinstance(found, Adaptation)
    assert found.is_changed


def test_the_one_that_was_done_lies_on_a_day_of_threshold_work() -> None:
    done = {outing.on: outing.work for outing in outings(7, date(2026, 10, 31), 30)}
    assert done[DONE_DAY] == "threshold"
