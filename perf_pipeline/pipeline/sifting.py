"""Rows with defects are turned away before the transaction: one would cost the month that it is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.pipeline.rules import RULES, AtMost, Between, OneOf, Rule

REJECTED = "rejected: "
"""How a count begins that tells of rows turned away, before the rule that they broke."""
BoolArray = NDArray[np.bool_]


class Sifted(NamedTuple):
    """The rows that are right, and how many broke which rule first."""

    rows: Sequence[dict[str, Any]]
    rejected: Counter[str]


def sift(table: str, rows: Sequence[dict[str, Any]], required: Sequence[str] = ()) -> Sifted:
    """Separates the rows that break a rule of their table, or have nothing in a `required` column.

    A number that is not finite counts as broken wherever a rule looks at it.
    """
    rejected: Counter[str] = Counter()
    if not rows:
        return Sifted(rows, rejected)
    wrong = np.zeros(len(rows), bool)
    for column in required:
        if column in rows[0]:
            _note(f"{column} is missing", np.fromiter((row[column] is None for row in rows), bool, len(rows)), wrong,
                  rejected)  # fmt: skip
    columns: dict[str, NDArray[np.float64]] = {}
    for rule in RULES.get(table, ()):
        if rule.severity == "error" and rule.column in rows[0]:
            _note(rule.name, broken(rule, rows, columns), wrong, rejected)
    if not rejected:
        return Sifted(rows, rejected)
    return Sifted([row for row, is_wrong in zip(rows, wrong, strict=True) if not is_wrong], rejected)


def required_columns(table: Any) -> list[str]:
    """The columns of a table (SQLAlchemy's) that must hold something, and have no default to fall back on."""
    return [column.name for column in table.columns if not column.nullable and column.server_default is None]


def _note(name: str, found: BoolArray, wrong: BoolArray, rejected: Counter[str]) -> None:
    if fresh := int((found & ~wrong).sum()):
        rejected[name] = fresh
        wrong |= found


def broken(rule: Rule, rows: Sequence[Mapping[str, Any]], columns: dict[str, NDArray[np.float64]]) -> BoolArray:
    """Which rows break the rule, (n,). `columns` keeps the numbers of columns for the next rule."""
    if isinstance(rule, OneOf):
        words = frozenset(rule.words)
        by = {word: frozenset(known) for word, known in rule.words_by.items()}
        return np.fromiter(
            (
                row[rule.column] is not None and row[rule.column] not in (by.get(row[rule.by], ()) if by else words)
                for row in rows
            ),
            bool,
            len(rows),
        )
    values = _numbers(rule.column, rows, columns)
    if isinstance(rule, Between):
        found = np.isinf(values)
        if rule.low is not None:
            found |= (values <= rule.low) if rule.above else (values < rule.low)
        return found | (values > rule.high) if rule.high is not None else found
    return np.asarray(values > most(rule, rows, columns), bool)


def most(rule: AtMost, rows: Sequence[Mapping[str, Any]], columns: dict[str, NDArray[np.float64]]) -> Any:
    """What the column may be at most, (n,); `columns` as in `broken`."""
    other = _numbers(rule.other, rows, columns)
    if rule.by:
        # A word that we do not know has no bound of its own, and breaks a rule of its own.
        factors = np.array([rule.factor_by.get(row[rule.by], np.inf) for row in rows])
        other = np.where(np.isinf(factors), np.inf, other * np.where(np.isinf(factors), 1.0, factors))
    return other + rule.slack


def _numbers(
    column: str, rows: Sequence[Mapping[str, Any]], columns: dict[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The column as float64, NaN where it has nothing (no comparison with NaN holds, so nothing breaks a rule)."""
    if column not in columns:
        columns[column] = np.array([_number(row.get(column)) for row in rows], np.float64)
    return columns[column]


def _number(value: Any) -> float:
    if value is None:
        return np.nan
    number = float(value)
    # What is no number at all must not pass as absent.
    return np.inf if number != number else number  # noqa: PLR0124 - only NaN differs from itself
