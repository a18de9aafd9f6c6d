"""What Critical Power and Critical Speed are worth, on athletes made to order whose truth is known.

A season of 90 days: so many activities, of which a share holds one maximal effort of a random length and the others go
to 60 to 97 % of it; every day has a form of its own (1 to 3 %). The grid is over the share of maximal activities (10 to
100 %), their number (4 to 40) and the noise. Where fewer than three maximal efforts are to be expected nothing can be
known: those scenes are for the share that is refused, all others for bias and for how often the 90 % interval holds
the truth.

    python -m benchmarks.thresholds [--athletes N] [--json] [--cells]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.figures import Figure, report
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.thresholds import PowerEffort, fit_critical_power, fit_critical_speed
from perf_pipeline.pipeline.stages.thresholds import PER_WINDOW

POWER_SECONDS = (120, 180, 240, 300, 360, 480, 600, 720, 900, 1200)
RUN_METERS = (800.0, 1000.0, 1500.0, 1609.344, 3000.0, 3218.688, 5000.0)
ACTIVITIES, SHARES, NOISES = (4, 8, 15, 40), (0.1, 0.3, 0.6, 1.0), (0.01, 0.02, 0.03)
LEAST_MAXIMAL = 3.0


@dataclass(frozen=True, slots=True)
class Scene:
    """`activities` in 90 days, the `share` of them with a maximal effort, and the `noise` of form and meter."""

    activities: int
    share: float
    noise: float

    @property
    def knowable(self) -> bool:
        """Whether as many maximal efforts are to be expected as a curve needs."""
        return self.activities * self.share >= LEAST_MAXIMAL


GRID = tuple(Scene(n, share, noise) for n in ACTIVITIES for share in SHARES for noise in NOISES)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One athlete's answer against the truth; all but `scene` is NaN where it was refused."""

    scene: Scene
    covered: float = np.nan
    capacity_covered: float = np.nan
    error: float = np.nan

    @property
    def refused(self) -> bool:
        return bool(np.isnan(self.covered))


def cyclist(scene: Scene, number: int) -> Outcome:
    """A cyclist's season: the best windows of each length of all rides, as the pipeline keeps them."""
    dice = np.random.default_rng([number, scene.activities, round(100 * scene.share), round(1000 * scene.noise)])
    cp, w_prime = dice.uniform(160, 380), dice.uniform(9e3, 28e3)
    rides = [_ride(dice, cp, w_prime, scene, f"ride {n}") for n in range(scene.activities)]
    kept = [
        e for windows in zip(*rides, strict=True) for e in sorted(windows, key=lambda e: -e.power_watts)[:PER_WINDOW]
    ]
    fit = fit_critical_power(kept)
    if isinstance(fit, Refusal):
        return Outcome(scene)
    return Outcome(scene, _within(cp, fit.cp_interval), _within(w_prime, fit.w_prime_interval), fit.cp_watts / cp - 1)


def _ride(dice: np.random.Generator, cp: float, w_prime: float, scene: Scene, name: str) -> list[PowerEffort]:
    """Ten windows around one hard effort: the shorter lie in it, the longer add easy riding to it."""
    hard = float(dice.choice(POWER_SECONDS))
    depth = 1.0 if dice.random() < scene.share else dice.uniform(0.6, 0.97)
    strength = depth * (1 + dice.normal(0, scene.noise))
    effort = (cp + w_prime / hard) * strength
    found = []
    for t in POWER_SECONDS:
        if t < hard:
            watts = min((cp + w_prime / t) * strength, effort * dice.uniform(1.0, 1.05))
        else:
            watts = (effort * hard + 0.6 * cp * dice.uniform(0.8, 1.2) * (t - hard)) / t
        found.append(PowerEffort(t, watts, None, name, 1000.0))
    return found


