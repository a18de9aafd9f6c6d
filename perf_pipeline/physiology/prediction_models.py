"""The contenders: what each model says of each target as of a day, as ln(value); NaN where it says nothing.

naive     the best of the last 90 days at the target itself
riegel    Riegel's formula from the best of the last 90 days nearest in length
critical  Critical Power or Speed fitted to the last 90 days, between 2 and 30 min (power: 2 and 20 min fitted)
fatigue   the athlete's own loss of value with length beyond 20 min, from the bests of the last year
vdot      Daniels' formula from the best race-like effort of the last 90 days (running)
form      the filter of `form_filter`, with the aged bests of the year and of their neighbours between its quantiles
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perf_pipeline.physiology.effort_history import FloatArray, History
from perf_pipeline.physiology.form_filter import Belief
from perf_pipeline.physiology.hyperbola import robust_line
from perf_pipeline.physiology.prediction import vdot, vdot_race_seconds
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.selection import Candidate, Rules, select

MODELS = ("form", "critical", "fatigue", "riegel", "vdot", "naive")
NAIVE_DAYS = 90
YEAR_DAYS = 365

_RIEGEL_LOSS = 0.06
_AGING_PER_DAY = 0.0005
"""What is left of an old best without news: 1.5 % goes in a month, 4.5 % in three."""
_NEIGHBOUR_FACTOR = 2.1
_OWN_SHAPE = 0.7
_RULES = {
    "power": Rules(120.0, 1200.0, 67.0, "effort"),
    "distance": Rules(120.0, 1800.0, 45.0, "distance"),
}
_FITTED_EACH = 3
_LONG_SECONDS = 1200.0
_LEAST_FADE, _MOST_FADE = 0.02, 0.15
_VDOT_METERS = (1500.0, 42_195.0)


def candidates(history: History, day: int, belief: Belief) -> Mapping[str, FloatArray]:
    """ln(value) of every model for every target (T,)."""
    targets = np.array(history.curve.targets)
    season, year = history.rows(day, NAIVE_DAYS), history.rows(day, YEAR_DAYS)
    best, _ = _best(history, season)
    return {
        "form": _form(history, day, belief, season, year),
        "critical": _critical(history, season, targets),
        "fatigue": _fatigue(history, year, targets),
        "riegel": _riegel(history, best, targets),
        "vdot": _vdot(history, best, targets),
        "naive": _own(history, best, targets),
    }


def _best(history: History, rows: slice) -> tuple[FloatArray, FloatArray]:
    """The best of each size (K,) and how long it lasted; -inf where there is none."""
    some = history.y[rows]
    if not len(some):
        return np.full(len(history.sizes), -np.inf), np.full(len(history.sizes), np.nan)
    row = some.argmax(axis=0)
    columns = np.arange(len(history.sizes))
    return some[row, columns], history.seconds[rows][row, columns]


def _own(history: History, best: FloatArray, targets: FloatArray) -> FloatArray:
    columns = [history.column(target) for target in targets]
    found = np.array([-np.inf if column is None else best[column] for column in columns])
    return np.where(np.isfinite(found), found, np.nan)


def _riegel(history: History, best: FloatArray, targets: FloatArray) -> FloatArray:
    """t2 = t1 (d2/d1)^1.06, Riegel 1981, from another size; for power the same loss a unit of ln(time)."""
    known = np.flatnonzero(np.isfinite(best))
    loss = _RIEGEL_LOSS if history.curve.kind == "distance" else _RIEGEL_LOSS / (1 + _RIEGEL_LOSS)
    found = np.full(len(targets), np.nan)
    for index, target in enumerate(targets):
        apart = np.log(target / history.sizes[known])
        other = np.abs(apart) > 1e-6
        if other.any():
            nearest = int(np.abs(np.where(other, apart, np.inf)).argmin())
            found[index] = best[known[nearest]] - loss * apart[nearest]
    return found


def _critical(history: History, rows: slice, targets: FloatArray) -> FloatArray:
    """Power or speed as limit + capacity/t by the robust inverse-time line (see `hyperbola`)."""
    nothing = np.full(len(targets), np.nan)
    rules = _RULES[history.curve.kind]
    if history.curve.sport == "swim":
        return nothing
    fitted = _fitted(history, rows, rules)
    chosen = select(fitted, rules)
    if isinstance(chosen, Refusal):
        return nothing
    seconds, value = (np.array([getattr(fitted[i], name) for i in chosen]) for name in ("seconds", "value"))
    line = robust_line(seconds, value)
    if isinstance(line, Refusal) or line.limit <= 0 or line.capacity <= 0:
        return nothing
    if history.curve.kind == "power":
        time = targets
    else:
        time = np.where(targets > line.capacity, (targets - line.capacity) / line.limit, np.nan)
    with np.errstate(invalid="ignore"):
        return np.where((time >= 120) & (time <= 1800), np.log(line.limit + line.capacity / time), np.nan)


def _fitted(history: History, rows: slice, rules: Rules) -> list[Candidate]:
    """The best few efforts of each size between the rules' lengths."""
    found = []
    values, seconds, starts = history.y[rows], history.seconds[rows], history.start[rows]
    for column in range(len(history.sizes)):
        order = np.argsort(-values[:, column], kind="stable")[:_FITTED_EACH]
        for row in order.tolist():
            lasted = float(seconds[row, column])
            if np.isfinite(values[row, column]) and rules.shortest_seconds <= lasted <= rules.longest_seconds:
                value = float(np.exp(values[row, column]))
                found.append(Candidate(lasted, value, None, str(row), float(starts[row, column])))
    return found


