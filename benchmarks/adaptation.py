"""Adaptation kept to its promises: 200 coaches' sessions x athlete states, judged by a simulation of its own.

`python -m benchmarks.adaptation [--json] [--show N]`. What is handed out is done again second by second by athletes
drawn at random (not the fixed cloud that the adaptation looks at): none below the limit, none changed without need,
none easier for the fitter, no reason whose numbers disagree. `--show` prints adapted sessions as an athlete reads them.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.figures import Figure, report
from perf_pipeline.formats.workouts import Intensity, Item, Quantity, Repeat, Step, Target, written_out
from perf_pipeline.physiology.adaptation import FINISH_LIMIT, Adaptation, Followed, Plan, State, adapt
from perf_pipeline.physiology.adaptation_words import explanation, reasons
from perf_pipeline.physiology.finishing import DAY_SD, Ability, Stretch
from perf_pipeline.physiology.readiness import Signals, readiness
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.sessions import Change
from perf_pipeline.pipeline.workout_words import items_in_words

CASES = 200
ATHLETES = 4000
TOLERANCE = 0.025
"""Two estimates of one probability by 1,024 fixed and 4,000 random points differ by so much at most."""
_WIDE = 1.6448536269514722

# Repeats as coaches write them: count, work s, share, rest s, rest's share.
LIBRARY: tuple[tuple[str, tuple[tuple[int, float, float, float, float], ...]], ...] = (
    ("3 x 12 min threshold", ((3, 720, 0.96, 300, 0.5),)),
    ("2 x 20 min threshold", ((2, 1200, 0.95, 300, 0.5),)),
    ("2 x 20 min at threshold", ((2, 1200, 1.00, 300, 0.5),)),
    ("4 x 8 min", ((4, 480, 1.05, 240, 0.5),)),
    ("5 x 5 min VO2max", ((5, 300, 1.15, 180, 0.5),)),
    ("5 x 5 min hard", ((5, 300, 1.20, 180, 0.5),)),
    ("4 x 4 min", ((4, 240, 1.12, 180, 0.55),)),
    ("6 x 3 min", ((6, 180, 1.20, 180, 0.5),)),
    ("8 x 2 min", ((8, 120, 1.30, 120, 0.5),)),
    ("10 x 1 min", ((10, 60, 1.40, 60, 0.5),)),
    ("15 x 40/20", ((15, 40, 1.30, 20, 0.5),)),
    ("30/15", ((13, 30, 1.30, 15, 0.5),)),
    ("over-unders", ((3, 120, 0.95, 60, 1.08), (3, 120, 0.95, 60, 1.08))),
    ("sweet spot", ((3, 900, 0.90, 300, 0.55),)),
    ("threshold, then sprints", ((2, 720, 0.97, 300, 0.5), (6, 30, 1.60, 150, 0.45))),
    ("endurance", ((1, 5400, 0.70, 300, 0.5),)),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show", type=int, default=0, metavar="N")
    options = parser.parse_args()
    dice = np.random.default_rng(20)
    counts: Counter[str] = Counter()
    gaps: list[float] = []
    seconds: list[float] = []
    shown = 0
    for number in range(CASES):
        name, items = _session(dice)
        state = _state(dice)
        began = time.perf_counter()
        found = adapt(Plan(items), state)
        seconds.append(time.perf_counter() - began)
        if isinstance(found, Refusal):
            counts["refused"] += 1
            continue
        told = reasons(found, state)
        counts["changed"] += found.change != Change(found.ready_level)
        if found.after:
            again = _simulated(state, found.session.stretches(found.items, state.scale), number)
            gaps.append(max(abs(one - other) for one, other in zip(found.after, again, strict=True)))
            counts["below"] += min(again) < FINISH_LIMIT - TOLERANCE
        needless = min(found.before, default=1.0) >= FINISH_LIMIT and found.change != Change(found.ready_level)
        counts["needless"] += needless
        counts["easier"] += _easier_for_the_fitter(items, state, found)
        counts["disagreeing"] += any(not _agrees(reason.words, reason.numbers.values()) for reason in told)
        if told and shown < options.show:
            shown += 1
            _print(name, found, state)
    return report(
        [
            Figure("adaptation_cases", CASES, "", "higher", CASES),
            Figure("adaptation_changed", counts["changed"], "", "higher", CASES / 10),
            Figure("adaptation_refused", counts["refused"], "", "lower", CASES / 4),
            Figure("adaptation_below_limit", counts["below"], "", "lower", 0, 0),
            Figure("adaptation_needless", counts["needless"], "", "lower", 0, 0),
            Figure("adaptation_easier_for_the_fitter", counts["easier"], "", "lower", 0, 0),
            Figure("adaptation_disagreeing_reasons", counts["disagreeing"], "", "lower", 0, 0),
            Figure("adaptation_largest_gap", max(gaps), "", "lower", TOLERANCE, TOLERANCE),
            Figure("adaptation_milliseconds", 1000 * float(np.median(seconds)), "ms", "lower", 1000, 100),
        ],
        as_json=options.json,
    )


def _session(dice: np.random.Generator) -> tuple[str, tuple[Item, ...]]:
    name, blocks = LIBRARY[int(dice.integers(len(LIBRARY)))]
    harder = 1 + 0.02 * int(dice.integers(-2, 5))

    def at(share: float) -> Target:
        return Target(Quantity.POWER, round(share, 2), round(share, 2), relative=True)

    items: list[Item] = [
        Step(Intensity.WARMUP, 900, None, Target(Quantity.POWER, 0.45, 0.75, relative=True, ramp=True))
    ]
    for count, work, share, rest, easy in blocks:
        on = Step(Intensity.WORK, work, None, at(share * harder))
        items.append(Repeat(count, (on, Step(Intensity.REST, rest, None, at(easy)))))
    return name, (*items, Step(Intensity.COOLDOWN, 600, None, at(0.5)))


def _state(dice: np.random.Generator) -> State:
    threshold, sd = dice.uniform(170, 380), dice.uniform(0.006, 0.05)
    capacity, spread = threshold * dice.uniform(45, 110), dice.uniform(0.05, 0.25)
    ability = Ability(
        Quantity.POWER, threshold, threshold * (1 - _WIDE * sd), threshold * (1 + _WIDE * sd), capacity,
        capacity * (1 - _WIDE * spread), capacity * (1 + _WIDE * spread), dice.uniform(-0.95, -0.6),
    )  # fmt: skip
    signals = Signals(
        hrv_week=dice.normal(4.1, 0.12), hrv_usual=4.1, hrv_sd=0.12, resting_week=dice.normal(51, 3), resting_usual=50,
        sleep_week=dice.normal(7.2, 0.7), sleep_usual=7.4, tsb=dice.normal(-8, 14), ramp=dice.normal(3, 4),
    )  # fmt: skip
    asked = int(dice.integers(0, 20))
    return State(ability, readiness(signals), Followed(3, asked, int(dice.integers(asked // 2, asked + 1))))


def _simulated(state: State, stretches: Sequence[Stretch], seed: int) -> list[float]:
    """Probabilities to finish each interval, second by second, for athletes drawn at random."""
    dice, able = np.random.default_rng(seed), state.able
    fit = (able.threshold_high - able.threshold_low) / (2 * _WIDE * able.threshold)
    spread = (able.capacity_high - able.capacity_low) / (2 * _WIDE * able.capacity)
    first, second, day = dice.normal(size=(3, ATHLETES))
    mixed = able.correlation * first + np.sqrt(1 - able.correlation**2) * second
    threshold = able.threshold * np.maximum(0.5, 1 + fit * first + DAY_SD * day)
    capacity = able.capacity * np.maximum(0.1, 1 + spread * mixed)
    left, lasting = capacity.copy(), np.ones(ATHLETES, bool)
    found = []
    for one in stretches:
        for second_of in range(round(one.seconds)):
            value = one.begin + (one.end - one.begin) * (second_of + 0.5) / one.seconds
            over = value - threshold
            left = np.where(
                over > 0, left - over, capacity - (capacity - left) * np.exp(np.minimum(over, 0) / capacity)
            )
        if one.judged:
            lasting &= left >= 0
            found.append(float(lasting.mean()))
        left = np.maximum(left, 0)
    return found


def _easier_for_the_fitter(items: tuple[Item, ...], state: State, found: Adaptation) -> bool:
    able = state.ability
    fitter = (
        able.scaled(1.05),
        replace(
            able, threshold=1.05 * able.threshold, threshold_low=1.05 * able.threshold_low,
            threshold_high=1.05 * able.threshold_high,
        ),
        replace(
            able, capacity=1.1 * able.capacity, capacity_low=1.1 * able.capacity_low,
            capacity_high=1.1 * able.capacity_high,
        ),
    )  # fmt: skip
    others = [replace(state, ability=one) for one in fitter]
    others.append(replace(state, readiness=readiness(Signals(tsb=0.0))))
    others.append(replace(state, followed=Followed()))
    for other in others:
        better = adapt(Plan(items), other)
        if isinstance(better, Adaptation) and any(
            b < w for w, b in zip(_targets(found), _targets(better), strict=True)
        ):
            return True
    return False


def _targets(found: Adaptation) -> list[float]:
    once = [step for item in found.items for step in written_out([item] if isinstance(item, Step) else item.steps)]
    return [step.target.end for step in once if step.target is not None]


def _agrees(words: str, numbers: object) -> bool:
    """Whether every number of the words is one of the numbers stored beside them."""
    told = [abs(float(number)) for number in numbers]  # type: ignore[attr-defined]
    for said in re.findall(r"\d+:\d{2}|\d+(?:\.\d+)?", words):
        value = 60 * int(said.split(":")[0]) + int(said.split(":")[1]) if ":" in said else float(said)
        if not any(abs(value - number) < 0.006 * max(1.0, value) for number in told):
            return False
    return True


def _print(name: str, found: Adaptation, state: State) -> None:
    print(f"{name}\n  planned {items_in_words(found.session.items, 'bike')}")
    print(f"  today   {items_in_words(found.items, 'bike')}\n  why     {explanation(found, state)}\n")


if __name__ == "__main__":
    raise SystemExit(main())
