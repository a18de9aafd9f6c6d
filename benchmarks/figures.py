"""Figures of a benchmark: what they are worth, what they must be, and how they are printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number with the least it may be (`floor`) and what it should be (`goal`)."""

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"]
    floor: float | None = None
    goal: float | None = None

    def misses(self, bound: float | None) -> bool:
        """Whether the value is on the wrong side of a bound."""
        if bound is None:
            return False
        return self.value < bound if self.better == "higher" else self.value > bound

    @property
    def verdict(self) -> str:
        if self.misses(self.floor):
            return "below the floor"
        return "floor met" if self.misses(self.goal) else "goal met"


def report(figures: Iterable[Figure], *, as_json: bool) -> int:
    """Print the figures, as a table or as one JSON object; the exit code: 1 where a floor is missed."""
    figures = list(figures)
    if as_json:
        json.dump({"figures": [asdict(f) for f in figures]}, sys.stdout, indent=2)
        print()
    else:
        rows = [("figure", "value", "unit", "floor", "goal", "")]
        rows += [(f.name, _text(f.value), f.unit, _text(f.floor), _text(f.goal), f.verdict) for f in figures]
        widths = [max(len(row[i]) for row in rows) for i in range(6)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 1 if any(f.misses(f.floor) for f in figures) else 0


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"
