"""Predictions in the terminal: a table of them, and the answer to one question about power, pace, time or distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from perf_pipeline.physiology.capability_curve import CapabilityCurve, Estimate, seconds_to_exhaustion
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.pipeline.predicted import curve_of
from perf_pipeline.pipeline.words import watch

_NAMES = {21_097.5: "half marathon", 42_195.0: "marathon", 1609.344: "mile"}


def seconds_of(told: str) -> float:
    """Seconds of `45`, `21:10` or `1:23:45`; raises `ValueError` for anything else.

    >>> seconds_of("1:23:45"), seconds_of("4:05.5")
    (5025.0, 245.5)
    """
    parts = [float(part) for part in told.strip().split(":")]
    if not 1 <= len(parts) <= 3 or any(not 0 <= part < float("inf") for part in parts):
        raise ValueError(told)
    seconds = 0.0
    for part in parts:
        seconds = 60 * seconds + part
    return seconds


def predictions_table(rows: Sequence[Mapping[str, Any]], title: str = "Predictions") -> Table:
    """One line a target: what to expect, how sure that is, and by which model."""
    table = Table(title=title, title_justify="left")
    several = len({row["athlete"] for row in rows}) > 1
    if several:
        table.add_column("athlete")
    for column in ("sport", "target", "expected", "90 % interval", "best of 90 days", "chance to beat it", "model"):
        table.add_column(column, justify="right" if column in {"expected", "chance to beat it"} else "left")
    for row in rows:
        cells = [row["sport"], target_words(row), *_numbers(row)]
        table.add_row(*([row["athlete"]] if several else []), *cells)
    return table


def target_words(row: Mapping[str, Any]) -> str:
    """`20 min`, `5 km`, `half marathon`, `400 m`."""
    if (seconds := row["duration_seconds"]) is not None:
        return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds} s"
    meters = row["distance_meters"]
    if meters in _NAMES:
        return _NAMES[meters]
    return f"{meters / 1000:g} km" if row["sport"] == "run" and meters >= 1000 else f"{meters:g} m"


def _numbers(row: Mapping[str, Any]) -> list[str]:
    best = "-" if row["current_best"] is None else amount(row["current_best"], row["unit"])
    if row["refusal"] is not None:
        return ["-", row["refusal"], best, "", ""]
    chance = "" if row["beats_best_probability"] is None else f"{100 * row['beats_best_probability']:.0f} %"
    low, high = amount(row["value_low"], row["unit"]), amount(row["value_high"], row["unit"])
    return [amount(row["value"], row["unit"]), f"{low} to {high}", best, chance, row["model"]]


def amount(value: float, unit: str) -> str:
    """Watts or a time."""
    return f"{value:.0f} W" if unit == "W" else watch(value)


def answer_at_size(curve: CapabilityCurve, size: float, *, is_power: bool) -> str:
    """What can be held over a duration (s), or how long a distance (m) takes."""
    found = curve.at(size)
    if isinstance(found, Refusal):
        return found.reason
    if is_power:
        return f"{found.value:.0f} W, 90 % {found.low:.0f} to {found.high:.0f} W"
    fast, slow = (watch(size / speed) if speed else "?" for speed in (found.high, found.low))
    return f"{watch(size / found.value)}, 90 % {fast} to {slow}"


def answer_at_value(curve: CapabilityCurve, value: float, *, is_power: bool) -> str:
    """How long a power (W) or speed (m/s) can be held."""
    found: Estimate | Refusal = seconds_to_exhaustion(curve, value, is_power=is_power)
    if isinstance(found, Refusal):
        return found.reason
    low = "less than the shortest predicted" if found.low is None else watch(found.low)
    high = "longer than the longest predicted" if found.high is None else watch(found.high)
    return f"{watch(found.value)}, 90 % {low} to {high}"


@dataclass(frozen=True, slots=True)
class Question:
    """One of four: `power` (W) or `pace` (s a km, or 100 m of swimming) to hold, `duration` (s), `distance` (m)."""

    kind: str
    amount: float

    @property
    def is_power(self) -> bool:
        return self.kind in {"power", "duration"}


def question_of(power: float | None, pace: str | None, duration: str | None, distance: float | None) -> Question | None:
    """The question asked; None for none. Raises `ValueError` for two at once and for a time that is none."""
    asked = {"power": power, "pace": pace, "duration": duration, "distance": distance}
    given = {kind: told for kind, told in asked.items() if told is not None}
    if len(given) > 1:
        raise ValueError("ask one thing at a time: --" + " or --".join(given))
    for kind, told in given.items():
        try:
            amount = seconds_of(told) if isinstance(told, str) else told
        except ValueError:
            raise ValueError(f"{told!r} is no time such as 4:05 or 1:23:45") from None
        if not amount > 0:
            raise ValueError(f"--{kind} must be above zero")
        return Question(kind, amount)
    return None


def answer(rows: Sequence[Mapping[str, Any]], question: Question) -> list[str]:
    """One line a sport of which there are predictions that answer the question."""
    unit = "W" if question.is_power else "s"
    found = []
    for sport in sorted({row["sport"] for row in rows if row["unit"] == unit}):
        curve = curve_of(rows, sport, unit)
        if curve is None:
            found.append(f"{sport}: too little is known")
        elif question.kind in {"duration", "distance"}:
            found.append(f"{sport}: {answer_at_size(curve, question.amount, is_power=question.is_power)}")
        else:
            meters = 100 if sport == "swim" else 1000
            value = question.amount if question.kind == "power" else meters / question.amount
            found.append(f"{sport}: {answer_at_value(curve, value, is_power=question.is_power)}")
    return found or [f"nothing has been predicted in {'watts' if unit == 'W' else 'times'}"]
