"""Milestones and recovery: rules over plain sequences."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from perf_pipeline.physiology.milestones import Done, milestones
from perf_pipeline.physiology.recovery import DayState, recovery_alerts

D0 = date(2024, 1, 1)


def day(n):
    return D0 + timedelta(days=n)


def rides(count, every=2, **known):
    return [Done(f"r{n:04d}", day(every * n), "bike", 86_400_000 * n, **known) for n in range(count)]


def told(found, kind):
    return [(m.value, m.activity_id) for m in found if m.kind == kind]


def test_round_counts_are_told_once():
    assert told(milestones(rides(60)), "count") == [(1, "r0000"), (10, "r0009"), (50, "r0049")]


def test_totals_are_told_by_the_activity_that_reaches_them():
    found = milestones(rides(30, distance_meters=40_000, duration_seconds=5400, elevation_gain_meters=300))
    assert told(found, "distance") == [(100, "r0002"), (500, "r0012"), (1000, "r0024")]
    assert told(found, "hours") == [(10, "r0006")]
    assert told(found, "climbed") == [(1000, "r0003"), (8849, "r0029")]


def test_distance_is_by_sport():
    both = [*rides(2, distance_meters=60_000), Done("run", day(9), "run", 9, distance_meters=60_000)]
    assert [(m.sport, m.activity_id) for m in milestones(both) if m.kind == "distance"] == [("bike", "r0001")]


def test_the_first_marathon_is_told_and_the_second_is_not():
    runs = [Done(f"m{n}", day(n * 30), "run", n, distance_meters=42_300) for n in range(2)]
    names = [(m.name, m.activity_id) for m in milestones(runs) if m.kind == "first"]
    assert names == [("first half marathon", "m0"), ("first marathon", "m0")]


def test_a_streak_counts_days_not_activities():
    twice = [Done(f"{n}{h}", day(n), "run", 10 * n + h) for n in range(8) for h in (0, 1)]
    assert told(milestones(twice), "streak") == [(7, "60")]
    broken = [a for a in twice if a.day != day(3)]
    assert told(milestones(broken), "streak") == []


def test_fitness_is_told_when_it_is_higher_than_ever_and_only_now_and_then():
    ctl = [(day(n), 30.0 + 0.2 * n) for n in range(100)]
    found = [m for m in milestones([], ctl) if m.kind == "fitness"]
    # 38.2 on the last of the first 42 days; then whenever it is 5 higher.
    assert [m.value for m in found] == pytest.approx([43.2, 48.2], abs=0.21)
    assert milestones([], [(day(n), 50.0) for n in range(100)]) == ()


def test_the_order_of_the_input_does_not_matter_and_the_future_changes_nothing():
    done = rides(60, distance_meters=40_000)
    assert milestones(done[::-1]) == milestones(done)
    early = milestones(done[:30])
    assert milestones(done)[: len(early)] == early


USUAL = {day(n): 60.0 * math.exp(0.1 * math.sin(n)) for n in range(67)}


def alerts(rule, state=None, **series):
    return [a for a in recovery_alerts(state or DayState(day(66)), **series) if a.rule == rule]


def test_usual_variability_is_no_alert():
    assert alerts("hrv", rmssd_ms=USUAL) == []


def test_a_week_of_low_variability_is_told_with_what_would_clear_it():
    low = {**USUAL, **{day(n): 50.0 for n in range(60, 67)}}
    (alert,) = alerts("hrv", rmssd_ms=low)
    before = np.log([low[day(n)] for n in range(60)])
    limit = before.mean() - 0.5 * before.std(ddof=1)
    assert alert.inputs["week_ln_rmssd"] == pytest.approx(math.log(50), abs=1e-3)
    assert alert.inputs["usual_low"] == pytest.approx(limit, abs=1e-3)
    assert f"{limit:.2f}" in alert.clears


def test_two_days_of_a_week_are_too_few():
    sparse = {d: v for d, v in USUAL.items() if d < day(60)} | {day(65): 30.0, day(66): 30.0}
    assert alerts("hrv", rmssd_ms=sparse) == []
    assert len(alerts("hrv", rmssd_ms={**sparse, day(64): 30.0})) == 1


def test_a_raised_resting_heart_rate_is_told():
    rest = {day(n): 50.0 + n % 3 for n in range(60)}
    assert alerts("resting_hr", resting_bpm=rest | {day(n): 54.0 for n in range(60, 67)}) == []
    (alert,) = alerts("resting_hr", resting_bpm=rest | {day(n): 57.0 for n in range(60, 67)})
    assert (alert.inputs["week_bpm"], alert.inputs["usual_bpm"]) == (57.0, 51.0)


def test_load_alone_gives_its_alerts_in_order():
    state = DayState(day(66), ramp=9.0, tsb=-31.0, monotony=2.4, week_load=420.0)
    assert [a.rule for a in recovery_alerts(state)] == ["ramp", "tsb", "monotony"]
    calm = DayState(day(66), ramp=8.0, tsb=-30.0, monotony=2.4, week_load=200.0)
    assert recovery_alerts(calm) == ()
