"""Banister's impulse and response fitted to one athlete, where the tests allow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.refusal import Refusal

FloatArray = NDArray[np.float64]

_LEAST_TESTS = 10
_LEAST_SPAN_DAYS = 60
_LEAST_R_SQUARED = 0.5
_TAU1_DAYS = np.arange(20.0, 81.0, 2.0)
_TAU2_DAYS = np.arange(3.0, 23.0, 1.0)
_LEAST_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class BanisterFit:
    """p0 and the tests in their own unit; k1, k2 in that unit per unit of load; tau1, tau2 in days.

    `rmse` over the `tests` fitted, `leave_one_out_rmse` over each test predicted from the others, `naive_rmse` of their
    mean so predicted.
    """

    p0: float
    k1: float
    k2: float
    tau1_days: float
    tau2_days: float
    tests: int
    r_squared: float
    rmse: float
    leave_one_out_rmse: float
    naive_rmse: float


def fit_banister(loads: FloatArray, test_days: Sequence[int], values: Sequence[float]) -> BanisterFit | Refusal:
    """Fit p(n) = p0 + k1 sum e^(-(n-s)/tau1) w(s) - k2 sum e^(-(n-s)/tau2) w(s) to tests, or say why not.

    `loads` (days,) by day; `test_days` (k,) indices into it, `values` (k,) the tests' results. For given time constants
    the rest is linear, so those alone are searched for, on a grid of 20-80 and 3-22 days: no starting value decides.
    Refused: under 10 tests or 60 days, a best at the grid's edge, gain or fatigue not above zero, an R squared below
    0.5, or a model that predicts a left-out test no better than the mean of the others does. Banister et al. 1975;
    Hellard et al. 2006, J Sports Sci 24, doi 10.1080/02640410500244697, on how ill-conditioned it is.
    """
    daily = np.nan_to_num(np.asarray(loads, dtype=np.float64))
    days, y = np.asarray(test_days, dtype=np.int64), np.asarray(values, dtype=np.float64)
    known = np.isfinite(y) & (days >= 0) & (days < len(daily))
    days, y = days[known], y[known]
    if len(np.unique(days)) < _LEAST_TESTS:
        return Refusal(f"{len(np.unique(days))} days with a test, {_LEAST_TESTS} are needed")
    if int(days.max() - days.min()) < _LEAST_SPAN_DAYS:
        return Refusal(f"the tests span {int(days.max() - days.min())} days, {_LEAST_SPAN_DAYS} are needed")
    if float(np.ptp(y)) == 0.0:
        return Refusal("all tests have one result")
    gains, fatigues = _responses(daily, _TAU1_DAYS)[:, days], _responses(daily, _TAU2_DAYS)[:, days]
    best: tuple[float, int, int] | None = None
    for i, gain in enumerate(gains):
        for j, fatigue in enumerate(fatigues):
            if _TAU1_DAYS[i] < _LEAST_RATIO * _TAU2_DAYS[j]:
                continue
            solved = _solve(gain, fatigue, y)
            if solved is not None and (best is None or solved[1] < best[0]):
                best = (solved[1], i, j)
    if best is None:
        return Refusal("no time constants give gain and fatigue above zero")
    _, i, j = best
    if i in (0, len(_TAU1_DAYS) - 1) or j in (0, len(_TAU2_DAYS) - 1):
        return Refusal("the tests do not set the time constants: the best lies at the edge of what is credible")
    return _checked(gains[i], fatigues[j], y, float(_TAU1_DAYS[i]), float(_TAU2_DAYS[j]))


def _checked(gain: FloatArray, fatigue: FloatArray, y: FloatArray, tau1: float, tau2: float) -> BanisterFit | Refusal:
    solved = _solve(gain, fatigue, y)
    if solved is None:
        return Refusal("no time constants give gain and fatigue above zero")
    (p0, k1, k2), cost = solved
    n = len(y)
    r_squared = 1.0 - cost / float(((y - y.mean()) ** 2).sum())
    if r_squared < _LEAST_R_SQUARED:
        return Refusal(f"training explains {100 * max(r_squared, 0):.0f} % of the tests' differences, too little")
    design = np.column_stack((np.ones(n), gain, -fatigue))
    hat = np.einsum("ij,ji->i", design, np.linalg.pinv(design))
    left_out = (y - design @ np.array([p0, k1, k2])) / np.maximum(1.0 - hat, 1e-9)
    naive = (y - y.mean()) * n / (n - 1)
    model_rmse, naive_rmse = float(np.sqrt((left_out**2).mean())), float(np.sqrt((naive**2).mean()))
    if model_rmse >= naive_rmse:
        return Refusal("the model predicts a test no better than the mean of the others does")
    return BanisterFit(
        p0, k1, k2, tau1, tau2, n, r_squared, float(np.sqrt(cost / n)), model_rmse, naive_rmse
    )  # fmt: skip


def _responses(daily: FloatArray, taus: FloatArray) -> FloatArray:
    """Sum over s = 1..n of w(s) e^(-(n-s)/tau) for each tau and day, (taus, days); the day's own load in full."""
    keep = np.exp(-1.0 / taus)
    out = np.empty((len(taus), len(daily)))
    level = np.zeros(len(taus))
    for n, load in enumerate(daily.tolist()):
        level = level * keep + load
        out[:, n] = level
    return out


def _solve(gain: FloatArray, fatigue: FloatArray, y: FloatArray) -> tuple[tuple[float, float, float], float] | None:
    """(p0, k1, k2) by least squares and its cost; None where gain or fatigue is not above zero."""
    design = np.column_stack((np.ones(len(y)), gain, -fatigue))
    solution, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    if rank < 3 or not (solution[1] > 0 and solution[2] > 0):
        return None
    rest = y - design @ solution
    return (float(solution[0]), float(solution[1]), float(solution[2])), float(rest @ rest)
