"""What an activity is kept as for thresholds that are not known yet: time at each value, and power second by second.

A few kilobytes, against which any Critical Power, threshold heart rate or Critical Speed can be laid without reading
and cleaning the streams again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perf_pipeline.physiology.grade import GRADED_SPEED
from perf_pipeline.physiology.histograms import Histogram, histogram
from perf_pipeline.physiology.timeline import Timelines
from perf_pipeline.physiology.w_balance import PowerBySecond, power_by_second

POWER, HEART_RATE = "power_watts", "heart_rate_bpm"
HISTOGRAMS = (POWER, HEART_RATE, GRADED_SPEED)
"""Channels of which the time at each value is kept."""


@dataclass(frozen=True, slots=True)
class Signals:
    """`histograms` by channel and `power` (None where the meter never showed anything) of one activity."""

    sport: str
    histograms: Mapping[str, Histogram]
    power: PowerBySecond | None = None


def signals_of(lines: Timelines) -> Signals:
    """The signals of an activity from its timelines, which are built where nothing else has asked for them."""
    power = lines.power()
    wanted = HISTOGRAMS if power is not None else HISTOGRAMS[1:]
    found = {channel: histogram(lines, channel) for channel in wanted}
    return Signals(
        lines.clean.sport,
        {channel: one for channel, one in found.items() if one is not None},
        power_by_second(power) if power is not None else None,
    )
