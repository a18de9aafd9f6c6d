"""Which model an athlete is shown, and its honest interval: both from what happened after earlier predictions.

The error of a model, in units of the filter's standard deviation, has a distribution. Before the athlete has a
history it is that of the athletes on whom the models were developed (`DEVELOPMENT`); each near-maximal case of the
athlete's own past is added to it, those of neighbouring targets with less weight. The model with the least median
absolute error is shown, moved by its median error, unless it was no nearer than the naive figure over 20 own cases or
more: then that is shown, as it is. The 90 % interval lies between the 5th and 95th percentile: conformal prediction
(Vovk, Gammerman, Shafer 2005, doi 10.1007/b106715) with a prior sample, on cases whose 30 days were over by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perf_pipeline.physiology.effort_history import Curve, FloatArray
from perf_pipeline.physiology.prediction_cases import Case, Outlook
from perf_pipeline.physiology.prediction_models import MODELS
from perf_pipeline.physiology.refusal import Refusal

_QUANTILES = np.array([0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0])
DEVELOPMENT: dict[str, tuple[float, ...]] = {
    "form": (-2.87, -1.62, -1.21, -0.62, -0.03, 0.63, 1.24, 1.70, 3.19),
    "critical": (-6.81, -2.41, -1.83, -0.95, -0.09, 0.67, 1.56, 2.21, 4.09),
    "fatigue": (-4.65, -3.17, -2.70, -1.85, -1.06, -0.25, 0.46, 0.91, 1.98),
    "riegel": (-2.95, -1.77, -1.27, -0.48, 0.39, 1.35, 2.63, 3.89, 7.27),
    "vdot": (-4.37, -3.24, -2.77, -2.01, -1.11, -0.23, 0.47, 0.89, 2.12),
    "naive": (-3.27, -1.98, -1.45, -0.64, 0.14, 1.06, 2.31, 3.40, 7.34),
}
"""Errors (ln actual - ln predicted, over the deviation) at the quantiles 0, 5, 10, 25, 50, 75, 90, 95 and 100 %, of the
careers 1000 to 1039 of `pipeline.demo_efforts` in each sport."""
_PRIOR_CASES = 20.0
_PRIOR_POINTS = 40
_NEIGHBOUR_WEIGHT = 0.25
_NEIGHBOUR_LOG = 1.4
_PRIOR = {
    model: np.interp((np.arange(_PRIOR_POINTS) + 0.5) / _PRIOR_POINTS, _QUANTILES, values)
    for model, values in DEVELOPMENT.items()
}
_PRIOR_SIZE = {model: float(np.median(np.abs(prior))) for model, prior in _PRIOR.items()}
_LEAST_DEVIATION = 0.02
_WIDEST = 0.25
_TAIL = 0.05
_ENOUGH_CASES = 20
_LEAST_SPREAD, _MOST_SPREAD = 0.6, 2.0
_NAIVE = MODELS.index("naive")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is shown of one target: ln(value) with its 90 % interval, by which model, how each model has done (`errors`:
    median absolute error, a share), on how many own cases that rests, and the distribution (`sample`, `weights`).
    """

    target: int
    model: str
    y: float
    low: float
    high: float
    errors: dict[str, float]
    own_cases: int
    sample: FloatArray
    weights: FloatArray

    def beats_probability(self, y: float) -> float:
        """Probability that a near-maximal effort of the next 30 days is better than ln(value) y."""
        share = np.cumsum(self.weights) - self.weights / 2
        return float(1.0 - np.interp(y, self.sample, share / self.weights.sum(), left=0.0, right=1.0))


