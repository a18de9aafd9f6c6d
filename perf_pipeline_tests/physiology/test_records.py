"""Personal records in order of time."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.physiology.headlines import headlines
from perf_pipeline.physiology.record_places import ALL_TIME, LAST_90_DAYS, SEASON
from perf_pipeline.physiology.records import RecordedEffort, find_records, tells_of_the_athlete

DAY = 86_400.0


def best(day, value, *, kind="power", grade="confirmed", duration=300, distance=None, sport="bike", doubts=()):
    season = (date(2024, 1, 1) + timedelta(days=day)).year
    return RecordedEffort(
        f"activity {day}", sport, kind, duration, value, day * DAY, distance, grade, season, 10.0 * duration, doubts
    )


def told(history, new=None):
    return [(r.effort.activity_id, r.scope, r.previous.value, round(r.gain, 3)) for r in find_records(history, new)]


def test_the_first_effort_is_no_record():
    assert find_records([best(0, 300)]) == ()


def test_a_gain_beyond_noise_is_a_record():
    assert told([best(0, 300), best(10, 306)]) == [("activity 10", ALL_TIME, 300, 0.02)]


def test_a_gain_of_one_percent_is_a_tie():
    assert told([best(0, 300), best(10, 303)]) == []


def test_the_best_of_the_last_90_days_is_a_record_of_its_own():
    history = [best(0, 350), best(100, 300), best(110, 290), best(120, 280), best(150, 320)]
    assert told(history) == [("activity 150", LAST_90_DAYS, 300, 0.067)]


def test_the_best_of_the_calendar_year_is_a_record_of_its_own():
    history = [best(0, 350), best(366, 300), best(376, 290), best(386, 280), best(486, 320)]
    # 100 days after the last: nothing recent to beat, but it is the best of 2025.
    assert told(history) == [("activity 486", SEASON, 300, 0.067)]


def test_a_record_names_every_scope_that_it_holds_in():
    history = [best(d, 300) for d in range(3)] + [best(10, 330)]
    (record,) = find_records(history)
    assert [(b.scope, b.earlier) for b in record.beaten] == [(ALL_TIME, 3), (SEASON, 3), (LAST_90_DAYS, 3)]


def test_the_second_ride_after_a_winter_is_no_record():
    assert told([best(0, 350), best(200, 250), best(201, 280), best(202, 300)]) == []


def test_a_doubtful_value_never_stands_in_the_way_of_a_clean_one():
    history = [best(0, 300), best(1, 325, grade="candidate"), best(2, 310)]
    assert told(history) == [("activity 1", ALL_TIME, 300, 0.083), ("activity 2", ALL_TIME, 300, 0.033)]


def test_a_doubtful_value_that_is_far_better_is_taken_for_a_fault():
    assert told([best(0, 300), best(1, 331, grade="candidate")]) == []
    assert len(find_records([best(0, 300), best(1, 331)])) == 1


def test_a_length_counted_twice_makes_no_record():
    swim = {"kind": "pace", "distance": 100.0, "sport": "swim", "grade": "candidate"}
    assert len(find_records([best(0, 100, **swim), best(1, 95, **swim)])) == 1
    assert find_records([best(0, 100, **swim), best(1, 95, **swim, doubts=("hasty_length",))]) == ()


def test_over_400_m_seven_metres_are_noise():
    run = {"kind": "pace", "distance": 400.0, "sport": "run"}
    assert find_records([best(0, 200, **run), best(1, 197, **run)]) == ()
    assert len(find_records([best(0, 200, **run), best(1, 196, **run)])) == 1


def test_a_known_runner_does_not_get_a_third_faster_over_400_m_at_once():
    run = {"kind": "pace", "distance": 400.0, "sport": "run"}
    before = [best(day, 250 + day % 7, **run) for day in range(60)]
    car = best(60, 150, **run)
    assert find_records([*before, car], {"activity 60"}) == ()
    # Nor does it stand in the way of what comes.
    assert told([*before, car, best(61, 220, **run)], {"activity 61"}) == [("activity 61", ALL_TIME, 250, 0.136)]
    assert len(find_records([*before[:20], car], {"activity 60"})) == 1


@pytest.mark.parametrize(
    ("sport", "kind", "seconds", "tells"),
    [
        ("bike", "power", 5, True), ("run", "pace", 1200, True), ("swim", "pace", 100, True),
        ("bike", "speed", 300, True), ("bike", "speed", 5, False), ("run", "speed", 1200, False),
        ("hike", "pace", 3600, False), ("other", "speed", 3600, False), ("ski", "speed", 600, False),
    ],
)  # fmt: skip
def test_what_terrain_decides_is_no_feat(sport, kind, seconds, tells):
    assert tells_of_the_athlete(sport, kind, seconds) is tells


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
        before = [b for b in history if b.recorded_at < e.recorded_at]
        season = [b for b in before if b.season == e.season]
        recent = [b for b in before if b.recorded_at >= e.recorded_at - 90 * DAY]
        for scope, those, least in ((ALL_TIME, before, 1), (SEASON, season, 3), (LAST_90_DAYS, recent, 3)):
            if len(those) >= least and e.value > max(b.value for b in those) * 1.01:
                out.append((e.activity_id, scope))
    return out


@given(st.dictionaries(st.integers(0, 900), st.integers(200, 320), max_size=60))
def test_records_are_what_looking_back_at_everything_finds(values):
    history = [best(day, float(value)) for day, value in values.items()]
    assert [(r.effort.activity_id, b.scope) for r in find_records(history) for b in r.beaten] == slow(history)


def one_after_the_other(history):
    """Every effort held against all that stands before it, as the words of `find_records` say."""
    out, everything, clean = [], [], []
    for e in sorted(history, key=lambda e: (e.recorded_at, e.activity_id)):
        if e.grade == "rejected" or e.doubts:
            continue
        short = e.sport != "swim" and e.distance_meters is not None and e.distance_meters <= 1500
        merit = 1 / e.value if e.effort_type == "pace" else e.value
        of_kind = [b for b in clean if (b[0].sport, b[0].distance_meters) == (e.sport, e.distance_meters)]
        if e.grade == "confirmed" and short and len(of_kind) >= 50 and merit > 1.2 * max(m for _, m in of_kind):
            continue
        if e.grade != "confirmed":
            of_kind = [b for b in everything if (b[0].sport, b[0].distance_meters) == (e.sport, e.distance_meters)]
        noise = 0.01 if e.sport == "swim" or not e.distance_meters else max(0.01, 7 / e.distance_meters)
        most = 1.1 if e.grade != "confirmed" else 99.0
        season = [b for b in of_kind if b[0].season == e.season]
        recent = [b for b in of_kind if b[0].recorded_at >= e.recorded_at - 90 * DAY]
        for scope, those, least in ((ALL_TIME, of_kind, 1), (SEASON, season, 3), (LAST_90_DAYS, recent, 3)):
            best = max((m for _, m in those), default=0.0)
            if len(those) >= least and best * (1 + noise) < merit <= best * most:
                out.append((e.activity_id, scope, len(those), pytest.approx(merit / best - 1)))
        everything.append((e, merit))
        clean += [(e, merit)] if e.grade == "confirmed" else []
    return out


@pytest.mark.parametrize("seed", range(60))
def test_doubtful_and_unbelievable_efforts_among_them_change_nothing_of_that(seed):
    rng = random.Random(seed)
    history = []
    for number in range(rng.choice([5, 40, 250])):
        sport, kind, distance = rng.choice(
            [("run", "pace", 400.0), ("run", "pace", 400.0), ("swim", "pace", 100.0), ("bike", "power", None)]
        )
        value = rng.randrange(60, 120) / (1.5 if rng.random() < 0.03 else 1)
        at = DAY * rng.randrange(900)
        grade = rng.choice(["confirmed"] * 5 + ["candidate", "rejected"])
        doubts = ("hasty_length",) if rng.random() < 0.03 else ()
        season, name = 2000 + int(at / (365 * DAY)), f"a{number:03d}"
        history.append(RecordedEffort(name, sport, kind, 300, value, at, distance, grade, season, 0.0, doubts))
    found = [(r.effort.activity_id, b.scope, b.earlier, b.gain) for r in find_records(history) for b in r.beaten]
    assert found == one_after_the_other(history)


def effort(activity, seconds, value, start, *, kind="power", distance=None, sport="bike"):
    at = 0.0 if activity == "old" else DAY
    return RecordedEffort(activity, sport, kind, seconds, value, at, distance, "confirmed", 2024, start)


def feats(*pairs):
    """Headlines of `new` over `old`, each pair an effort's (seconds, old value, new value, start in the new one)."""
    old = [effort("old", t, before, 0.0) for t, before, _, _ in pairs]
    new = [effort("new", t, now, start) for t, _, now, start in pairs]
    found = headlines(find_records([*old, *new]))
    return [(h.record.effort.duration_seconds, sorted(o.effort.duration_seconds for o in h.others)) for h in found]


