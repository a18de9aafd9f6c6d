"""What an adaptation promises: finishable, no more changed than needed, never easier for the fitter, and true words."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.formats.workouts import (
    Intensity,
    Item,
    Quantity,
    Repeat,
    Step,
    Target,
    as_plain,
    from_plain,
    written_out,
)
from perf_pipeline.physiology.adaptation import (
    FINISH_LIMIT,
    Adaptation,
    Followed,
    Plan,
    State,
    adapt,
    rebase_factor,
)
from perf_pipeline.physiology.adaptation_words import explanation, reasons
from perf_pipeline.physiology.finishing import Ability, finish_probabilities
from perf_pipeline.physiology.readiness import LEAST_LOAD, Readiness, Signals, readiness
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.sessions import Change

P, S = Quantity.POWER, Quantity.SPEED
FRESH = readiness(Signals(tsb=0.0, ramp=2.0))


def ability(threshold: float = 270.0, seconds: float = 74.0, sd: float = 0.018, quantity: Quantity = P) -> Ability:
    """An ability whose capacity is `seconds` times the threshold."""
    capacity, wide = threshold * seconds, 1.645 * sd
    return Ability(
        quantity, threshold, threshold * (1 - wide), threshold * (1 + wide), capacity, capacity * 0.85, capacity * 1.15
    )


def repeats(count: int, on: float, share: float, off: float, easy: float = 0.5, quantity: Quantity = P) -> Repeat:
    return Repeat(
        count,
        (
            Step(Intensity.WORK, on, None, Target(quantity, share, share, relative=True)),
            Step(Intensity.REST, off, None, Target(quantity, easy, easy, relative=True)),
        ),
    )


def adapted(items: tuple[Item, ...], state: State, base: float | None = None) -> Adaptation:
    found = adapt(Plan(items, base), state)
    assert isinstance(found, Adaptation)
    return found


# Sessions as coaches write them, from strides to threshold, some of them beyond anybody.
sessions = st.lists(
    st.one_of(
        st.builds(
            repeats,
            st.integers(2, 10),
            st.sampled_from([30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 480.0, 720.0, 1200.0]),
            st.integers(82, 150).map(lambda n: n / 100),
            st.sampled_from([30.0, 60.0, 120.0, 180.0, 300.0]),
            st.sampled_from([0.4, 0.5, 0.6, 0.7]),
        ),
        st.builds(
            lambda seconds, first, last: Step(
                Intensity.WORK, seconds, None, Target(P, first, last, relative=True, ramp=first != last)
            ),
            st.sampled_from([300.0, 600.0, 1200.0]),
            st.integers(50, 105).map(lambda n: n / 100),
            st.integers(50, 105).map(lambda n: n / 100),
        ),
    ),
    min_size=1,
    max_size=3,
).map(lambda items: (Step(Intensity.WARMUP, 600, None, Target(P, 0.4, 0.75, relative=True, ramp=True)), *items))

signals = st.builds(
    Signals,
    hrv_week=st.floats(3.5, 4.6),
    hrv_usual=st.just(4.1),
    hrv_sd=st.just(0.12),
    resting_week=st.floats(44, 62),
    resting_usual=st.just(50.0),
    sleep_week=st.floats(5, 9),
    sleep_usual=st.just(7.5),
    tsb=st.floats(-45, 20),
    ramp=st.floats(-5, 14),
)
states = st.builds(
    lambda threshold, seconds, sd, known, asked, done: State(
        ability(threshold, seconds, sd), readiness(known), Followed(2, asked, min(asked, done))
    ),
    st.floats(150, 400),
    st.floats(40, 120),
    st.floats(0.005, 0.06),
    signals,
    st.integers(0, 12),
    st.integers(0, 12),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(sessions, states)
def test_two_hundred_sessions_and_athletes_keep_every_promise(items: tuple[Item, ...], state: State) -> None:
    found = adapt(Plan(items), state)
    if isinstance(found, Refusal):
        assert "choose another session" in found.reason
        return
    # What is handed out is judged anew from its plain form, not from what the adaptation says of itself.
    handed_out = from_plain(as_plain(found.items))
    judged = finish_probabilities(state.able, found.session.stretches(handed_out, state.scale))
    assert min(judged, default=1.0) >= FINISH_LIMIT
    assert judged == found.after
    if min(found.before, default=1.0) >= FINISH_LIMIT:
        assert found.change == Change(found.ready_level)
        assert [r.kind for r in reasons(found, state)] in ([], ["readiness"])
    else:
        assert found.change != Change(found.ready_level)
    _numbers_agree(found, state)


def _numbers_agree(found: Adaptation, state: State) -> None:
    for reason in reasons(found, state):
        if reason.kind == "power":
            new, old, percent, *rest = numbers_in(reason.words)
            tops = [max(s.target.begin, s.target.end) for s in written_out(found.items) if s.target is not None]
            assert new == max(tops)
            assert old == found.ready_level
            assert percent == pytest.approx(100 * (new / old - 1), abs=0.051)
            _why_agrees(rest, found)
        elif reason.kind == "count":
            new, old, *rest = numbers_in(reason.words)
            counts = [i.count for i in found.items if isinstance(i, Repeat)]
            assert new in counts
            assert old in [i.count for i in found.session.items if isinstance(i, Repeat)]
        elif reason.kind in ("rest", "duration"):
            new, old, *rest = numbers_in(reason.words)
            lengths = {
                (a.seconds, b.seconds) for a, b in zip(_once(found.session.items), _once(found.items), strict=True)
            }
            assert (old, new) in lengths
        elif reason.kind == "readiness":
            percent, new, old = numbers_in(reason.words)[-3:]
            assert percent == round(100 * state.readiness.load_scale)
            assert (new, old) == (found.ready_level, found.session.level())
            assert new / old == pytest.approx(np.sqrt(percent / 100), abs=0.01)
        told = [abs(float(v)) for v in reason.numbers.values() if not isinstance(v, str)]
        assert all(any(abs(abs(n) - v) < 0.006 * max(1, v) for v in told) for n in numbers_in(reason.words)), reason


def _why_agrees(numbers: list[float], found: Adaptation) -> None:
    at, count, before, limit, after = numbers
    assert count == len(found.before)
    assert before == pytest.approx(found.before[int(at) - 1], abs=0.0051)
    assert all(one >= FINISH_LIMIT for one in found.before[: int(at) - 1])
    assert limit == FINISH_LIMIT
    assert after == pytest.approx(min(found.after), abs=0.0051)


def _once(items: tuple[Item, ...]) -> list[Step]:
    return [step for item in items for step in ([item] if isinstance(item, Step) else _once(item.steps))]


def numbers_in(words: str) -> list[float]:
    """Numbers of a text in their order; clock times in seconds."""
    found = re.findall(r"\d+:\d{2}|[-+]?\d+(?:\.\d+)?", words.replace("−", "-"))
    return [60 * float(n.split(":")[0]) + float(n.split(":")[1]) if ":" in n else float(n) for n in found]


def targets(found: Adaptation) -> list[float]:
    """The targets of all intervals, those of repeats once."""
    return [step.target.end for step in _once(found.items) if step.target is not None]


@settings(max_examples=120, deadline=None, derandomize=True)
@given(sessions, states, st.floats(0, 0.15), st.floats(0, 0.15), st.floats(0, 1), st.integers(0, 6))
def test_a_fitter_or_fresher_athlete_never_gets_an_easier_target(
    items: tuple[Item, ...], state: State, more: float, reserve: float, rested: float, finished: int
) -> None:
    scale = 1 + more
    better = State(
        replace(
            state.ability.scaled(scale),
            capacity=state.ability.capacity * scale * (1 + reserve),
            capacity_low=state.ability.capacity_low * scale * (1 + reserve),
            capacity_high=state.ability.capacity_high * scale * (1 + reserve),
        ),
        Readiness(state.readiness.load_scale + rested * (1 - state.readiness.load_scale), (), ()),
        replace(state.followed, finished=min(state.followed.intervals, state.followed.finished + finished)),
    )
    worse_one, better_one = adapt(Plan(items), state), adapt(Plan(items), better)
    if isinstance(worse_one, Refusal):
        return
    assert isinstance(better_one, Adaptation)
    assert all(fit >= less for less, fit in zip(targets(worse_one), targets(better_one), strict=True))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(sessions, states, st.floats(0, 0.3), st.booleans())
def test_more_of_one_thing_alone_never_makes_a_target_easier(
    items: tuple[Item, ...],
    state: State,
    more: float,
    threshold: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    by = 1 + more
    one = state.ability
    fitter = (
        replace(
            one,
            threshold=one.threshold * by,
            threshold_low=one.threshold_low * by,
            threshold_high=one.threshold_high * by,
        )
        if threshold
        else replace(
            one, capacity=one.capacity * by, capacity_low=one.capacity_low * by, capacity_high=one.capacity_high * by
        )
    )
    worse_one, better_one = adapt(Plan(items), state), adapt(Plan(items), replace(state, ability=fitter))
    if isinstance(worse_one, Adaptation) and isinstance(better_one, Adaptation):
        assert all(fit >= less for less, fit in zip(targets(worse_one), targets(better_one), strict=True))


runs = st.lists(
    st.builds(
        lambda count, meters, share, rest: Repeat(
            count,
            (
                Step(Intensity.WORK, None, meters, Target(S, share, share + 0.02, relative=True)),
                Step(Intensity.REST, None, rest, Target(S, 0.6, 0.6, relative=True))
                if rest > 60
                else Step(Intensity.REST, rest),
            ),
        ),
        st.integers(2, 10),
        st.sampled_from([200.0, 400.0, 800.0, 1000.0, 1600.0, 3000.0]),
        st.integers(90, 130).map(lambda n: n / 100),
        st.sampled_from([30.0, 60.0, 200.0, 400.0]),
    ),
    min_size=1,
    max_size=2,
).map(tuple)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    runs, st.floats(2.5, 6.0), st.floats(25, 80), st.floats(0.005, 0.05), st.floats(0, 0.15), st.floats(0, 0.2), signals
)
def test_runners_are_promised_the_same(
    items: tuple[Item, ...], speed: float, seconds: float, sd: float, more: float, reserve: float, known: Signals
) -> None:
    state = State(ability(speed, seconds, sd, S), readiness(known))
    one = state.ability.scaled(1 + more)
    fitter = replace(
        one, capacity=one.capacity * (1 + reserve), capacity_low=one.capacity_low * (1 + reserve),
        capacity_high=one.capacity_high * (1 + reserve),
    )  # fmt: skip
    worse, better = adapt(Plan(items), state), adapt(Plan(items), State(fitter, FRESH))
    if isinstance(worse, Adaptation):
        assert worse.finish_probability is not None
        assert worse.finish_probability >= FINISH_LIMIT
        if isinstance(better, Adaptation):  # else it is faster than any human, or no change within bounds would do
            assert all(fit >= less for less, fit in zip(targets(worse), targets(better), strict=True))


def test_a_rest_of_half_a_day_is_not_stretched_beyond_a_day() -> None:
    found = adapt(Plan((repeats(3, 300, 1.45, 50_000.0),)), State(ability(), FRESH))
    if isinstance(found, Adaptation):
        assert all(step.seconds is None or step.seconds <= 86_400 for step in _once(found.items))
    session = found.session if isinstance(found, Adaptation) else None
    assert session is not None
    assert max(step.seconds or 0 for step in _once(session.changed(Change(300, rest=2.0)))) == 86_400


def test_the_smallest_power_cut_is_taken_and_one_watt_more_would_be_too_much() -> None:
    state = State(ability(), FRESH)
    found = adapted((repeats(5, 300, 1.18, 180),), state)
    assert found.change.rest == found.change.duration == found.change.count == 1
    assert found.change.level < found.ready_level
    one_more = replace(found.change, level=found.change.level + 1)
    items = found.session.changed(one_more)
    assert min(finish_probabilities(state.able, found.session.stretches(items))) < FINISH_LIMIT


def test_of_all_changes_that_do_at_the_lowest_small_cut_the_cheapest_is_taken() -> None:
    state = State(ability(), FRESH)
    found = adapted((repeats(6, 240, 1.30, 120),), state)
    level = found.change.level
    assert level == int(np.ceil(found.ready_level * 0.95))

    def cost(change: Change) -> float:
        return 4 * (change.rest - 1) + 15 * (1 - change.duration) + 20 * (1 - change.count)

    for rest, duration, count in itertools.product(
        (1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2), (1, 0.9, 0.8, 0.7), (1, 0.9, 0.8, 0.7, 0.6, 0.5)
    ):
        other = Change(level, rest, duration, count)
        if cost(other) < cost(found.change) - 1e-9:
            stretches = found.session.stretches(found.session.changed(other))
            assert min(finish_probabilities(state.able, stretches)) < FINISH_LIMIT


def test_absolute_targets_follow_the_threshold_within_bounds() -> None:
    steps = (Step(Intensity.WORK, 1200, None, Target(P, 240, 240)),)
    found = adapted(steps, State(ability(270), FRESH), base=260.0)
    assert targets(found) == [round(240 * 270 / 260)]
    assert [r.kind for r in reasons(found, State(ability(270), FRESH))] == ["threshold"]
    assert rebase_factor(260, 261) == 1.0
    assert rebase_factor(200, 270) == 1.15
    assert rebase_factor(None, 270) == 1.0


def test_easy_riding_is_left_alone_however_tired_the_athlete() -> None:
    tired = State(ability(), readiness(Signals(tsb=-50.0, ramp=20.0)))
    found = adapted((Step(Intensity.WORK, 7200, None, Target(P, 0.65, 0.70, relative=True)),), tired)
    assert not found.is_changed
    assert found.finish_probability is None
    assert "As planned" in explanation(found, tired)


def test_a_running_session_is_told_in_paces() -> None:
    state = State(ability(4.2, 45.0, quantity=S), FRESH)
    found = adapted((repeats(6, 240, 1.15, 60, quantity=S),), state)
    (first, *_) = reasons(found, state)
    assert first.kind == "pace"
    assert "/km" in first.words
    steps = (
        Repeat(5, (Step(Intensity.WORK, None, 1000, Target(S, 1.0, 1.02, relative=True)), Step(Intensity.REST, 90))),
    )
    assert adapted(steps, state).finish_probability is not None


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ((Step(Intensity.WORK, 600),), "no step has a target of power"),
        ((Step(Intensity.WORK, 600, None, Target(Quantity.HEART_RATE, 150, 160)),), "no step has a target of power"),
        ((Step(Intensity.WORK, 600, None, Target(P, 5000, 5000)),), "more than any human"),
        ((Step(Intensity.WORK, 600, None, Target(P, 9.0, 9.0, relative=True)),), "more than any human"),
        ((Step(Intensity.WORK, None, None, Target(P, 1.0, 1.0, relative=True)),), "lap button"),
        ((Step(Intensity.WORK, None, 5000, Target(P, 1.0, 1.0, relative=True)),), "its time is not known"),
        ((repeats(10, 1200, 1.4, 60),), "choose another session"),
    ],
)
def test_what_cannot_be_adapted_is_refused_with_its_reason(items: tuple[Item, ...], words: str) -> None:
    refused = adapt(Plan(items), State(ability(), FRESH))
    assert isinstance(refused, Refusal)
    assert words in refused.reason


def test_unfinished_intervals_lower_what_is_expected() -> None:
    assert Followed(2, 3, 0).trust == 1.0
    assert Followed(2, 10, 8).trust == 1.0
    assert Followed(2, 10, 5).trust == pytest.approx(0.97)
    assert Followed(2, 10, 0).trust == 0.95
    items = (repeats(5, 300, 1.15, 180),)
    sure, doubted = State(ability(), FRESH), State(ability(), FRESH, Followed(2, 10, 3))
    assert adapted(items, doubted).change.level < adapted(items, sure).change.level
    assert "Of 10 planned intervals of the last 28 days 3 were finished" in explanation(
        adapted(items, doubted), doubted
    )


def test_readiness_takes_away_within_its_bounds_and_says_why() -> None:
    worst = readiness(Signals(3.0, 4.1, 0.1, 70, 50, 3, 8, -60, 20))
    assert worst.load_scale == LEAST_LOAD
    assert {cut.signal for cut in worst.cuts} == {"hrv", "resting_hr", "sleep", "tsb", "ramp"}
    assert readiness(Signals()).load_scale == 1.0
    assert set(readiness(Signals()).unknown) == {"hrv", "resting_hr", "sleep", "tsb", "ramp"}
    assert readiness(Signals(4.2, 4.1, 0.1, 50, 50, 8, 8, 5, 3)).cuts == ()


@settings(max_examples=80, deadline=None)
@given(signals, st.floats(0, 1), st.floats(0, 10), st.floats(0, 3), st.floats(0, 30), st.floats(0, 8))
def test_a_better_signal_never_lowers_readiness(
    one: Signals, hrv: float, resting: float, sleep: float, tsb: float, ramp: float
) -> None:
    assert one.hrv_week is not None
    assert one.resting_week is not None
    assert one.sleep_week is not None
    assert one.tsb is not None
    assert one.ramp is not None
    better = replace(
        one, hrv_week=one.hrv_week + hrv, resting_week=one.resting_week - resting, sleep_week=one.sleep_week + sleep,
        tsb=one.tsb + tsb, ramp=one.ramp - ramp,
    )  # fmt: skip
    assert readiness(better).load_scale >= readiness(one).load_scale


def test_a_day_too_far_ahead_is_not_judged_by_today() -> None:
    tired = readiness(Signals(tsb=-40.0))
    later = State(ability(), tired, applies=False)
    assert adapted((repeats(3, 720, 0.96, 300),), later).change.level == round(0.96 * 270)
    assert "too early" in explanation(adapted((repeats(3, 720, 0.96, 300),), later), later)
