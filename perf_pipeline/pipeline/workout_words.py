"""Planned workouts as a coach writes them on a whiteboard, and everything of an athlete's plan in one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from perf_pipeline.formats.workouts import Intensity, Item, Quantity, Repeat, Step, Target, from_plain
from perf_pipeline.pipeline.words import distance, pace

_PLAIN = {
    Intensity.WARMUP: "warm-up", Intensity.COOLDOWN: "cool-down", Intensity.REST: "easy", Intensity.FREE: "free",
    Intensity.MAXIMAL: "all out",
}  # fmt: skip


def items_in_words(items: Sequence[Item], sport: str) -> str:
    """The steps in one line.

    >>> target = Target(Quantity.POWER, 1.05, 1.05, relative=True)
    >>> rest = Step(Intensity.REST, 180.0)
    >>> items_in_words([Repeat(4, (Step(Intensity.WORK, 480.0, None, target), rest))], "bike")
    '4 x (8:00 at 105 %, 3:00 easy)'
    """
    return ", ".join(_item(item, sport) for item in items)


def _item(item: Item, sport: str) -> str:
    if isinstance(item, Repeat):
        inner = items_in_words(item.steps, sport)
        return f"{item.count} x {inner}" if len(item.steps) == 1 else f"{item.count} x ({inner})"
    parts = [_length(item)]
    if item.intensity in (Intensity.WARMUP, Intensity.COOLDOWN) or (item.target is None and item.intensity in _PLAIN):
        parts.append(_PLAIN[item.intensity])
    if item.target is not None:
        parts.append(_target(item.target, sport))
    return " ".join(parts)


def _length(step: Step) -> str:
    if step.meters is not None:
        return distance(step.meters)
    if step.seconds is None:
        return "until the lap button"
    whole = round(step.seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def _target(target: Target, sport: str) -> str:
    ends = [target.begin] if target.begin == target.end else [target.begin, target.end]
    if target.relative:
        told = [f"{100 * end:.0f}" for end in ends]
        unit = " %"
    elif target.quantity is Quantity.SPEED:
        # The slower pace first, as the lower power is.
        told, _, unit = zip(*(pace(end, sport).partition(" ") for end in ends), strict=True)  # type: ignore[assignment]
        told, unit = list(told), f" {unit[0]}"
    else:
        told = [f"{end:.0f}" for end in ends]
        unit = " bpm" if target.quantity is Quantity.HEART_RATE else " W"
    if len(set(told)) == 1:
        return f"at {told[0]}{unit}"
    return f"{'from' if target.ramp else 'at'} {' to '.join(told)}{unit}"


_PLAN = """
    select w.id, w.name, w.sport, w.planned_date, w.format, w.steps, w.duration_seconds, w.refusal as unread,
           a.as_of, a.status, a.refusal, a.steps as adapted_steps, a.changes, a.explanation, a.finish_probability,
           a.exports, c.score, c.intervals, c.finished, c.compliance, d.name as done_as, d.started_at as done_at
    from planned_workouts w
    left join lateral (
        select * from workout_adaptations x where x.planned_workout_id = w.id order by as_of desc, version desc limit 1
    ) a on true
    left join workout_completions c on c.planned_workout_id = w.id
    left join activities d on d.id = c.activity_id
    where w.profile_id = :profile
    order by w.planned_date nulls last, w.name, w.id
"""


def plan_of(connection: Connection, profile_id: UUID, today: date) -> list[dict[str, Any]]:
    """Every planned workout of the athlete with what was made of it and what was done of it, by day.

    `state`: done, missed (its day is past), adapted, unchanged, refused, or planned where nothing was said yet.
    `planned` and `adapted` are the steps in words.
    """
    rows = [dict(row) for row in connection.execute(text(_PLAN), {"profile": profile_id}).mappings()]
    for row in rows:
        row["state"] = _state(row, today)
        row["planned"] = _words(row["steps"], row["sport"])
        row["adapted"] = _words(row["adapted_steps"], row["sport"])
    return rows


def _words(steps: Sequence[Mapping[str, Any]] | None, sport: str | None) -> str:
    return items_in_words(from_plain(steps), sport or "bike") if steps else ""


def _state(row: Mapping[str, Any], today: date) -> str:
    if row["done_at"] is not None:
        return "done"
    if row["unread"] is not None:
        return "refused"
    if row["planned_date"] is not None and row["planned_date"] < today:
        return "missed"
    return row["status"] or "planned"
