"""A second reading of archived files by independent readers, to notice what ours gets wrong on untested files."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from perf_pipeline.formats import reading
from perf_pipeline.formats.agreement import Difference, compare, unexplained
from perf_pipeline.formats.model import ActivityFile, FormatError
from perf_pipeline.formats.reference import read_reference
from perf_pipeline.pipeline.compute import Executor
from perf_pipeline.storage.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class SecondReading:
    """What the second reader tells differently. `lost` says why there was no second reading."""

    path: str
    differences: tuple[Difference, ...] = ()
    lost: str | None = None

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        return unexplained(self.differences)

    def words(self) -> list[str]:
        """The differences that nobody has a cause for; channels and counts alone, no values."""
        return [f"{d.channel}: {d.cells} of {d.of} cells (session {d.session})" for d in self.unexplained]


def read_again(
    store: ObjectStore, paths: Sequence[str], executor: Executor, timeout_seconds: float
) -> list[SecondReading]:
    """Both readings of each file compared, in the order of the paths."""
    found: dict[str, SecondReading] = {}
    tasks = [(store, path) for path in paths]
    for outcome in executor.run(_compare, tasks, timeout_seconds=timeout_seconds):
        path = outcome.task[1]
        if outcome.error is not None:
            raise outcome.error
        found[path] = outcome.result or SecondReading(path, lost=outcome.lost)
    return [found[path] for path in paths]


def sample(paths: Sequence[str], size: int, seed: str) -> list[str]:
    """At most `size` of the paths, others with every seed."""
    ordered = sorted(paths)
    return ordered if len(ordered) <= size else sorted(random.Random(seed).sample(ordered, size))  # noqa: S311 - a sample


def _compare(task: tuple[ObjectStore, str]) -> SecondReading:
    store, path = task
    data = store.get(path)
    ours = reading.read(data, fallback=False)
    reference: ActivityFile | FormatError
    try:
        reference = read_reference(data)
    except FormatError as error:
        reference = error
    return SecondReading(path, compare(ours, reference))
