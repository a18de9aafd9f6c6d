"""`python -m perf_pipeline_tests.fuzzing TARGET [libFuzzer options]`: coverage-guided fuzzing of one target.

Needs `atheris`; `make fuzz` installs it. What it finds interesting is kept in `.fuzz/corpus`, what breaks a promise in
`.fuzz/findings`, to be given as an argument for a repetition.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from pathlib import Path
from random import Random

import atheris

# Instrumented or not is decided at the first import: what is not ours is imported before.
import fastcrc  # noqa: F401
import lxml.etree  # noqa: F401
import numpy  # noqa: F401, ICN001
import pyarrow.parquet  # noqa: F401
import scipy.signal  # noqa: F401
import sqlalchemy  # noqa: F401
import yaml  # noqa: F401

with atheris.instrument_imports(include=["perf_pipeline.formats"]):
    from perf_pipeline.formats import containers, fit, gpx, reading, sidecars, tcx, wellness  # noqa: F401

# What follows the readers runs as it is, at full speed.
from perf_pipeline_tests.fuzzing import mutation, seeds
from perf_pipeline_tests.fuzzing.quick import MUTATIONS
from perf_pipeline_tests.fuzzing.targets import TARGETS

HOME = Path(".fuzz")
OPTIONS = (
    "-timeout=10",
    "-rss_limit_mb=1024",
    f"-max_len={mutation.MAX_BYTES}",
    "-print_final_stats=1",
)


def _plant(target: str, folder: Path) -> tuple[bytes, ...]:
    """Writes the seeds where libFuzzer finds them; what they are is what changes borrow from."""
    folder.mkdir(parents=True, exist_ok=True)
    generated = seeds.generated(target)
    for data in (*generated, *seeds.real(target)):
        (folder / hashlib.sha256(data).hexdigest()).write_bytes(data)
    return generated


def main() -> None:
    """Runs until a promise is broken or libFuzzer's options end it."""
    target = sys.argv[1]
    repeat = any(Path(word).is_file() for word in sys.argv[2:])
    corpus, findings, planted = HOME / "corpus" / target, HOME / "findings" / target, HOME / "seeds" / target
    findings.mkdir(parents=True, exist_ok=True)
    corpus.mkdir(parents=True, exist_ok=True)
    others = _plant(target, planted)
    change = MUTATIONS[target]

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        dice = Random(seed)
        if dice.random() < 0.4:
            with contextlib.suppress(ValueError):
                data = atheris.Mutate(data, max_size)
            if change is mutation.fit:
                data = mutation.mend_fit(data)
        else:
            data = change(data, dice, others)
        return data[:max_size]

    arguments = [sys.argv[0], *OPTIONS, f"-artifact_prefix={findings}/", *sys.argv[2:]]
    if not repeat:
        arguments += [str(corpus), str(planted)]
    atheris.Setup(arguments, TARGETS[target], custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
