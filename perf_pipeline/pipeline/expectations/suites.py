"""Expectations made of the schema (types, nullness, keys, references, words) and of the table of rules."""

from __future__ import annotations

import os
import sys
from typing import Any

from sqlalchemy import Enum, Table

# Read when the package is imported: nothing is told to anybody.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx_package

from perf_pipeline.pipeline.expectations.frames import WRONG_TYPES, keys_of, reference_name
from perf_pipeline.pipeline.rules import METRIC_RANGES, RULES, AtMost, Between, OneOf, Rule

gx: Any = gx_package
gxe: Any = gx.expectations  # most names are exported at run time only
SEVERITY = {"error": "critical", "warning": "warning"}
FRESHNESS = ("streams are recorded", "rows are as new as the streams")


def suite_of(table: Table) -> list[Any]:
    """All expectations of a table's frame."""
    found = [_in_set(WRONG_TYPES, [""])]
    for column in table.columns:
        if not column.nullable:
            found.append(gxe.ExpectColumnValuesToNotBeNull(column=column.name, severity="critical"))
        if isinstance(column.type, Enum):
            found.append(_in_set(column.name, list(column.type.enums)))
        found += [_in_set(reference_name(column.name, key.column.table.name), [True]) for key in column.foreign_keys]
    found += [_unique(columns) for columns in keys_of(table)]
    found += [_of_rule(rule) for rule in RULES.get(table.name, ())]
    if table.name == "activity_metrics":
        for metric, (low, high) in METRIC_RANGES.items():
            found.append(_of_rule(Between(metric, low, high, severity="warning")))
    if table.name == "activity_efforts":
        found.append(_in_set("coherent with shorter efforts", [True]))
    return found


def suite_of_months() -> list[Any]:
    """Freshness: streams against the activities that were made of them."""
    return [_in_set(name, [True]) for name in FRESHNESS]


def _unique(columns: list[str]) -> Any:
    if len(columns) == 1:
        return gxe.ExpectColumnValuesToBeUnique(column=columns[0], severity="critical")
    return gxe.ExpectCompoundColumnsToBeUnique(column_list=columns, severity="critical")


def _in_set(column: str, words: list[Any], severity: str = "critical") -> Any:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=words, severity=severity)


def _of_rule(rule: Rule) -> Any:
    severity = SEVERITY[rule.severity]
    if isinstance(rule, OneOf):
        if rule.by:
            pairs = [f"{word}: {known}" for word, known_words in rule.words_by.items() for known in known_words]
            return _in_set(rule.name, pairs, severity)
        return _in_set(rule.column, list(rule.words), severity)
    if isinstance(rule, AtMost):
        return gxe.ExpectColumnValuesToBeBetween(column=rule.name, min_value=0, severity=severity)
    # Where nothing bounds it from above, a value must still be finite.
    high = sys.float_info.max if rule.high is None else rule.high
    return gxe.ExpectColumnValuesToBeBetween(
        column=rule.column, min_value=rule.low, max_value=high, strict_min=rule.above, severity=severity
    )
