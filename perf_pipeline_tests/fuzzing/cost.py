"""What reading hostile bytes costs, in a process of its own: its memory is bounded, and lxml's counts as well.

`python -m perf_pipeline_tests.fuzzing.cost TARGET FILE` prints processor seconds, megabytes and what came of it.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

MAX_MEGABYTES = 512


@dataclass(frozen=True)
class Cost:
    """Processor time, the growth of the process's peak memory, and the result's or error's type."""

    seconds: float
    megabytes: float
    outcome: str


def measure(target: str, data: bytes, folder: Path) -> Cost:
    """Gives the bytes to the reader of that name (`read`, `identify`, `unpack`), as a worker would."""
    path = folder / "hostile"
    path.write_bytes(data)
    command = [sys.executable, "-m", __name__, target, str(path)]
    # Twenty times the bound and more: this ends a hang, it measures nothing.
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, megabytes, outcome = done.stdout.split(maxsplit=2)
    return Cost(float(seconds), float(megabytes), outcome.strip())


def _main() -> None:
    from perf_pipeline.formats import containers, reading
    from perf_pipeline.formats.fit import identify_fit, read_fit  # noqa: F401 - imported before it is measured
    from perf_pipeline.formats.model import FormatError

    target, data = sys.argv[1], Path(sys.argv[2]).read_bytes()
    read = {
        "read": lambda d: reading.read(d, fallback=False),
        "identify": reading.identify,
        "unpack": lambda d: [(m.name, len(m.data)) for m in containers.unpack(d, "hostile")],
    }[target]
    floor = _virtual_bytes()
    # Address space, which is more than memory: an allocation that is never touched counts too.
    resource.setrlimit(resource.RLIMIT_AS, (floor + MAX_MEGABYTES * 2**20,) * 2)
    # The peak so far is forgotten: it was that of the imports, or of the parent.
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_kilobytes()
    began = time.process_time()
    try:
        outcome = type(read(data)).__name__
    except FormatError as error:
        outcome = f"{type(error).__name__}: {error}"
    seconds = time.process_time() - began
    grown = _peak_kilobytes() - before
    sys.stdout.write(f"{seconds:.3f} {grown / 1024:.1f} {outcome}\n")


def _peak_kilobytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _virtual_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    _main()
