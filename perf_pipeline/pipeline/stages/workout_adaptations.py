"""Stage `workout_adaptations`: what one planned workout becomes for the athlete as known on a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from perf_pipeline.formats.workouts import Item, Quantity, as_plain, from_plain, written_out
from perf_pipeline.physiology.adaptation import Adaptation, Followed, Plan, State, adapt
from perf_pipeline.physiology.adaptation_words import explanation, reasons
from perf_pipeline.physiology.finishing import Ability, fit_correlation
from perf_pipeline.physiology.readiness import Readiness, Signals, readiness
from perf_pipeline.physiology.refusal import Refusal

DAYS_AHEAD = 1
"""Today's readiness says something of today and tomorrow, and of what has no day."""
MODELS: Mapping[tuple[str, Quantity], str] = {
    ("bike", Quantity.POWER): "critical_power",
    ("run", Quantity.POWER): "critical_power",
    ("run", Quantity.SPEED): "critical_speed",
}
"""Models with a threshold and what can be spent above it: without the second nobody can say what is finished."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the athlete on the day.

    `thresholds`: the newest row of `threshold_models` by sport and model. `followed`: how planned sessions went, by
    sport.
    """

    today: date
    thresholds: Mapping[tuple[str, str], Mapping[str, Any]]
    signals: Signals
    followed: Mapping[str, Followed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """The values of a row of `workout_adaptations`."""

    status: str
    refusal: str | None = None
    readiness: Mapping[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    explanation: str = ""
    finish_probability: float | None = None


def quantity_of(items: tuple[Item, ...]) -> Quantity | None:
    """What the workout's targets are of: power before speed, None where of neither."""
    found = {step.target.quantity for step in written_out(items) if step.target is not None}
    return next((one for one in (Quantity.POWER, Quantity.SPEED) if one in found), None)


def model_of(planned: Mapping[str, Any]) -> tuple[str, str] | None:
    """Sport and model that a planned workout is measured against, None where there is none."""
    quantity = quantity_of(from_plain(planned["steps"])) if planned["steps"] else None
    model = MODELS.get((planned["sport"] or "", quantity)) if quantity else None
    return None if model is None else (planned["sport"], model)


def answer(planned: Mapping[str, Any], known: Known, before: float | None) -> Answer:
    """The workout for the athlete as known; `before` is the threshold as of the day on which an absolute one came."""
    if planned["refusal"] is not None:
        return Answer("refused", planned["refusal"])
    items = from_plain(planned["steps"])
    quantity = quantity_of(items)
    if quantity is None:
        return Answer("refused", "no step has a target of power or speed")
    model = model_of(planned)
    if model is None:
        sport = planned["sport"]
        if sport is None:
            return Answer("refused", "the file does not say which sport it is for")
        return Answer("refused", f"no model of what can be held above the threshold for {sport} by {quantity}")
    row = known.thresholds.get(model)
    name = model[1].replace("_", " ")
    if row is None or row["threshold"] is None or row["capacity"] is None:
        why = "nothing is known yet" if row is None or row["refusal"] is None else row["refusal"]
        return Answer("refused", f"no {name} for {model[0]} today: {why}")
    ready = readiness(known.signals)
    day = planned["planned_date"]
    applies = day is None or day <= known.today + timedelta(days=DAYS_AHEAD)
    state = State(ability_of(row, quantity), ready, known.followed.get(model[0], Followed()), applies)
    found = adapt(Plan(items, planned["base_threshold"] or before), state)
    told = _readiness(ready, known, state, row)
    if isinstance(found, Refusal):
        return Answer("refused", found.reason, told)
    return _adapted(found, state, told)


def _adapted(found: Adaptation, state: State, told: Mapping[str, Any]) -> Answer:
    lowest = found.finish_probability
    return Answer(
        status="adapted" if found.is_changed else "unchanged",
        readiness=told,
        steps=as_plain(found.items),
        changes=[{"kind": r.kind, "reason": r.words, "numbers": dict(r.numbers)} for r in reasons(found, state)],
        explanation=explanation(found, state),
        finish_probability=None if lowest is None else round(lowest, 4),
    )


def ability_of(row: Mapping[str, Any], quantity: Quantity) -> Ability:
    """The ability that a row of `threshold_models` tells."""
    efforts = row["details"].get("efforts", [])
    seconds = [one.get("duration_seconds", one.get("seconds")) for one in efforts]
    weights = [one.get("weight", 1.0) for one in efforts]
    is_known = len(seconds) >= 2 and all(isinstance(one, int | float) and one > 0 for one in seconds)
    return Ability(
        quantity,
        row["threshold"], row["threshold_low"] or row["threshold"], row["threshold_high"] or row["threshold"],
        row["capacity"], row["capacity_low"] or row["capacity"], row["capacity_high"] or row["capacity"],
        **({"correlation": round(fit_correlation(seconds, weights), 4)} if is_known else {}),
    )  # fmt: skip


def _readiness(ready: Readiness, known: Known, state: State, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "load_scale": round(ready.load_scale, 4),
        "applies": state.applies,
        "cuts": [{"signal": cut.signal, "share": round(cut.share, 4), **cut.numbers} for cut in ready.cuts],
        "unknown": list(ready.unknown),
        "signals": {key: round(value, 3) for key, value in asdict(known.signals).items() if value is not None},
        "followed": asdict(state.followed),
        "threshold": row["threshold"],
        "capacity": row["capacity"],
        "threshold_as_of": row["as_of"].isoformat(),
    }
