"""Wellness values in FIT files: weight, resting heart rate, heart rate variability, sleep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from perf_pipeline.formats import fit_profile as profile
from perf_pipeline.formats.fit_sessions import milliseconds, number
from perf_pipeline.formats.fit_tables import Row
from perf_pipeline.formats.model import WellnessSample

MESSAGES: Final = frozenset({
    profile.WEIGHT_SCALE, profile.MONITORING_HR, profile.HRV_STATUS, profile.SLEEP_LEVEL,
})  # fmt: skip
_STILL_WEIGHING: Final = 0xFFFE
_ASLEEP: Final = frozenset({2, 3, 4})  # light, deep, REM
_LONGEST_STAGE_SECONDS: Final = 6 * 3600


def wellness_samples(read: Callable[[int], Sequence[Row]]) -> tuple[WellnessSample, ...]:
    """Every wellness value of the file; `read` gives the messages of one number."""
    samples: list[WellnessSample] = []
    for row in read(profile.WEIGHT_SCALE):
        weight = number(row, 0)
        if weight is not None and weight != _STILL_WEIGHING:
            _add(samples, "weight_kg", weight / 100, row, "weight_scale")
    for row in read(profile.MONITORING_HR):
        rate = number(row, 1)
        _add(samples, "resting_hr_bpm", rate if rate is not None else number(row, 0), row, "monitoring_hr_data")
    for row in read(profile.HRV_STATUS):
        night = number(row, 1)
        _add(samples, "hrv_ms", None if night is None else night / 128, row, "hrv_status_summary")
    samples.extend(_sleep(read(profile.SLEEP_LEVEL)))
    return tuple(samples)


def _add(samples: list[WellnessSample], metric: str, value: float | None, row: Row, source: str) -> None:
    stamp = number(row, profile.TIMESTAMP)
    if value is not None and stamp is not None and stamp >= profile.POWER_UP_LIMIT:
        samples.append(WellnessSample(metric, float(value), milliseconds(stamp), source))


def _sleep(rows: Sequence[Row]) -> list[WellnessSample]:
    """Hours asleep: each level holds from its message to the next one."""
    levels = [
        (stamp, level)
        for row in rows
        if (stamp := number(row, profile.TIMESTAMP)) is not None
        and stamp >= profile.POWER_UP_LIMIT
        and (level := number(row, 0)) is not None
    ]
    asleep = 0
    for (start, level), (end, _) in pairwise(levels):
        if level in _ASLEEP and 0 < end - start <= _LONGEST_STAGE_SECONDS:
            asleep += end - start
    if not asleep:
        return []
    return [WellnessSample("sleep_hours", asleep / 3600, milliseconds(levels[-1][0]), "sleep_level")]
