"""Tens of thousands of damaged and odd files: only typed errors leave a reader, and what it gives keeps its promises.

`make fuzz` looks further, guided by coverage.
"""

from __future__ import annotations

import pytest

from perf_pipeline.formats import fit
from perf_pipeline_tests.fuzzing import quick, seeds
from perf_pipeline_tests.fuzzing.targets import TARGETS

CASES = {
    "fit": 8000, "containers": 10000, "csv": 5000, "yaml": 2500, "gpx": 800, "tcx": 600, "reading": 1000,
    "downstream": 100, "workouts": 2000,
}  # fmt: skip
CUT_STEPS = {"fit": 3, "gpx": 23, "tcx": 37, "containers": 2, "yaml": 1, "csv": 1, "workouts": 150}
"""Every that many bytes, a file is cut."""


def told(found: list[tuple[BaseException, bytes]]) -> list[str]:
    """The findings with their files, which are generated ones: to be made into tests of their own."""
    return [f"{type(error).__name__}: {error}: {data[:2000]!r}" for error, data in found]


@pytest.mark.parametrize("target", CASES)
def test_changed_files_break_no_promise(target: str) -> None:
    assert told(quick.run(target, CASES[target])) == []


@pytest.mark.parametrize("target", CUT_STEPS)
def test_files_cut_anywhere_break_no_promise(target: str) -> None:
    for data in seeds.generated(target):
        for end in range(0, min(len(data), 4000), CUT_STEPS[target]):
            TARGETS[target](data[:end])


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_seeds_themselves_are_read(target: str) -> None:
    for data in seeds.generated(target):
        TARGETS[target](data)


def test_a_fault_of_a_reader_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(numbers: object, *rest: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(fit, "_rr_intervals", faulty)
    ((error, _),) = quick.run("fit", 50)
    assert isinstance(error, ZeroDivisionError)


def test_the_same_seed_gives_the_same_files() -> None:
    first, second, other = (list(quick.cases("fit", 40, seed)) for seed in (1, 1, 2))
    assert first == second != other
