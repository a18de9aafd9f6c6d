"""The back-test in numbers: how far predictions were off, beside the naive figure and Riegel's, and how honest.

Errors are compared on the same cases: near-maximal ones (by the rule of `physiology.near_maximal`) of which all three
say something. Coverage is told with that rule and without it, and how many cases the rule leaves out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, func, select

from perf_pipeline.storage.tables import prediction_backtests

LEAST_CASES = 20
"""Of fewer, a median error says little."""
HONEST = (0.85, 0.95)
_COLUMNS = (
    "sport", "target", "model", "predicted", "predicted_low", "predicted_high", "naive", "riegel", "actual",
    "percentile", "near_maximal",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassResult:
    """One sport and target. Median absolute errors are in per cent over `cases`, None without a case. `coverage` is of
    the near-maximal outcomes (`near`), `coverage_all` of all `outcomes`. Of `cases`, `shown_naive` showed the naive
    figure.
    """

    sport: str
    target: str
    cases: int
    error_pct: float | None
    naive_pct: float | None
    riegel_pct: float | None
    near: int
    outcomes: int
    coverage: float | None
    coverage_all: float | None
    shown_naive: int

    @property
    def wins(self) -> bool | None:
        """Whether what was shown was nearer than the naive figure in the median; None where cases are few."""
        if self.cases < LEAST_CASES or self.error_pct is None or self.naive_pct is None:
            return None
        return self.error_pct < self.naive_pct


def read_cases(connection: Connection, profile_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """The back-test's rows of these athletes, what the report needs of them."""
    table = prediction_backtests.c
    query = select(*(table[name] for name in _COLUMNS)).where(table.profile_id.in_(list(profile_ids)))
    return [dict(row) for row in connection.execute(query).mappings()]


def by_class(rows: Iterable[Mapping[str, Any]]) -> list[ClassResult]:
    """The results of every sport and target, in order of size."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["sport"], row["target"]].append(row)
    return [_class(sport, target, groups[sport, target]) for sport, target in sorted(groups, key=_size)]


def _size(key: tuple[str, str]) -> tuple[str, str, float]:
    kind, size, _ = key[1].split(" ")
    return key[0], kind, float(size)


def _class(sport: str, target: str, rows: Sequence[Mapping[str, Any]]) -> ClassResult:
    shown = [row for row in rows if row["predicted"] is not None]
    near = [row for row in shown if row["near_maximal"]]
    same = [row for row in near if row["naive"] is not None and row["riegel"] is not None]
    return ClassResult(
        sport,
        target,
        len(same),
        _error(same, "predicted"),
        _error(same, "naive"),
        _error(same, "riegel"),
        len(near),
        len(shown),
        coverage(near),
        coverage(shown),
        sum(row["model"] == "naive" for row in same),
    )


def _error(rows: Sequence[Mapping[str, Any]], column: str) -> float | None:
    if not rows:
        return None
    return float(np.median([100 * abs(row[column] / row["actual"] - 1) for row in rows]))


def coverage(rows: Iterable[Mapping[str, Any]]) -> float | None:
    """Share of the outcomes inside of the 90 % intervals."""
    inside = [row["predicted_low"] <= row["actual"] <= row["predicted_high"] for row in rows]
    return sum(inside) / len(inside) if inside else None


def near_coverage(rows: Iterable[Mapping[str, Any]]) -> tuple[float | None, int]:
    """Coverage of near-maximal outcomes over all classes, and of how many."""
    near = [row for row in rows if row["near_maximal"] and row["predicted"] is not None]
    return coverage(near), len(near)


def stored_coverage(connection: Connection, profile_ids: Sequence[UUID]) -> tuple[float | None, int]:
    """`near_coverage` of what is stored of these athletes, without reading it."""
    table = prediction_backtests.c
    inside = table.actual.between(table.predicted_low, table.predicted_high)
    held, cases = connection.execute(
        select(func.count().filter(inside), func.count()).where(
            table.profile_id.in_(list(profile_ids)), table.near_maximal, table.predicted.is_not(None)
        )
    ).one()
    return (held / cases if cases else None), cases


def is_honest(share: float | None, cases: int) -> bool:
    """Whether a coverage reaches the lower end of `HONEST`, give or take two standard errors; few cases prove nothing.

    Intervals that hold more than they promise, of an athlete steadier than most, are dull and not dishonest.
    """
    if share is None or cases < LEAST_CASES:
        return True
    chance = 2 * float(np.sqrt(0.9 * 0.1 / cases))
    return share >= HONEST[0] - chance


def markdown(results: Sequence[ClassResult]) -> str:
    """A table of the classes that have a near-maximal case."""
    lines = [
        "| sport | target | cases | error % | naive % | Riegel % | 90 % covers | near maximal | of all covers | |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for one in results:
        if not one.near:
            continue
        verdict = "few cases" if one.wins is None else "better than naive" if one.wins else "naive is as good"
        numbers = [_text(value) for value in (one.error_pct, one.naive_pct, one.riegel_pct)]
        shares = [_percent(one.coverage), f"{one.near} of {one.outcomes}", _percent(one.coverage_all)]
        lines.append(" | ".join(["| " + one.sport, one.target, str(one.cases), *numbers, *shares, verdict + " |"]))
    return "\n".join(lines)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def calibration_svg(rows: Iterable[Mapping[str, Any]]) -> str | None:
    """How often outcomes fell below each percentile of what was predicted: on the diagonal where it was honest.

    None below `LEAST_CASES` near-maximal cases.
    """
    found = np.sort([row["percentile"] for row in rows if row["near_maximal"] and row["percentile"] is not None])
    if len(found) < LEAST_CASES:
        return None
    steps = np.linspace(0, 1, 41)
    share = np.searchsorted(found, steps, side="right") / len(found)
    side, edge = 260, 34
    points = " ".join(
        f"{edge + side * x:.1f},{edge + side * (1 - y):.1f}"
        for x, y in zip(steps.tolist(), share.tolist(), strict=True)
    )
    total = side + 2 * edge
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{total}" font-family="sans-serif" '
        f'font-size="11">'
        f'<rect width="{total}" height="{total}" fill="#fff"/>'
        f'<rect x="{edge}" y="{edge}" width="{side}" height="{side}" fill="none" stroke="#999"/>'
        f'<line x1="{edge}" y1="{edge + side}" x2="{edge + side}" y2="{edge}" stroke="#bbb" stroke-dasharray="4 3"/>'
        f'<polyline points="{points}" fill="none" stroke="#1f77b4" stroke-width="2"/>'
        f'<text x="{edge}" y="{edge - 12}">{len(found)} near-maximal outcomes</text>'
        f'<text x="{edge}" y="{total - 10}">predicted share below: 0 to 1</text>'
        f'<text x="12" y="{edge + side}" transform="rotate(-90 12 {edge + side})">observed share: 0 to 1</text></svg>'
    )
