"""Milestones and recovery: rules over plain sequences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from perf_pipeline.physiology.beginnings import first_settled_day
from perf_pipeline.physiology.milestones import Done, KnownThreshold, milestones
from perf_pipeline.physiology.recovery import Baseline, DayState, episodes, recovery_alerts

D0 = date(2024, 1, 1)


def day(n):
    return D0 + timedelta(days=n)


def rides(count, every=2, **known):
    return [Done(f"r{n:04d}", day(every * n), "bike", 86_400_000 * n, **known) for n in range(count)]


def told(found, kind):
    return [(m.value, m.activity_id) for m in found if m.kind == kind]


def test_round_counts_are_told_once():
    assert told(milestones(rides(60)), "count") == [(1, "r0000"), (10, "r0009"), (50, "r0049")]


def test_a_clock_that_was_never_set_is_no_beginning():
    stray = [Done(f"s{n}", date(2000, 1, 1 + n), "run", n, 42_195.0 + n) for n in range(3)]
    first = Done("real", day(3), "run", 3, 43_000.0)
    found = milestones([*stray, *rides(2), first])
    assert told(found, "count") == [(1, "r0000")]
    assert told(found, "first") == [(21_097.5, "real"), (42_195.0, "real")]
    assert all(m.day >= D0 for m in found)


def test_the_series_begins_where_it_is_settled():
    real = [day(n) for n in range(0, 30, 3)]
    strays = [date(2000, 1, 1), date(2000, 1, 1), date(2004, 8, 22), date(2013, 3, 9)]
    for number in range(5):
        assert first_settled_day([*reversed(real), *strays[:number]]) == D0
    years = [date(2001, 5, 1) + timedelta(days=7 * n) for n in range(4)]
    assert first_settled_day([*years, *real]) == years[0]  # four days are an athlete's own
    assert first_settled_day([day(-5 * 365), *real]) == day(-5 * 365)
    assert first_settled_day([date(2000, 1, 1)]) == date(2000, 1, 1)
    assert first_settled_day([]) is None


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
    # 38.2 on the last of the first 42 days; then at each multiple of 5.
    assert [(m.value, m.day) for m in found] == [(40, day(50)), (45, day(75))]
    assert milestones([], [(day(n), 50.0) for n in range(100)]) == ()


def test_the_order_of_the_input_does_not_matter_and_the_future_changes_nothing():
    done = rides(60, distance_meters=40_000)
    assert milestones(done[::-1]) == milestones(done)
    early = milestones(done[:30])
    assert milestones(done)[: len(early)] == early


def threshold(n, value, half=10.0, sport="bike"):
    return KnownThreshold(sport, "critical_power", day(n), value, value - half, value + half, "W")


def test_a_threshold_is_told_when_it_rose_by_more_than_either_interval():
    known = [threshold(0, 250), threshold(7, 259), threshold(14, 262), threshold(21, 240), threshold(28, 275)]
    found = [m for m in milestones([], thresholds=known) if m.kind == "threshold"]
    assert [(m.day, m.value, m.evidence["before"]) for m in found] == [(day(14), 262, 250), (day(28), 275, 262)]


def test_a_threshold_that_is_hardly_known_is_no_gain():
    known = [threshold(0, 250), threshold(7, 300, half=60.0)]
    assert [m for m in milestones([], thresholds=known) if m.kind == "threshold"] == []


def test_kilometres_of_no_one_sport_are_not_told():
    assert [m for m in milestones(rides(9, distance_meters=30_000)) if m.kind == "distance"]
    mixed = [Done(f"x{n}", day(n), "other", n, distance_meters=30_000) for n in range(9)]
    assert [m for m in milestones(mixed) if m.kind == "distance"] == []


def test_each_milestone_has_a_key_of_its_own():
    ctl = [(day(n), 30.0 + 0.2 * n) for n in range(200)]
    found = milestones(rides(300, distance_meters=40_000, duration_seconds=5400, elevation_gain_meters=300), ctl)
    assert len({(m.kind, m.sport, m.key) for m in found}) == len(found) > 20


USUAL = Baseline(week=4.10, mean=4.09, sd=0.07, days=60)


def alerts(rule, **known):
    return [a for a in recovery_alerts(DayState(day(66), **known)) if a.rule == rule]


def test_usual_variability_is_no_alert():
    assert alerts("hrv", hrv=USUAL) == []


def test_a_week_of_low_variability_is_told_with_what_would_clear_it():
    (alert,) = alerts("hrv", hrv=replace(USUAL, week=4.05))
    # The usual range is the mean of 60 days and half their standard deviation to either side.
    assert alert.inputs == {"week_ln_rmssd": 4.05, "usual_low": 4.055, "usual_high": 4.125, "baseline_days": 60}
    assert "below" in alert.message
    assert "between 4.05 and 4.12" in alert.clears or "between 4.06 and 4.12" in alert.clears


def test_a_baseline_of_few_days_says_nothing():
    low = replace(USUAL, week=3.5, days=19)
    assert alerts("hrv", hrv=low) == []
    assert len(alerts("hrv", hrv=replace(low, days=20))) == 1


def test_a_raised_resting_heart_rate_is_told():
    rest = Baseline(week=54.0, mean=51.0, sd=0.8, days=60)
    assert alerts("resting_hr", resting=rest) == []
    (alert,) = alerts("resting_hr", resting=replace(rest, week=57.0))
    assert (alert.inputs["week_bpm"], alert.inputs["usual_bpm"]) == (57.0, 51.0)


def test_load_alone_gives_its_alerts_in_order():
    state = DayState(day(66), ramp=9.0, tsb=-31.0, monotony=2.4, week_load=420.0)
    assert [a.rule for a in recovery_alerts(state)] == ["ramp", "tsb", "monotony"]
    calm = DayState(day(66), ramp=8.0, tsb=-30.0, monotony=2.4, week_load=200.0)
    assert recovery_alerts(calm) == ()


def forms(*values):
    return [DayState(day(n), tsb=value) for n, value in enumerate(values)]


def test_a_rule_that_keeps_calling_is_one_episode_until_three_calm_days():
    (one,) = episodes(forms(-31, -35, -20, -20, -33, -20, -20, -20, -10))
    assert (one.opened.day, one.days, one.closed_on, one.ended) == (day(0), 3, day(7), "cleared")
    assert one.latest.day == day(4)


def test_an_episode_after_the_calm_is_another():
    found = episodes(forms(-31, -20, -20, -20, -31))
    assert [(e.opened.day, e.closed_on) for e in found] == [(day(0), day(3)), (day(4), None)]


def test_an_episode_without_further_measurements_ends_unknown():
    (one,) = episodes(forms(-31, *[None] * 14))
    assert (one.closed_on, one.ended) == (day(14), "unknown")


def test_what_comes_later_does_not_change_when_an_episode_opened():
    states = forms(*[-30 - 5 * ((n * 7) % 3 - 1) for n in range(60)])
    everything = episodes(states)
    for n in range(60):
        so_far = episodes(states[: n + 1])
        assert [e.opened for e in so_far] == [e.opened for e in everything if e.opened.day <= day(n)]
