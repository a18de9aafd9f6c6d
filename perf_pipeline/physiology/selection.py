"""Which efforts may carry a threshold model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from perf_pipeline.physiology.refusal import Refusal

_LEAST_EFFORTS = 3
_LEAST_RATIO = 2.0
_LONG_SECONDS = 600.0
_SAME_DURATION = 1.02


@dataclass(frozen=True, slots=True)
class Candidate:
    """An effort as the model sees it: how long, and power or speed."""

    seconds: float
    value: float
    day: date | None = None
    activity_id: str | None = None
    start_offset: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """`shortest_seconds` to `longest_seconds`: what the model is about. `typical_seconds`: capacity over
    limit of a usual athlete, only to rank efforts of different lengths by how near to maximal they are.
    """

    shortest_seconds: float
    longest_seconds: float
    typical_seconds: float
    noun: str


def select(candidates: Sequence[Candidate], rules: Rules) -> tuple[int, ...] | Refusal:
    """Indices of the distinct efforts that may carry the fit, in order of duration, or why there are not
    enough.

    Windows of one activity that overlap are one effort: the one nearest to maximal stands for it. An effort
    for which a longer one with at least its value exists was not maximal and is left out, and of equal
    durations the best is taken.
    """
    usable = _usable(candidates, rules)
    if not usable:
        return Refusal(
            f"no {rules.noun} between {rules.shortest_seconds / 60:.0f} and {rules.longest_seconds / 60:.0f} min"
        )
    chosen = _envelope(candidates, _distinct(candidates, usable, rules))
    return _enough(candidates, chosen, rules) or chosen


def distinct(candidates: Sequence[Candidate], rules: Rules) -> list[int]:
    """Indices of the efforts of the rules' lengths of which no two overlap, the nearest to maximal first."""
    return _distinct(candidates, _usable(candidates, rules), rules)


def companions(
    candidates: Sequence[Candidate],
    chosen: Sequence[int],
    rules: Rules,
    curve: tuple[float, float],
    band: float,
    known: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """`chosen` with the other distinct efforts that lie within `band` (a share) of the curve (limit, capacity), in
    order of duration. `known`: the `distinct` ones, where they have been found already.

    The best of several maximal efforts of one duration is best by luck as well: a curve through the bests alone lies
    too high, the more so the more often the athlete went all out. Where there are fewer efforts in the band than in
    another one just below, they are the easy ones' upper end, and nothing is added.
    """
    taken = set(chosen)
    others = [i for i in (distinct(candidates, rules) if known is None else known) if i not in taken]
    away = {i: candidates[i].value / (curve[0] + curve[1] / candidates[i].seconds) - 1 for i in others}
    near = [i for i in others if abs(away[i]) <= band]
    below = [i for i in others if -2 * band <= away[i] < -band]
    added = near if len(near) >= len(below) else []
    return tuple(sorted({*chosen, *added}, key=lambda i: (candidates[i].seconds, -candidates[i].value, i)))


def _usable(candidates: Sequence[Candidate], rules: Rules) -> list[int]:
    return [
        i
        for i, c in enumerate(candidates)
        if math.isfinite(c.value) and c.value > 0 and rules.shortest_seconds <= c.seconds <= rules.longest_seconds
    ]


def _distinct(candidates: Sequence[Candidate], usable: list[int], rules: Rules) -> list[int]:
    ranked = sorted(usable, key=lambda i: _maximality(candidates[i], rules), reverse=True)
    taken: list[int] = []
    windows: dict[str, list[tuple[float, float]]] = {}
    for i in ranked:
        one = candidates[i]
        if one.activity_id is None or one.start_offset is None:
            taken.append(i)
            continue
        begin, end = one.start_offset, one.start_offset + one.seconds
        others = windows.setdefault(one.activity_id, [])
        if all(end <= first or begin >= last for first, last in others):
            others.append((begin, end))
            taken.append(i)
    return taken


def _maximality(one: Candidate, rules: Rules) -> tuple[float, float]:
    return one.value / (1 + rules.typical_seconds / one.seconds), one.seconds


def _envelope(candidates: Sequence[Candidate], distinct: list[int]) -> tuple[int, ...]:
    """From the longest down: keep what is better than all that is longer."""
    kept: list[int] = []
    for i in sorted(distinct, key=lambda i: (-candidates[i].seconds, -candidates[i].value)):
        one = candidates[i]
        if kept and one.value <= candidates[kept[-1]].value:
            continue
        if kept and candidates[kept[-1]].seconds < one.seconds * _SAME_DURATION:
            kept.pop()  # practically the same duration, and better
        kept.append(i)
    return tuple(reversed(kept))


def _enough(candidates: Sequence[Candidate], chosen: tuple[int, ...], rules: Rules) -> Refusal | None:
    seconds = [candidates[i].seconds for i in chosen]
    since = _since(candidates)
    if len(chosen) < _LEAST_EFFORTS:
        return Refusal(f"{len(chosen)} distinct maximal efforts{since}, {_LEAST_EFFORTS} are needed")
    if max(seconds) < _LONG_SECONDS:
        return Refusal(f"no {rules.noun} longer than {max(seconds) / 60:.0f} min{since}, one of 10 min is needed")
    if max(seconds) < _LEAST_RATIO * min(seconds):
        return Refusal(f"the efforts{since} are too alike in duration: the longest must last twice the shortest")
    return None


def _since(candidates: Sequence[Candidate]) -> str:
    days = [c.day for c in candidates if c.day is not None]
    return f" since {min(days).isoformat()}" if days else ""
