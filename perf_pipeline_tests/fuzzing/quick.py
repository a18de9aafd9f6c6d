"""A mutational run without coverage: `python -m perf_pipeline_tests.fuzzing.quick TARGET CASES [SEED]`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from random import Random

from perf_pipeline_tests.fuzzing import mutation, seeds
from perf_pipeline_tests.fuzzing.targets import TARGETS

MUTATIONS: dict[str, mutation.Mutate] = {
    "fit": mutation.fit, "downstream": mutation.fit, "gpx": mutation.xml, "tcx": mutation.xml,
    "containers": mutation.container, "yaml": mutation.text, "csv": mutation.text, "reading": mutation.noise,
    "workouts": mutation.text,
}  # fmt: skip
"""How files of each target are changed."""


def cases(target: str, count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` changed files; each may be changed again, up to four times, so that changes add up."""
    dice = Random(f"{target} {seed}")
    files, change = seeds.generated(target), MUTATIONS[target]
    data, generation = dice.choice(files), 0
    for _ in range(count):
        if generation == 4 or len(data) > 5 * max(map(len, files)):
            data, generation = dice.choice(files), 0
        data = change(data, dice, files)
        generation += 1
        yield data


def run(target: str, count: int, seed: int = 0) -> list[tuple[BaseException, bytes]]:
    """What broke: the error and the file, one of each kind of error and place."""
    check = TARGETS[target]
    broken: dict[tuple[object, ...], tuple[BaseException, bytes]] = {}
    for data in cases(target, count, seed):
        try:
            check(data)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            key = (type(error), str(error)[:80], _place(error))
            held = broken.get(key)
            if held is None or len(data) < len(held[1]):
                broken[key] = (error, data)
    return list(broken.values())


def _place(error: BaseException) -> object:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else None


if __name__ == "__main__":
    import hashlib
    import traceback
    from pathlib import Path

    name, number = sys.argv[1], int(sys.argv[2])
    began = time.perf_counter()
    found = run(name, number, int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    folder = Path(".fuzz/findings") / name
    folder.mkdir(parents=True, exist_ok=True)
    for problem, file in found:
        path = folder / f"quick-{hashlib.sha256(file).hexdigest()[:16]}"
        path.write_bytes(file)
        traceback.print_exception(problem, limit=-6)
        sys.stdout.write(f"{path} {len(file)} bytes\n")
    sys.stdout.write(f"{name}: {number} cases in {time.perf_counter() - began:.1f} s, {len(found)} findings\n")