def runner(scene: Scene, number: int) -> Outcome:
    """A runner's season: races and hard runs over one distance each, easy ones otherwise."""
    dice = np.random.default_rng([number, 7, scene.activities, round(100 * scene.share), round(1000 * scene.noise)])
    cs, d_prime = dice.uniform(2.8, 5.2), dice.uniform(90, 260)
    best: dict[float, list[tuple[float, str]]] = {}
    for n in range(scene.activities):
        hard = float(dice.choice(RUN_METERS))
        depth = 1.0 if dice.random() < scene.share else dice.uniform(0.6, 0.97)
        strength = depth * (1 + dice.normal(0, scene.noise))
        effort = hard / ((hard - d_prime) / cs) * strength
        for d in RUN_METERS:
            speed = effort * dice.uniform(1.0, 1.02) if d < hard else effort
            seconds = min(d, hard) / speed + max(d - hard, 0.0) / (0.75 * cs * dice.uniform(0.9, 1.1))
            best.setdefault(d, []).append((seconds, f"run {n}"))
    kept = [(d, t, name) for d, times in best.items() for t, name in sorted(times)[:PER_WINDOW]]
    fit = fit_critical_speed(
        [d for d, _, _ in kept], [t for _, t, _ in kept], None, [name for *_, name in kept], [1000.0] * len(kept)
    )
    if isinstance(fit, Refusal):
        return Outcome(scene)
    return Outcome(scene, _within(cs, fit.cs_interval), _within(d_prime, fit.d_prime_interval), fit.cs_mps / cs - 1)


def _within(truth: float, interval: tuple[float, float]) -> float:
    return float(interval[0] <= truth <= interval[1])


def answered(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those that were answered, of scenes where something can be known."""
    return [o for o in outcomes if o.scene.knowable and not o.refused]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether every floor is met."""
    parser = argparse.ArgumentParser(description="Thresholds of athletes whose truth is known.")
    parser.add_argument("--athletes", type=int, default=100, help="of each sport in each scene")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--cells", action="store_true", help="every scene of the grid before the figures")
    options = parser.parse_args(arguments)
    numbers = range(options.athletes)
    cyclists = [cyclist(scene, n) for scene in GRID for n in numbers]
    runners = [runner(scene, n) for scene in GRID for n in numbers]
    if options.cells and not options.json:
        _print_cells("cyclists", cyclists)
        _print_cells("runners", runners)
    return report(_figures(cyclists, runners), as_json=options.json)


def _figures(cyclists: Sequence[Outcome], runners: Sequence[Outcome]) -> list[Figure]:
    bike, run = answered(cyclists), answered(runners)
    unknowable = [o for o in (*cyclists, *runners) if not o.scene.knowable]
    knowable = [o for o in (*cyclists, *runners) if o.scene.knowable]
    wrong = [o for o in unknowable if not o.refused and not o.covered]
    return [
        Figure("cp_coverage", _mean(o.covered for o in bike), "share", "higher", 0.85, 0.9),
        Figure("cp_coverage_excess", _mean(o.covered for o in bike) - 0.95, "share", "lower", 0.0, -0.02),
        Figure("cp_bias_pct", 100 * abs(_mean(o.error for o in bike)), "%", "lower", 2.0, 1.0),
        Figure("w_prime_coverage", _mean(o.capacity_covered for o in bike), "share", "higher", 0.85, 0.9),
        Figure("cs_coverage", _mean(o.covered for o in run), "share", "higher", 0.85, 0.9),
        Figure("cs_bias_pct", 100 * abs(_mean(o.error for o in run)), "%", "lower", 2.0, 1.0),
        Figure("refused_pct", 100 * _mean(o.refused for o in knowable), "%", "lower", 40, 25),
        Figure("refused_unknowable_pct", 100 * _mean(o.refused for o in unknowable), "%", "higher", 65, 80),
        Figure("wrong_unknowable_pct", 100 * len(wrong) / len(unknowable), "%", "lower", 15, 10),
    ]


def _print_cells(title: str, outcomes: Sequence[Outcome]) -> None:
    print(f"{title}: activities, share maximal, noise: refused, coverage of threshold and capacity, bias")
    for scene in GRID:
        mine = [o for o in outcomes if o.scene == scene]
        known = [o for o in mine if not o.refused]
        refused = f"  {scene.activities:2d} {scene.share:.1f} {scene.noise:.2f}: {1 - len(known) / len(mine):4.0%}"
        if not known:
            print(refused)
            continue
        covered, capacity = _mean(o.covered for o in known), _mean(o.capacity_covered for o in known)
        print(f"{refused}  {covered:4.0%} {capacity:4.0%}  {100 * _mean(o.error for o in known):+5.1f} %")


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else float("nan")


if __name__ == "__main__":
    raise SystemExit(main())
