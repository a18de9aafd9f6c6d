"""Rows with defects are turned away before they cost the month that they are in; the others are stored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.pipeline.rules import RULES, AtMost, Between, OneOf
from perf_pipeline.pipeline.sifting import required_columns, sift
from perf_pipeline.pipeline.stages import activities, efforts
from perf_pipeline.storage.tables import METADATA
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete

EFFORT = {"value": 300.0, "duration_seconds": 60, "start_offset": 0, "grade": "confirmed", "unit": "W",
          "effort_type": "power", "distance_meters": None, "elapsed_seconds": None}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"value": -1.0}, "value from 0 to any"),
        ({"value": math.nan}, "value from 0 to any"),
        ({"value": math.inf}, "value from 0 to any"),
        ({"distance_meters": 0.0}, "distance_meters above 0 to any"),
        ({"grade": "sure"}, "grade is a known word"),
        ({"unit": "m/s"}, "unit is a known word for its effort_type"),
        ({"start_offset": None}, "start_offset is missing"),
    ],
)
def test_a_defect_is_told_by_its_rule_and_its_row_alone_goes(change: dict[str, Any], rule: str) -> None:
    rows = [EFFORT, {**EFFORT, **change}, EFFORT]
    kept, rejected = sift("activity_efforts", rows, ["start_offset"])
    assert list(kept) == [EFFORT, EFFORT]
    assert rejected == {rule: 1}


def test_rows_that_are_right_are_handed_on_as_they_are() -> None:
    rows = [EFFORT] * 3
    kept, rejected = sift("activity_efforts", rows)
    assert kept is rows
    assert not rejected


def test_what_is_only_unusual_is_kept() -> None:
    rows = [{"load": 900.0}]
    assert sift("activity_loads", rows) == (rows, {})


def slow(rule: Between | OneOf | AtMost, row: dict[str, Any]) -> bool:
    """Whether the row breaks the rule, one value at a time."""
    value = row[rule.column]
    if value is None:
        return False
    if isinstance(rule, OneOf):
        return value not in (rule.words_by[row[rule.by]] if rule.by else rule.words)
    if not math.isfinite(value):
        return True
    if isinstance(rule, Between):
        low = -math.inf if rule.low is None else rule.low
        high = math.inf if rule.high is None else rule.high
        return not ((low < value if rule.above else low <= value) and value <= high)
    other = row[rule.other]
    return other is not None and value > other + rule.slack


NUMBERS = st.one_of(st.none(), st.floats(-10, 4000), st.sampled_from([0.0, 1.0, math.nan, math.inf]))


BOUNDED = ("threshold", "threshold_low", "threshold_high", "capacity", "capacity_low", "capacity_high", "version")


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(BOUNDED, NUMBERS)), max_size=8))
def test_rules_say_the_same_row_by_row(rows: list[dict[str, Any]]) -> None:
    finite = [row for row in rows if all(v is None or math.isfinite(v) for v in row.values())]
    kept, rejected = sift("threshold_models", finite)
    expected = [row for row in finite if not any(slow(rule, row) for rule in RULES["threshold_models"])]
    assert list(kept) == expected
    assert sum(rejected.values()) == len(finite) - len(expected)


def test_rules_name_columns_that_are_there() -> None:
    for table, rules in RULES.items():
        for rule in rules:
            named = {rule.column, getattr(rule, "other", ""), getattr(rule, "by", "")} - {""}
            assert named <= set(METADATA.tables[table].c.keys()), table


def test_required_columns_are_those_that_the_database_insists_on() -> None:
    assert set(required_columns(METADATA.tables["activities"])) >= {"profile_id", "name", "type", "started_at"}
    assert "created_at" not in required_columns(METADATA.tables["activities"])


def test_a_month_keeps_what_is_right_and_tells_what_was_turned_away(
    athlete: Athlete, monkeypatch: pytest.MonkeyPatch
) -> None:
    athlete.drop("good.fit", making.fit(making.ride("2026-05-04T08:00")))
    athlete.drop("wrong.fit", making.fit(making.ride("2026-05-05T08:00")))
    real_row, real_efforts = activities.row, efforts.rows

    def row(*arguments: Any) -> dict[str, Any]:
        made = real_row(*arguments)
        return {**made, "distance_meters": -5} if made["started_at"].day == 5 else made

    def rows(*arguments: Any) -> list[dict[str, Any]]:
        made = real_efforts(*arguments)
        return [{**made[0], "value": np.nan}, *made[1:]]

    monkeypatch.setattr(activities, "row", row)
    monkeypatch.setattr(efforts, "rows", rows)
    athlete.take_in()
    report = athlete.months()
    assert [r["started_at"].day for r in athlete.rows("activities")] == [4]
    kept = athlete.rows("activity_efforts")
    assert {r["recorded_at"].day for r in kept} == {4}
    assert report.counts["activities.rejected: distance_meters from 0 to 3e+06"] == 1
    assert report.counts["activity_efforts.rejected: value from 0 to any"] == 1
    told = {r["stage"]: r["counts"] for r in athlete.rows("month_outputs")}
    assert told["activity_efforts"]["rejected: value from 0 to any"] == 1
    # A file that is right again brings its activity back.
    monkeypatch.undo()
    athlete.months(full_refresh=True)
    assert [r["started_at"].day for r in athlete.rows("activities")] == [4, 5]
