"""Rows of `capability_predictions` and `prediction_backtests`: from ln(value) to watts and seconds, with reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import numpy as np

from perf_pipeline.physiology.effort_history import Curve, History
from perf_pipeline.physiology.prediction_cases import Case, Outlook
from perf_pipeline.physiology.prediction_choice import Prediction
from perf_pipeline.physiology.prediction_models import MODELS, YEAR_DAYS
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.storage.ids import content_id

ANSWER = ("value", "value_low", "value_high", "model", "refusal")
WORTH_SAYING = 0.005
"""A number that moves by less than this share says the same."""
_PER_LOG_SIZE, _PER_DAY = 0.06, 0.0005
_EFFORTS_NAMED = 3


def target_name(curve: Curve, size: float) -> str:
    """A target's name: `power 300 s`, `distance 5000 m`.

    >>> from perf_pipeline.physiology.effort_history import CURVES
    >>> target_name(CURVES[0], 300.0), target_name(CURVES[1], 21_097.5)
    ('power 300 s', 'distance 21097.5 m')
    """
    return f"power {size:g} s" if curve.kind == "power" else f"distance {size:.3f}".rstrip("0").rstrip(".") + " m"


def in_unit(curve: Curve, size: float, y: float) -> float:
    """ln(value) as watts, or as seconds over the distance."""
    return round(math.exp(y), 2) if curve.kind == "power" else round(size / math.exp(y), 2)


def interval(curve: Curve, size: float, shown: Prediction) -> tuple[float, float]:
    """The 90 % interval in the unit, lower end first: a low speed is a long time."""
    ends = in_unit(curve, size, shown.low), in_unit(curve, size, shown.high)
    return min(ends), max(ends)


def prediction_row(
    profile_id: UUID, history: History, outlook: Outlook, target: int, shown: Prediction | Refusal
) -> dict[str, Any]:
    """What is said of one target as of the outlook's day; id, version and hash are the writer's."""
    curve = history.curve
    size = curve.targets[target]
    best = float(outlook.values[MODELS.index("naive"), target])
    row: dict[str, Any] = {
        "profile_id": profile_id,
        "sport": curve.sport,
        "target": target_name(curve, size),
        "duration_seconds": int(size) if curve.kind == "power" else None,
        "distance_meters": None if curve.kind == "power" else size,
        "as_of": date.fromordinal(outlook.as_of),
        "unit": curve.unit,
        "current_best": in_unit(curve, size, best) if math.isfinite(best) else None,
        "beats_best_probability": None,
        "value": None,
        "value_low": None,
        "value_high": None,
        "refusal": None,
    }
    if isinstance(shown, Refusal):
        return {**row, "model": "none", "refusal": shown.reason}
    low, high = interval(curve, size, shown)
    beats = round(shown.beats_probability(best), 3) if math.isfinite(best) else None
    value = in_unit(curve, size, shown.y)
    return {
        **row,
        "model": shown.model,
        "value": value,
        "value_low": low,
        "value_high": high,
        "beats_best_probability": beats,
    }


def details(history: History, outlook: Outlook, target: int, shown: Prediction | Refusal) -> dict[str, Any]:
    """The efforts behind a prediction, how the models have done, and why this one is shown."""
    efforts = _efforts_behind(history, outlook.as_of, target)
    if isinstance(shown, Refusal):
        return {"efforts": efforts}
    errors = {model: round(100 * error, 2) for model, error in shown.errors.items()}
    own = f"{shown.own_cases} own cases" if shown.own_cases else "no own case yet"
    if shown.model == "naive":
        why = f"no model was nearer than the best of the last 90 days ({errors['naive']:.1f} %; {own})"
        return {"efforts": efforts, "errors_pct": errors, "own_cases": shown.own_cases, "why": why}
    why = f"{shown.model} has the least median error: {errors[shown.model]:.1f} %"
    if "naive" in errors:
        why += f", the best of the last 90 days {errors['naive']:.1f} %"
    return {"efforts": efforts, "errors_pct": errors, "own_cases": shown.own_cases, "why": f"{why} ({own})"}


def _efforts_behind(history: History, as_of: int, target: int) -> list[dict[str, Any]]:
    """The efforts of the year that say most of the target: high for their length, fresh, of similar size."""
    curve = history.curve
    rows = history.rows(as_of, YEAR_DAYS)
    some = history.y[rows]
    if not len(some):
        return []
    size = curve.targets[target]
    known = np.isfinite(some)
    limit = np.where(known, some - curve.shape(np.where(known, history.seconds[rows], 1.0)), -np.inf)
    apart = np.abs(np.log(history.sizes / size))
    score = limit - _PER_LOG_SIZE * apart - _PER_DAY * (as_of - history.day[rows])[:, None]
    best = score.max(axis=1)
    named = []
    for row in np.argsort(-best, kind="stable")[:_EFFORTS_NAMED].tolist():
        if math.isfinite(best[row]):
            column = int(score[row].argmax())
            own = float(history.sizes[column])
            named.append(
                {
                    "activity_id": str(history.activities[rows.start + row]),
                    "day": date.fromordinal(int(history.day[rows.start + row])).isoformat(),
                    "target": target_name(curve, own),
                    "value": in_unit(curve, own, float(some[row, column])),
                }
            )
    return named


def same_answer(held: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a new row says what the held one said, give or take `WORTH_SAYING`."""
    if held["model"] != row["model"] or (held["refusal"] is None) != (row["refusal"] is None):
        return False
    if row["refusal"] is not None:
        return True
    return all(
        abs(held[name] - row[name]) <= WORTH_SAYING * abs(held[name]) for name in ("value", "value_low", "value_high")
    )


def completed(row: dict[str, Any], told: dict[str, Any], version: int, input_hash: str) -> dict[str, Any]:
    """The row as it is written."""
    place = (row["profile_id"], row["sport"], row["target"], row["as_of"], version)
    return {
        "id": content_id("prediction", *place),
        **row,
        "version": version,
        "details": told,
        "input_hash": input_hash,
        "computed_at": datetime.now(UTC),
    }


def backtest_row(
    profile_id: UUID, curve: Curve, case: Case, outlook: Outlook, shown: Prediction | Refusal, input_hash: str
) -> dict[str, Any]:
    """One case beside what was said of it."""
    size = curve.targets[case.target]
    said = outlook.values[:, case.target].tolist()
    contenders = {m: in_unit(curve, size, y) for m, y in zip(MODELS, said, strict=True) if math.isfinite(y)}
    name, as_of = target_name(curve, size), date.fromordinal(case.as_of)
    row = {
        "id": content_id("backtest", profile_id, curve.sport, name, as_of),
        "profile_id": profile_id,
        "sport": curve.sport,
        "target": name,
        "as_of": as_of,
        "unit": curve.unit,
        "naive": contenders.get("naive"),
        "riegel": contenders.get("riegel"),
        "contenders": contenders,
        "actual": in_unit(curve, size, case.actual),
        "actual_activity_id": case.activity,
        "near_maximal": case.near,
        "input_hash": input_hash,
    }
    if isinstance(shown, Refusal):
        told = dict.fromkeys(("model", "predicted", "predicted_low", "predicted_high", "percentile"))
        return {**row, **told, "refusal": shown.reason}
    low, high = interval(curve, size, shown)
    told = {"predicted": in_unit(curve, size, shown.y), "predicted_low": low, "predicted_high": high}
    share = round(1.0 - shown.beats_probability(case.actual), 3)
    return {**row, **told, "model": shown.model, "percentile": share, "refusal": None}