def test_what_a_longer_record_implies_is_not_told_of_its_own():
    # 30 min at 280 W hold 20 min at 280 W, wherever these lie: 250 W were the best of both.
    assert feats((1200, 250, 282, 0), (1800, 250, 280, 3000)) == [(1800, [1200])]


def test_nested_windows_of_one_effort_are_one_feat():
    assert feats((240, 300, 340, 60), (300, 290, 330, 0), (360, 285, 289, 0)) == [(300, [240, 360])]


def test_a_sprint_and_a_climb_are_two_feats():
    assert feats((5, 900, 1000, 5000), (1200, 250, 270, 0)) == [(5, []), (1200, [])]


def test_power_goes_before_speed():
    old = [effort("old", 1200, 250, 0.0), effort("old", 1200, 9.0, 0.0, kind="speed")]
    new = [effort("new", 1200, 260, 0.0), effort("new", 1200, 12.0, 0.0, kind="speed")]
    assert [h.record.effort.effort_type for h in headlines(find_records([*old, *new]))] == ["power", "speed"]


def test_a_well_known_distance_is_told_of_those_that_say_the_same():
    rows = [(3218.688, 1000, 300.0), (5000.0, 1500, 290.0), (3000.0, 900, 305.0)]
    old = [effort("old", 2000, 360, 0.0, kind="pace", distance=d, sport="run") for d, _, _ in rows]
    new = [effort("new", t, v, 0.0, kind="pace", distance=d, sport="run") for d, t, v in rows]
    (one,) = headlines(find_records([*old, *new]))
    assert one.record.effort.distance_meters == 5000.0
    assert len(one.others) == 2
