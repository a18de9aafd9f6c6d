"""Stage `daily_fitness`: what loads make of fitness, fatigue and form, day by day, to today and two weeks on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from perf_pipeline.physiology.beginnings import first_settled_day
from perf_pipeline.physiology.load import project

PROJECTED_DAYS = 14


def rows(profile_id: UUID, loads: Iterable[tuple[date, float]], today: date) -> list[dict[str, Any]]:
    """The rows of `daily_fitness` from (local day, load) pairs; none without a load up to today.

    They begin on the first settled day: loads that a clock never set put decades before it are left out.
    """
    known = [(day, load) for day, load in loads if day <= today]
    first = first_settled_day(day for day, _ in known)
    if first is None:
        return []
    daily = np.zeros((today - first).days + 1)
    for day, load in known:
        if day >= first:
            daily[(day - first).days] += load
    curve = project(daily, PROJECTED_DAYS)
    found = []
    for index in range(len(daily) + PROJECTED_DAYS):
        day = first + timedelta(days=index)
        found.append(
            {
                "profile_id": profile_id,
                "date": day,
                "load": round(float(daily[index]), 3) if index < len(daily) else 0.0,
                "ctl": round(float(curve.ctl[index]), 4),
                "atl": round(float(curve.atl[index]), 4),
                "tsb": round(float(curve.tsb[index]), 4),
                "ramp": _finite(curve.ramp[index]),
                "monotony": _finite(curve.monotony[index]),
                "strain": _finite(curve.strain[index]),
                "projected": day > today,
            }
        )
    return found


def _finite(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None
