"""What an adaptation changes and why, in words and numbers that a coach would sign. Nothing medical is claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perf_pipeline.formats.workouts import Item, Quantity, Repeat, Step
from perf_pipeline.physiology.adaptation import FINISH_LIMIT, TRUST_WINDOW_DAYS, Adaptation, State
from perf_pipeline.physiology.sessions import Change, Role, Session, role_of

Number = float | int | str


@dataclass(frozen=True, slots=True)
class Reason:
    """One change: its `kind` (threshold, readiness, power, pace, rest, duration, count), the reason in words, and the
    numbers that the words hold.
    """

    kind: str
    words: str
    numbers: Mapping[str, Number] = field(default_factory=dict)


def reasons(adaptation: Adaptation, state: State) -> tuple[Reason, ...]:
    """Why the session differs from its plan, in the order in which the changes were made; none where it does not."""
    found: list[Reason] = []
    if adaptation.rebase != 1.0:
        found.append(_rebase(adaptation, state))
    if adaptation.ready_level != adaptation.session.level():
        found.append(_readiness(adaptation, state))
    found += _finishing(adaptation)
    return tuple(found)


def explanation(adaptation: Adaptation, state: State) -> str:
    """The whole of it as a coach would say it."""
    ability, quantity = state.ability, state.ability.quantity
    low, high = target_words(ability.threshold_low, quantity), target_words(ability.threshold_high, quantity)
    reserve = f"W′ {ability.capacity / 1000:.1f} kJ" if quantity is Quantity.POWER else f"D′ {ability.capacity:.0f} m"
    name = "Critical Power" if quantity is Quantity.POWER else "Critical Speed"
    span = f"{low} to {high}" if quantity is Quantity.POWER else f"{high} to {low}"
    lines = [f"Measured against {name} {target_words(ability.threshold, quantity)} (90 % interval {span}), {reserve}."]
    followed = state.followed
    if followed.trust < 1:
        lines.append(
            f"Of {followed.intervals} planned intervals of the last {TRUST_WINDOW_DAYS} days {followed.finished} were "
            f"finished: {100 * (1 - followed.trust):.1f} % less is expected of you."
        )
    told = reasons(adaptation, state)
    lines += [reason.words for reason in told]
    if not told:
        lines.append(_as_planned(adaptation))
    elif round(adaptation.load) < round(adaptation.planned_load):
        lines.append(f"The session's load is {adaptation.load:.0f} instead of {adaptation.planned_load:.0f}.")
    if not state.applies:
        lines.append("It is too early to say how rested you will be on the day: that is looked at again nearer to it.")
    elif state.readiness.unknown:
        lines.append(f"Nothing is known today of: {', '.join(SIGNAL_WORDS[one] for one in state.readiness.unknown)}.")
    return " ".join(lines)


SIGNAL_WORDS: Mapping[str, str] = {
    "hrv": "heart rate variability", "resting_hr": "resting heart rate", "sleep": "sleep", "tsb": "form (TSB)",
    "ramp": "the rise of fitness",
}  # fmt: skip


def target_words(value: float, quantity: Quantity) -> str:
    """A target as people say it: watts, or a pace per kilometre.

    >>> target_words(252.4, Quantity.POWER), target_words(4.0, Quantity.SPEED)
    ('252 W', '4:10/km')
    """
    if quantity is Quantity.POWER:
        return f"{value:.0f} W"
    return f"{clock_words(1000 / value)}/km" if value > 0 else "0 km/h"


def clock_words(seconds: float) -> str:
    """Minutes and seconds.

    >>> clock_words(225)
    '3:45'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _as_planned(adaptation: Adaptation) -> str:
    if not adaptation.after:
        return "As planned: there is no interval in it that could not be finished."
    lowest = min(adaptation.after)
    at = adaptation.after.index(lowest) + 1
    return (
        f"As planned: interval {at} of {len(adaptation.after)} is the least certain, and is finished with a "
        f"probability of {_probability(lowest)}; the limit is {_probability(FINISH_LIMIT)}."
    )


def _rebase(adaptation: Adaptation, state: State) -> Reason:
    quantity = state.ability.quantity
    now, before = state.ability.threshold, adaptation.session.basis.planned_threshold
    percent = round(100 * (now / before - 1), 1)
    followed = round(100 * (adaptation.rebase - 1), 1)
    words = (
        f"Your threshold is {target_words(now, quantity)} today and was {target_words(before, quantity)} when this was "
        f"planned ({percent:+.1f} %): the targets follow by {followed:+.1f} %."
    )
    return Reason(
        "threshold", words,
        {"now": round(now, 4), "before": round(before, 4), "percent": percent, "followed_percent": followed},
    )  # fmt: skip