@dataclass(frozen=True, slots=True)
class _Errors:
    """How a model's errors are distributed: sorted, in deviations; `interval` is their 5th, 50th and 95th percentile,
    `typical` the median size of what is left of them once the model is moved by their median (the naive figure is not).
    """

    sample: FloatArray
    weights: FloatArray
    interval: tuple[float, float, float]
    typical: float


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is known of every model at one target, and from how many of its own cases."""

    errors: tuple[_Errors, ...]
    own_cases: int
    beaten: tuple[bool, ...]
    """Of each model: whether the naive figure was as near over `_ENOUGH_CASES` own cases or more."""


class Record:
    """The athlete's own record, near-maximal cases alone, and the predictions that follow from it."""

    def __init__(self, curve: Curve, found: Sequence[Case], known: Mapping[int, Outlook]) -> None:
        near = sorted((case for case in found if case.near), key=lambda case: (case.as_of, case.target))
        error = [
            (case.actual - known[case.as_of].values[:, case.target]) / deviation(known[case.as_of])[case.target]
            for case in near
        ]
        self._curve = curve
        self._error = np.array(error, dtype=np.float64).reshape(len(near), len(MODELS))
        self._target = np.array([case.target for case in near], dtype=np.int64)
        self._known_from = np.array([case.known_from for case in near], dtype=np.int64)
        self._standings: dict[int, list[_Standing]] = {}
        self._at_target: dict[tuple[int, int], _Standing] = {}

    def predict(self, outlook: Outlook) -> list[Prediction | Refusal]:
        """What is shown of each target as of the outlook's day, from the cases that were over by then."""
        unit = deviation(outlook)
        standings = self._standing(int(np.searchsorted(self._known_from, outlook.as_of, side="right")))
        return _ordered(
            [
                _choose(target, outlook.values[:, target], float(unit[target]), standing)
                for target, standing in enumerate(standings)
            ]
        )

    def _standing(self, known: int) -> list[_Standing]:
        """The standing after the first `known` cases: it changes once a month."""
        if known not in self._standings:
            sizes = np.log(np.array(self._curve.targets))
            targets, error = self._target[:known], self._error[:known]
            found = []
            for target in range(len(sizes)):
                apart = np.abs(sizes[targets] - sizes[target])
                weight = np.where(apart == 0, 1.0, np.where(apart < _NEIGHBOUR_LOG, _NEIGHBOUR_WEIGHT, 0.0))
                # Cases only ever join: where none joined that counts here, nothing has changed.
                place = target, int(np.count_nonzero(weight))
                if place not in self._at_target:
                    self._at_target[place] = _standing_of(error, weight, error[apart == 0])
                found.append(self._at_target[place])
            self._standings[known] = found
        return self._standings[known]


def _standing_of(error: FloatArray, weight: FloatArray, own: FloatArray) -> _Standing:
    """`error` (n, M) of all cases, `weight` (n,) of each, `own` (k, M) of those at the target itself."""
    errors = tuple(_errors(model, error[:, m], weight) for m, model in enumerate(MODELS))
    beaten = tuple(_is_beaten(own[:, m], own[:, _NAIVE]) for m in range(len(MODELS)))
    return _Standing(errors, len(own), beaten)


def deviation(outlook: Outlook) -> FloatArray:
    """The unit (T,) in which errors are told."""
    return np.asarray(np.hypot(_LEAST_DEVIATION, outlook.belief.deviation))


def _choose(target: int, said: FloatArray, unit: float, standing: _Standing) -> Prediction | Refusal:
    available = [m for m in range(len(MODELS)) if np.isfinite(said[m])]
    if not available:
        return Refusal("no effort in the last year")
    typical = {MODELS[m]: unit * standing.errors[m].typical for m in available}
    chosen = min(available, key=lambda m: (typical[MODELS[m]], m))
    if standing.beaten[chosen] and _NAIVE in available:
        chosen = _NAIVE
    model, errors, center = MODELS[chosen], standing.errors[chosen], float(said[chosen])
    low, middle, high = (center + unit * error for error in errors.interval)
    if high - low > 2 * _WIDEST:
        return Refusal(f"too little is known: the 90 % interval would be {50 * (high - low):.0f} % either way")
    y = center if model == "naive" else middle
    sample = center + unit * errors.sample
    return Prediction(
        target, model, y, min(low, y), max(high, y), typical, standing.own_cases, sample, errors.weights
    )  # fmt: skip


