"""What a metric is: a name with unit, definition, source and needs, and the one function that works it out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Inputs = TypeVar("Inputs")
Grain = Literal["activity", "athlete"]
ACTIVITY_GRAIN: Grain = "activity"
ATHLETE_GRAIN: Grain = "athlete"


@dataclass(frozen=True, slots=True)
class Metric(Generic[Inputs]):
    """One metric of an activity. `compute` gives None where the activity does not have it.

    `definition` in words, `source`: paper or section of docs/science.md. `needs`: channels, and what else must be known
    (lengths, threshold, weight, ...). `grain`: `activity` where its file alone tells, `athlete` where it takes what is
    known of the athlete on that day.
    """

    name: str
    unit: str
    definition: str
    source: str
    compute: Callable[[Inputs], float | None]
    needs: tuple[str, ...] = ()
    grain: Grain = ACTIVITY_GRAIN


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric of an activity, in `unit`."""

    name: str
    value: float
    unit: str


def evaluate(metrics: Iterable[Metric[Inputs]], inputs: Inputs) -> tuple[MetricValue, ...]:
    """The values of those metrics that the inputs have, in order; never NaN, never infinite."""
    found = ((metric, metric.compute(inputs)) for metric in metrics)
    return tuple(
        MetricValue(metric.name, float(value), metric.unit)
        for metric, value in found
        if value is not None and math.isfinite(value)
    )
