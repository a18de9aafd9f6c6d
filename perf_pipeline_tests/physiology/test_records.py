"""Personal records in order of time."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.physiology.records import ALL_TIME, LAST_90_DAYS, RecordedEffort, find_records

DAY = 86_400.0


def best(day, value, *, kind="power", grade="confirmed", duration=300, distance=None, sport="bike"):
    return RecordedEffort(f"activity {day}", sport, kind, duration, value, day * DAY, distance, grade)


def told(history, new=None):
    return [(r.effort.activity_id, r.scope, r.previous.value, round(r.gain, 3)) for r in find_records(history, new)]


def test_the_first_effort_is_no_record():
    assert find_records([best(0, 300)]) == ()


def test_a_gain_beyond_noise_is_a_record():
    assert told([best(0, 300), best(10, 306)]) == [("activity 10", ALL_TIME, 300, 0.02)]


def test_a_gain_of_one_percent_is_a_tie():
    assert told([best(0, 300), best(10, 303)]) == []


def test_the_best_of_the_last_90_days_is_a_record_of_its_own():
    history = [best(0, 350), best(100, 300), best(150, 320)]
    assert told(history) == [("activity 150", LAST_90_DAYS, 300, 0.067)]


def test_an_all_time_record_is_told_once():
    assert told([best(0, 300), best(10, 330)]) == [("activity 10", ALL_TIME, 300, 0.1)]


def test_after_more_than_90_days_there_is_nothing_recent_to_beat():
    assert told([best(0, 350), best(91, 340)]) == []


def test_a_lower_pace_is_better():
    run = {"kind": "pace", "distance": 5000.0, "sport": "run"}
    assert told([best(0, 300, **run), best(5, 270, **run), best(6, 290, **run)]) == [
        ("activity 5", ALL_TIME, 300, 0.111)
    ]


def test_distance_efforts_compete_by_distance_whatever_their_duration():
    run = {"kind": "pace", "distance": 5000.0, "sport": "run"}
    history = [best(0, 300, duration=1500, **run), best(5, 270, duration=1350, **run)]
    assert len(find_records(history)) == 1


def test_sports_kinds_and_durations_do_not_compete():
    history = [best(0, 300), best(1, 400, sport="run"), best(2, 400, kind="speed"), best(3, 400, duration=60)]
    assert find_records(history) == ()


def test_rejected_efforts_neither_are_records_nor_have_to_be_beaten():
    history = [best(0, 300), best(1, 900, grade="rejected"), best(2, 320)]
    assert told(history) == [("activity 2", ALL_TIME, 300, 0.067)]


def test_a_record_carries_its_grade():
    history = [best(0, 300), best(1, 320, grade="candidate")]
    assert find_records(history)[0].effort.grade == "candidate"


def test_only_the_records_of_new_activities_are_told_when_they_are_named():
    history = [best(0, 300), best(10, 330), best(20, 360)]
    assert told(history, {"activity 20"}) == [("activity 20", ALL_TIME, 330, 0.091)]


def test_the_order_of_the_history_does_not_matter():
    history = [best(d, 200 + (d * 37) % 90, duration=60 * (1 + d % 3)) for d in range(60)]
    shuffled = history.copy()
    random.Random(1).shuffle(shuffled)
    assert find_records(shuffled) == find_records(history)


def slow(history):
    out = []
    for e in sorted(history, key=lambda e: e.recorded_at):
        before = [b.value for b in history if b.recorded_at < e.recorded_at]
        recent = [b.value for b in history if e.recorded_at - 90 * DAY <= b.recorded_at < e.recorded_at]
        if before and e.value > max(before) * 1.01:
            out.append((e.activity_id, ALL_TIME))
        elif recent and e.value > max(recent) * 1.01:
            out.append((e.activity_id, LAST_90_DAYS))
    return out


@given(st.dictionaries(st.integers(0, 600), st.integers(200, 320), max_size=40))
def test_records_are_what_looking_back_at_everything_finds(values):
    history = [best(day, float(value)) for day, value in values.items()]
    assert [(r.effort.activity_id, r.scope) for r in find_records(history)] == slow(history)