def _fatigue(history: History, rows: slice, targets: FloatArray) -> FloatArray:
    """Own loss of ln(value) a unit of ln(size) beyond 20 min, from the year's bests; a power law after Riegel 1981 with
    the athlete's own exponent (Vickers, Vertosick 2016, doi 10.1186/s13102-016-0052-y).
    """
    found = np.full(len(targets), np.nan)
    best, lasted = _best(history, rows)
    long = np.flatnonzero(np.isfinite(best) & (np.nan_to_num(lasted) >= _LONG_SECONDS))
    if len(long) < 3 or history.sizes[long[-1]] < 2.5 * history.sizes[long[0]]:
        return found
    x, y = np.log(history.sizes[long]), best[long]
    slope = float(np.polyfit(x, y, 1)[0])
    if not -_MOST_FADE <= slope <= 0:
        return found  # easy long days: they tell how the athlete trains, not how power fades
    slope = min(slope, -_LEAST_FADE)
    for index, target in enumerate(targets):
        y_target = float((y + slope * (np.log(target) - x)).max())
        if history.curve.seconds_of(target, y_target) >= _LONG_SECONDS:
            found[index] = y_target
    return found


def _vdot(history: History, best: FloatArray, targets: FloatArray) -> FloatArray:
    """Race times of the highest VDOT that a best of the season is worth."""
    found = np.full(len(targets), np.nan)
    if history.curve.sport != "run" or history.curve.kind != "distance":
        return found
    low, high = _VDOT_METERS
    usable = np.flatnonzero(np.isfinite(best) & (history.sizes >= low) & (history.sizes <= high))
    if not len(usable):
        return found
    known = zip(history.sizes[usable].tolist(), best[usable].tolist(), strict=True)
    value = max(vdot(size, size / float(np.exp(y))) for size, y in known)
    for index, target in enumerate(targets):
        if low <= target <= high:
            seconds = vdot_race_seconds(value, float(target))
            if not isinstance(seconds, Refusal):
                found[index] = np.log(target / seconds)
    return found


def _form(history: History, day: int, belief: Belief, season: slice, year: slice) -> FloatArray:
    """The filter's middle; where there are bests of the year, their aged mean, kept within the filter's quantiles."""
    found = belief.middle.copy()
    if year.stop == year.start:
        return np.full(len(found), np.nan)
    aged = (history.y[year] - _AGING_PER_DAY * (day - history.day[year])[:, None]).max(axis=0)
    best = history.y[year].max(axis=0)
    fresh = (history.y[season] - _AGING_PER_DAY * (day - history.day[season])[:, None]).max(axis=0, initial=-np.inf)
    for index, target in enumerate(history.curve.targets):
        column = history.column(target)
        if column is None or not np.isfinite(best[column]):
            continue
        lasted = history.curve.seconds_of(target, best[column])
        own_limit = best[column] - history.curve.shape(lasted)
        implied = _from_neighbours(history, column, best, fresh, float(own_limit))
        mean = aged[column] if implied is None else (aged[column] + implied + float(history.curve.shape(lasted))) / 2
        found[index] = min(max(mean, belief.low[index]), belief.high[index])
    return found


def _from_neighbours(
    history: History, column: int, best: FloatArray, fresh: FloatArray, own_limit: float
) -> float | None:
    """The highest ln(limit) that the season's efforts of similar size imply, most of the athlete's own shape kept."""
    near = np.abs(np.log(history.sizes / history.sizes[column])) < np.log(_NEIGHBOUR_FACTOR)
    near &= np.isfinite(fresh)
    near[column] = False
    some = np.flatnonzero(near)
    if not len(some):
        return None
    shape = history.curve.shape(history.curve.seconds_of(history.sizes[some], best[some]))
    limits, now = best[some] - shape, fresh[some] - shape
    return float((now + _OWN_SHAPE * (own_limit - limits)).max())


def season_bests(history: History, day: int) -> tuple[FloatArray, Sequence[object]]:
    """The naive figure (T,) as ln(value), NaN where there is none, and the activity that holds each."""
    rows = history.rows(day, NAIVE_DAYS)
    targets = np.array(history.curve.targets)
    best, _ = _best(history, rows)
    some = history.y[rows]
    names: list[object] = []
    for target in targets:
        column = history.column(target)
        held = column is not None and len(some) and np.isfinite(best[column])
        names.append(history.activities[rows.start + int(some[:, column].argmax())] if held else None)
    return _own(history, best, targets), names
