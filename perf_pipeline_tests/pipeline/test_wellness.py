"""Weight, resting heart rate, HRV and sleep by day: one source a day, baselines of one device."""

from __future__ import annotations

import math
from datetime import date, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.pipeline.stages.wellness import CREDIBLE, Measurement, rows
from perf_pipeline_tests.pipeline.conftest import Athlete

ANN = UUID(int=1)
FIRST = date(2026, 1, 1)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def by_day(measured: list[Measurement], last: int) -> dict[date, dict[str, object]]:
    return {row["date"]: row for row in rows(ANN, measured, day(last))}


def test_a_weight_is_carried_forward_with_its_age_for_a_year() -> None:
    found = by_day([Measurement("weight_kg", day(0), 70.5, "scale")], 400)
    assert (found[day(9)]["value"], found[day(9)]["age_days"]) == (70.5, 9)
    assert max(found) == day(365)


def test_hrv_baselines_are_means_of_the_logarithm() -> None:
    values = [40.0 + n % 7 for n in range(70)]
    found = by_day([Measurement("hrv_ms", day(n), v, "watch") for n, v in enumerate(values)], 69)[day(69)]
    logs = np.log(values)
    assert found["mean_7d"] == pytest.approx(logs[-7:].mean(), abs=1e-5)
    assert found["mean_60d"] == pytest.approx(logs[-60:].mean(), abs=1e-5)
    assert found["sd_60d"] == pytest.approx(logs[-60:].std(ddof=1), abs=1e-5)
    assert (found["value"], found["valid_7d"], found["valid_60d"]) == (values[-1], 7, 60)


def test_two_days_of_seven_are_no_weekly_mean() -> None:
    found = by_day([Measurement("resting_hr_bpm", day(n), 50.0, "watch") for n in (0, 1)], 3)
    assert found[day(3)]["mean_7d"] is None
    assert found[day(3)]["valid_7d"] == 2


def test_two_devices_are_never_mixed_and_the_one_that_measures_most_is_chosen() -> None:
    watch = [Measurement("hrv_ms", day(n), 60.0, "watch") for n in range(50)]
    ring = [Measurement("hrv_ms", day(n), 30.0, "ring") for n in range(40, 110)]
    found = by_day([*watch, *ring], 109)
    assert {row["source"] for d, row in found.items() if d < day(50)} == {"watch"}
    assert found[day(109)]["source"] == "ring"
    for row in found.values():
        assert row["mean_60d"] is None or row["mean_60d"] == pytest.approx(
            math.log(60.0 if row["source"] == "watch" else 30.0), abs=1e-5
        )
    assert found[day(60)]["source_reason"] == "measured on 49 of the last 60 days, the next on 21"
    assert found[day(5)]["source_reason"] == "the only source"


def test_of_two_that_measured_as_often_the_later_one_is_chosen() -> None:
    found = by_day([Measurement("weight_kg", day(0), 70, "a"), Measurement("weight_kg", day(2), 71, "b")], 3)
    assert (found[day(1)]["source"], found[day(3)]["source"]) == ("a", "b")
    assert str(found[day(3)]["source_reason"]).endswith("and more lately")


@pytest.mark.parametrize(
    ("metric", "value"),
    [("weight_kg", 0.0), ("weight_kg", 70_500.0), ("resting_hr_bpm", 220.0), ("hrv_ms", -1.0), ("sleep_hours", 30.0),
     ("weight_kg", math.nan), ("hrv_ms", math.inf)],
)  # fmt: skip
def test_a_value_that_nobody_has_is_as_if_it_had_not_been_measured(metric: str, value: float) -> None:
    assert rows(ANN, [Measurement(metric, day(0), value, "x")], day(1)) == []


VALUES = st.lists(st.tuples(st.integers(0, 130), st.floats(30, 90), st.sampled_from("ab")), min_size=1, max_size=80)


@settings(max_examples=60)
@given(VALUES)
def test_every_day_is_what_a_slow_look_at_its_source_gives(told: list[tuple[int, float, str]]) -> None:
    measured = [Measurement("resting_hr_bpm", day(n), v, s) for n, v, s in told]
    for row in rows(ANN, measured, day(140)):
        own: dict[date, list[float]] = {}
        for one in measured:
            if one.source == row["source"] and one.day <= row["date"]:
                own.setdefault(one.day, []).append(one.value)
        daily = {d: float(np.mean(sorted(set(values)))) for d, values in own.items()}
        assert row["value"] == pytest.approx(daily[max(daily)], abs=1e-4)
        assert row["age_days"] == (row["date"] - max(daily)).days
        last = [v for d, v in daily.items() if (row["date"] - d).days < 60]
        assert row["valid_60d"] == len(last)
        if len(last) >= 3:
            assert row["mean_60d"] == pytest.approx(np.mean(last), abs=1e-4)
            assert row["sd_60d"] == pytest.approx(np.std(last, ddof=1), abs=1e-3)


def test_from_file_to_table_incrementally(athlete: Athlete) -> None:
    lines = ["date,metric,value,unit,source"]
    lines += [f"2026-05-{n:02d}T06:00:00Z,weight_kg,{70 + n / 10},kg,scale" for n in range(1, 11)]
    athlete.drop("weight.csv", "\n".join([*lines, ""]).encode())
    athlete.take_in()
    athlete.months()
    today = date(2026, 5, 20)
    assert athlete.history(today)["wellness"]["inserted"] == 20
    again = athlete.history(today)["wellness"]
    assert (again["inserted"], again["updated"], again["up_to_date"]) == (0, 0, 1)
    last = athlete.rows("daily_wellness")[-1]
    assert (last["date"], last["value"], last["age_days"], last["source"]) == (today, 71.0, 10, "scale")
    assert athlete.history(today + timedelta(days=1))["wellness"]["inserted"] == 1
    assert set(CREDIBLE) == {"weight_kg", "resting_hr_bpm", "hrv_ms", "sleep_hours"}
