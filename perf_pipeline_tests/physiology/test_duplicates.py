"""The same activity twice, and activities that only look like it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from perf_pipeline.physiology.cleaning import CleanStreams, clean
from perf_pipeline.physiology.duplicates import Description, Signature, find_duplicates, signature_of

T0 = 1_700_000_000_000
MINUTE = 60_000


def a_course(dice, minutes):
    """Speed, heart rate and place each second."""
    n = 60 * minutes
    slow = np.convolve(dice.standard_normal(n + 120), np.ones(120) / 11, "same")[60:-60]
    speed = np.clip(7 + 2 * slow, 0.5, None)
    heart = 140 + 8 * np.convolve(speed - 7, np.ones(30) / 30, "same") + dice.normal(0, 1, n)
    heading = np.cumsum(dice.normal(0, 0.02, n))
    north, east = np.cumsum(speed * np.cos(heading)), np.cumsum(speed * np.sin(heading))
    return speed, heart, 47 + north / 111_195, 8 + east / 75_000


def recorded(name, course, start_ms, dice, *, part=slice(None), power=False, heart=True, place=True, **other):
    """What a device of its own makes of a part of a course, with noise of its own."""
    speed, beats, lat, lon = (x[part] for x in course)
    n = len(speed)
    begin = start_ms + 1000 * (part.start or 0)
    steps = (begin + 1000 * np.arange(n)) // 10_000
    at = steps - steps[0]
    nothing = np.full(int(at[-1]) + 1, np.nan)

    def coarse(x, noise):
        return np.bincount(at, x) / np.bincount(at) + dice.normal(0, noise, int(at[-1]) + 1)

    signature = Signature(
        int(steps[0]), coarse(speed, 0.1), coarse(beats, 0.5) if heart else nothing,
        coarse(lat, 3e-5) if place else nothing, coarse(lon, 3e-5) if place else nothing,
    )  # fmt: skip
    return Description(
        name, begin, begin + 1000 * n, other.pop("sport", "bike"), float(speed.sum()), other.pop("device", None),
        other.pop("file_hash", name), power, heart, place, signature,
    )  # fmt: skip


def scenes(dice, number):
    """(activities, the pairs of them that are one)."""
    minutes = int(dice.integers(20, 90))
    course, another = a_course(dice, minutes), a_course(dice, minutes)
    whole = recorded(f"a{number}", course, T0, dice, device="one")
    b = f"b{number}"
    kind = number % 12
    if kind == 0:  # two devices, clocks apart
        return [whole, recorded(b, course, T0 + int(dice.integers(-300, 300)) * 1000, dice, power=True)], 1
    if kind == 1:  # one cut short
        return [whole, recorded(b, course, T0, dice, part=slice(0, int(dice.integers(20, 55)) * minutes * 60 // 60))], 1
    if kind == 2:  # two formats of one recording, one without heart rate
        return [whole, replace(recorded(b, course, T0, dice, heart=False), signature=None)], 1
    if kind == 3:  # a split ride
        cut = 60 * minutes // 2
        halves = [recorded(f"{b}{k}", course, T0, dice, part=p)
                  for k, p in enumerate((slice(0, cut), slice(cut + 40, 60 * minutes)))]  # fmt: skip
        return [whole, *halves], 2
    if kind == 4:  # local time written as UTC
        return [whole, recorded(b, course, T0 + 120 * MINUTE, dice)], 1
    if kind == 5:  # a sport that one device does not know
        return [whole, recorded(b, course, T0 + 20_000, dice, sport="other", place=False)], 1
    back = tuple(x[::-1] for x in course)
    if kind == 6:  # there and back
        return [whole, recorded(b, back, T0 + (minutes + 480) * MINUTE, dice)], 0
    if kind == 7:  # laps back to back, the second begun before the first was stopped
        return [whole, recorded(b, another, T0 + minutes * MINUTE - 30_000, dice)], 0
    if kind == 8:  # a file's own sessions
        same = {"file_hash": f"f{number}"}
        return [recorded(f"a{number}", course, T0, dice, **same), recorded(b, another, T0 + MINUTE, dice, **same)], 0
    if kind == 9:  # the same round the next hour
        return [whole, recorded(b, (another[0], another[1], *course[2:]), T0 + 120 * MINUTE, dice)], 0
    if kind == 10:  # strength in the middle of a ride that was not stopped
        return [whole, recorded(b, another, T0 + 5 * MINUTE, dice, sport="strength", place=False)], 0
    away = (another[0], another[1], another[2] + 0.4, another[3])
    return [whole, recorded(b, away, T0 + 3 * MINUTE, dice)], 0  # somebody else's, 40 km away


def test_pairs_are_found_and_no_others():
    found = right = wanted = 0
    for number in range(240):
        dice = np.random.default_rng([number, 9])
        activities, pairs = scenes(dice, number)
        got = len(find_duplicates(activities))
        found, wanted, right = found + got, wanted + pairs, right + min(got, pairs)
    assert right / wanted >= 0.95, (right, wanted, found)
    assert right / found >= 0.95, (right, wanted, found)


def one(name, begin, end, **known):
    return Description(name, T0 + begin * MINUTE, T0 + end * MINUTE, known.pop("sport", "bike"), **known)


def test_power_is_kept_before_heart_rate_before_positions_before_length():
    ranks = [
        one("power", 2, 58, has_power=True),
        one("heart", 1, 59, has_heart_rate=True, has_positions=True),
        one("place", 1, 58, has_positions=True),
        one("long", 0, 60),
    ]
    for rich, poor in pairwise(ranks):
        assert [(d.kept, d.superseded) for d in find_duplicates([poor, rich])] == [(rich.activity_id, poor.activity_id)]
    assert {(d.kept, d.superseded) for d in find_duplicates(ranks)} == {
        ("power", "heart"), ("power", "place"), ("power", "long"),
    }  # fmt: skip


def test_the_reason_says_why_they_are_one_and_why_that_one_is_kept():
    found = find_duplicates([one("a", 0, 60, has_power=True), one("b", 0, 50)])
    assert found[0].reason == "recorded at the same time (100 % of the shorter one); kept has power"


def test_a_rich_fragment_does_not_stand_for_the_whole():
    found = find_duplicates([one("whole", 0, 180), one("part", 100, 130, has_power=True)])
    assert [(d.kept, d.superseded) for d in found] == [("whole", "part")]


def test_two_rich_halves_stand_for_the_whole():
    parts = [one("first", 0, 80, has_power=True), one("second", 85, 180, has_power=True)]
    found = find_duplicates([one("whole", 0, 180), *parts])
    assert [(d.kept, d.superseded) for d in found] == [("second", "whole")]


def test_the_order_of_the_input_does_not_matter():
    dice = np.random.default_rng(1)
    activities = [a for number in range(12) for a in scenes(dice, number)[0]]
    spread = [replace(a, start_ms=a.start_ms, activity_id=f"{k}-{a.activity_id}") for k, a in enumerate(activities)]
    assert find_duplicates(spread) == find_duplicates(spread[::-1])


def test_nothing_and_one_are_no_duplicates():
    assert find_duplicates([]) == ()
    assert find_duplicates([one("a", 0, 60)]) == ()


def test_a_signature_is_the_mean_of_ten_seconds(make):
    session = make(range(40), "run", speed_mps=[3.0] * 20 + [4.0] * 20, heart_rate_bpm=[np.nan] * 39 + [150])
    signature = signature_of(clean(session))
    assert signature.speed == pytest.approx([3, 3, 4, 4])
    assert np.isnan(signature.heart_rate).tolist() == [True, True, True, False]
    assert np.isnan(signature.latitude).all()


def test_indoors_back_to_back_sessions_that_touch_are_two():
    dice = np.random.default_rng(2)
    first = recorded("first", a_course(dice, 40), T0, dice, place=False)
    second = recorded("second", a_course(dice, 40), T0 + 38 * MINUTE, dice, place=False)
    assert find_duplicates([first, second]) == ()


def test_indoors_an_hour_later_as_long_and_as_far_is_another_session():
    dice = np.random.default_rng(3)
    first = recorded("first", a_course(dice, 40), T0, dice, place=False)
    second = recorded("second", a_course(dice, 40), T0 + 120 * MINUTE, dice, place=False)
    assert find_duplicates([first, replace(second, distance_meters=first.distance_meters)]) == ()


def test_without_signatures_hours_apart_are_never_one():
    assert find_duplicates([one("a", 0, 60), one("b", 120, 180)]) == ()


def test_of_two_files_as_rich_one_is_kept_with_all_its_sessions():
    first = [one(f"{k}1", 20 * k, 20 * k + 15, file_hash="a") for k in range(6)]
    second = [one(f"{9 - k}2", 20 * k, 20 * k + 15, file_hash="b") for k in range(6)]
    assert {d.superseded for d in find_duplicates([*first, *second])} == {a.activity_id for a in first}


def test_a_silence_is_not_covered_by_what_was_recorded_in_it():
    t = np.concatenate([np.arange(600.0), 600_000 + np.arange(600.0)])
    mad = signature_of(CleanStreams("bike", T0, t, {"heart_rate_bpm": np.full(len(t), 120.0)}))
    assert int(mad.recorded.sum()) == 120
    inside = one(
        "inside", 100, 160, signature=Signature(T0 // 10_000 + 600, *[np.full(360, np.nan)] * 4, np.ones(360, bool))
    )
    whole = one("mad", 0, 10_010, signature=mad)
    assert find_duplicates([whole, inside]) == ()