def _is_beaten(error: FloatArray, naive: FloatArray) -> bool:
    """Whether over `_ENOUGH_CASES` own cases or more (n,) a model, moved by its median error, was no nearer."""
    both = np.isfinite(error) & np.isfinite(naive)
    if both.sum() < _ENOUGH_CASES:
        return False
    moved = error[both] - np.median(error[both])
    return bool(np.median(np.abs(moved)) >= np.median(np.abs(naive[both])))


def _errors(model: str, error: FloatArray, weight: FloatArray) -> _Errors:
    """The development sample with the athlete's own errors added, those of neighbouring targets within its range."""
    known = np.isfinite(error) & (weight > 0)
    least, most = DEVELOPMENT[model][0], DEVELOPMENT[model][-1]
    own = np.where(weight[known] < 1, np.clip(error[known], least, most), error[known])
    weights = np.concatenate([np.full(_PRIOR_POINTS, _PRIOR_CASES / _PRIOR_POINTS), weight[known]])
    # Who is steadier than the athletes of the development makes their sample narrower, and wider who is less so; half
    # way, for tails are not learnt from medians.
    prior = _PRIOR[model]
    spread = _quantile(*_sorted(np.abs(np.concatenate([prior, own])), weights), 0.5) / _PRIOR_SIZE[model]
    values = np.concatenate([prior * min(max(spread**0.5, _LEAST_SPREAD), _MOST_SPREAD), own])
    sample, weights = _sorted(values, weights)
    low, middle, high = np.interp((_TAIL, 0.5, 1 - _TAIL), _shares(weights), sample).tolist()
    moved = 0.0 if model == "naive" else middle
    typical = _quantile(*_sorted(np.abs(sample - moved), weights), 0.5)
    return _Errors(sample, weights, (low, middle, high), typical)


def _sorted(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    order = np.argsort(values, kind="stable")
    return values[order], weights[order]


def _quantile(values: FloatArray, weights: FloatArray, q: float) -> float:
    return float(np.interp(q, _shares(weights), values))


def _shares(weights: FloatArray) -> FloatArray:
    """How much of the whole weight lies below the middle of each."""
    return np.asarray((np.cumsum(weights) - weights / 2) / weights.sum())


def _ordered(shown: list[Prediction | Refusal]) -> list[Prediction | Refusal]:
    """What is held for longer can be held for shorter: no target is below a longer one.

    Values out of order meet between them, nearer to the surer one (pool adjacent violators, Ayer et al. 1955, doi
    10.1214/aoms/1177728423). Ends of intervals only ever tighten: no longer target may reach above a shorter one's
    upper end, and none ends below a longer one's lower end.
    """
    known = [index for index, one in enumerate(shown) if isinstance(one, Prediction)]
    some = [one for one in shown if isinstance(one, Prediction)]
    if not some:
        return shown
    y = _pooled(np.array([one.y for one in some]), np.array([(one.high - one.low) ** -2 for one in some]))
    high = np.minimum.accumulate([one.high for one in some])
    low = np.minimum(np.maximum.accumulate([one.low for one in some[::-1]])[::-1], high)
    y = np.clip(y, low, high)
    found = list(shown)
    for index, one, a, b, c in zip(known, some, low.tolist(), y.tolist(), high.tolist(), strict=True):
        found[index] = replace(one, low=a, y=b, high=c, sample=one.sample + (b - one.y))
    return found


def _pooled(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The nearest values (k,) that never rise, in weighted least squares."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, total, count = value, weight, 1
        while blocks and blocks[-1][0] < mean:
            before, heavy, many = blocks.pop()
            mean = (before * heavy + mean * total) / (heavy + total)
            total, count = heavy + total, count + many
        blocks.append((mean, total, count))
    return np.concatenate([np.full(count, mean) for mean, _, count in blocks])
