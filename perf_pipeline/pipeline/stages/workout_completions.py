"""The matching of activities with planned workouts: which pairs may belong together, and which of them do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.workouts import Item, Quantity, from_plain
from perf_pipeline.physiology.compliance import (
    SHAPE_NEXT_DAY,
    SHAPE_SAME_DAY,
    SHAPE_UNDATED,
    Compliance,
    PlannedStretch,
    compare,
)
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.sessions import OPEN_SECONDS, Basis, Change, Role, Session
from perf_pipeline.pipeline.stages.preparation import prepare
from perf_pipeline.pipeline.stages.workout_adaptations import quantity_of
from perf_pipeline.storage.sessions import StoredSession

UNDATED_DAYS = 60
_SHORTEST, _LONGEST = 0.4, 3.0
_LONGEST_PLAN_SECONDS = 86_400.0
"""A plan is laid over an activity second by second: one of weeks is none."""
_TYPICAL_MPS: Mapping[str, float] = {"run": 2.5, "swim": 0.8}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An activity that could be the one: its local day, and what was known of it."""

    id: UUID
    sport: str
    day: date
    moving_seconds: int
    archive_month: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on a day: the workout, the items handed out (None: only the plan), today's threshold then."""

    planned: Mapping[str, Any]
    handed_out: Sequence[Mapping[str, Any]] | None
    threshold: float | None


def may_match(planned: Mapping[str, Any], seconds: float, activity: Candidate) -> bool:
    """Whether sport, day and length allow it."""
    if planned["sport"] != activity.sport or seconds > _LONGEST_PLAN_SECONDS:
        return False
    if not _SHORTEST * seconds <= activity.moving_seconds <= _LONGEST * seconds:
        return False
    day: date | None = planned["planned_date"]
    received: date = planned["received_on"]
    if day is not None:
        return abs((activity.day - day).days) <= 1
    return received <= activity.day <= received + timedelta(days=UNDATED_DAYS)


def limit(planned: Mapping[str, Any], activity: Candidate) -> float:
    """The shape that is needed: the less the day says, the more."""
    if planned["planned_date"] is None:
        return SHAPE_UNDATED
    return SHAPE_SAME_DAY if planned["planned_date"] == activity.day else SHAPE_NEXT_DAY


def seconds_of(planned: Mapping[str, Any]) -> float:
    """About how long the workout lasts."""
    from perf_pipeline.formats.workouts import written_out

    usual = _TYPICAL_MPS.get(planned["sport"] or "", 2.5)
    return sum(
        step.seconds if step.seconds is not None else OPEN_SECONDS if step.meters is None else step.meters / usual
        for step in written_out(from_plain(planned["steps"]))
    )


def template(asked: Asked) -> tuple[Quantity, list[PlannedStretch]] | None:
    """What was asked for, second by second; None where it has no numbers on that day."""
    items = from_plain(asked.planned["steps"])
    quantity = quantity_of(items)
    if quantity is None or asked.threshold is None:
        return None
    basis = Basis(quantity, asked.threshold, asked.planned["base_threshold"] or asked.threshold)
    session = Session.of(items, basis)
    if isinstance(session, Refusal):
        return None
    done: tuple[Item, ...] = (
        session.changed(Change(session.level())) if asked.handed_out is None else from_plain(asked.handed_out)
    )
    written = session.written(done)
    return quantity, [_stretch(step.seconds, step.meters, step.target, role, quantity) for step, role in written]


def _stretch(seconds: Any, meters: Any, target: Any, role: Role, quantity: Quantity) -> PlannedStretch:
    is_ours = target is not None and target.quantity is quantity
    low = min(target.begin, target.end) if is_ours else None
    high = max(target.begin, target.end) if is_ours else None
    if seconds is None:
        seconds = OPEN_SECONDS if meters is None else meters / max((low or 2.5) / 2 + (high or 2.5) / 2, 0.1)
    return PlannedStretch(max(1, round(seconds)), low, high, judged=role is Role.INTERVAL)


def series(stored: StoredSession, sport: str, quantity: Quantity) -> NDArray[np.float64] | None:
    """Power or speed of each second of the timer, None where there is none."""
    lines = prepare(stored, sport).lines
    line = lines.power() if quantity is Quantity.POWER else lines.distance()
    return None if line is None else line.per_second()


def assigned(scores: Mapping[tuple[UUID, UUID], Compliance]) -> dict[UUID, UUID]:
    """Activity by workout: the likest pair first, each workout and each activity once."""
    ranked = sorted(scores, key=lambda pair: (-scores[pair].score, str(pair[0]), str(pair[1])))
    found: dict[UUID, UUID] = {}
    for workout, activity in ranked:
        if workout not in found and activity not in found.values():
            found[workout] = activity
    return found


def row(profile_id: UUID, workout: UUID, activity: UUID, found: Compliance, digest: str) -> dict[str, Any]:
    """The row of `workout_completions`."""
    return {
        "planned_workout_id": workout,
        "activity_id": activity,
        "profile_id": profile_id,
        "score": round(found.score, 4),
        "compliance": [asdict(one) for one in found.held],
        "intervals": len(found.held),
        "finished": sum(one.finished for one in found.held),
        "input_hash": digest,
    }


def components(pairs: Iterable[tuple[UUID, UUID]]) -> list[list[tuple[UUID, UUID]]]:
    """The pairs in groups that share no workout and no activity: each can be decided by itself."""
    leader: dict[UUID, UUID] = {}

    def find(one: UUID) -> UUID:
        while leader.setdefault(one, one) != one:
            one = leader[one]
        return one

    listed = sorted(pairs, key=lambda pair: (str(pair[0]), str(pair[1])))
    for workout, activity in listed:
        leader[find(workout)] = find(activity)
    groups: dict[UUID, list[tuple[UUID, UUID]]] = {}
    for pair in listed:
        groups.setdefault(find(pair[0]), []).append(pair)
    return list(groups.values())


__all__ = [
    "Asked", "Candidate", "assigned", "compare", "components", "limit", "may_match", "row", "seconds_of", "series",
    "template",
]  # fmt: skip