def _readiness(adaptation: Adaptation, state: State) -> Reason:
    session, quantity = adaptation.session, state.ability.quantity
    planned, ready = session.level() * session.quantum, adaptation.ready_level * session.quantum
    load = round(100 * state.readiness.load_scale)
    because = "; ".join(cut.words for cut in state.readiness.cuts)
    noun = "that is" if _of_one_target(session) else "the hardest"
    words = (
        f"Because {because}: the intervals are asked for at {load} % of their load, {noun} at "
        f"{target_words(ready, quantity)} instead of {target_words(planned, quantity)}."
    )
    numbers: dict[str, Number] = {"load_percent": load, "planned": planned, "ready": ready}
    for cut in state.readiness.cuts:
        numbers |= dict(cut.numbers)
    return Reason("readiness", words, numbers)


def _finishing(adaptation: Adaptation) -> list[Reason]:
    """The changes that make the session one that can be finished; the first of them says why."""
    change, session = adaptation.change, adaptation.session
    if change == Change(adaptation.ready_level):
        return []
    quantity = session.basis.quantity
    at = next(index for index, one in enumerate(adaptation.before, 1) if one < FINISH_LIMIT)
    short, after = adaptation.before[at - 1], min(adaptation.after)
    ready, level = adaptation.ready_level * session.quantum, change.level * session.quantum
    shared: dict[str, Number] = {
        "interval": at, "intervals": len(adaptation.before), "probability_before": round(short, 2),
        "limit": FINISH_LIMIT, "probability_after": round(after, 2),
    }  # fmt: skip
    why = (
        f"Without this, interval {at} of {len(adaptation.before)} would be finished with a probability of only "
        f"{_probability(short)}, below the limit of {_probability(FINISH_LIMIT)}; with it, each one is with "
        f"{_probability(after)} or more."
    )
    percent = round(100 * (change.level / adaptation.ready_level - 1), 1)
    found: list[tuple[str, str, dict[str, Number]]] = []
    if change.level != adaptation.ready_level:
        kind = "power" if quantity is Quantity.POWER else "pace"
        one = _of_one_target(session)
        words = (
            f"{'Intervals' if one else 'Hardest interval'} at {target_words(level, quantity)} instead of "
            f"{target_words(ready, quantity)} ({percent:+.1f} %){'' if one else ', all others by as much'}."
        )
        found.append((kind, words, {"from": ready, "to": level, "percent": percent}))
    for kind, noun in (("rest", "Rests"), ("duration", "Intervals")):
        if (lengths := _lengths(session, adaptation.items, kind)) is not None:
            before, now, unit = lengths
            told = (
                (f"{clock_words(now)} min instead of {clock_words(before)} min")
                if unit == "s"
                else f"{now:.0f} m instead of {before:.0f} m"
            )
            found.append((kind, f"{noun} of {told}.", {"from": before, "to": now}))
    for before_count, now_count in _counts(session.items, adaptation.items):
        found.append(
            ("count", f"{now_count} repeats instead of {before_count}.", {"from": before_count, "to": now_count})
        )
    return [
        Reason(kind, f"{words} {why}" if index == 0 else words, {**numbers, **(shared if index == 0 else {})})
        for index, (kind, words, numbers) in enumerate(found)
    ]


def _of_one_target(session: Session) -> bool:
    """Whether all intervals have the same target."""
    found = {s.target for s, role in session.written(session.items) if role is Role.INTERVAL and s.target is not None}
    return len(found) == 1 and all(target.begin == target.end for target in found)


def _probability(value: float) -> str:
    return f"{value:.2f}"


def _lengths(session: Session, changed: Sequence[Item], kind: str) -> tuple[float, float, str] | None:
    """The first length that differs, of rests or of intervals: before, now, s or m."""
    for before, now in _pairs(session.items, changed):
        is_interval = role_of(before, session.basis) is Role.INTERVAL
        if is_interval != (kind == "duration"):
            continue
        if before.seconds != now.seconds and before.seconds is not None and now.seconds is not None:
            return before.seconds, now.seconds, "s"
        if before.meters != now.meters and before.meters is not None and now.meters is not None:
            return before.meters, now.meters, "m"
    return None


def _pairs(before: Sequence[Item], now: Sequence[Item]) -> list[tuple[Step, Step]]:
    found: list[tuple[Step, Step]] = []
    for one, other in zip(before, now, strict=True):
        if isinstance(one, Repeat) and isinstance(other, Repeat):
            found += _pairs(one.steps, other.steps)
        elif isinstance(one, Step) and isinstance(other, Step):
            found.append((one, other))
    return found


def _counts(before: Sequence[Item], now: Sequence[Item]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for one, other in zip(before, now, strict=True):
        if isinstance(one, Repeat) and isinstance(other, Repeat):
            if one.count != other.count:
                found.append((one.count, other.count))
            found += _counts(one.steps, other.steps)
    return found
