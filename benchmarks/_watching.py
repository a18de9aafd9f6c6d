"""What trees of processes hold and use, from outside: memory by proportional set sizes, and processor time."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """Looks at the trees below these processes until the block ends.

    `peak_mb`: the most memory seen at once, shared pages counted once. `cpu_seconds`: processor time of all of them
    since the block began, which a machine that others use as well hardly changes (a process shorter than a look is
    counted where its parent waits for it).
    """

    def __init__(self, *roots: int, every_seconds: float = 0.2) -> None:
        self.peak_mb = 0.0
        self._roots = roots
        self._every_seconds = every_seconds
        self._begun: dict[int, float] = {}
        self._used: dict[int, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def cpu_seconds(self) -> float:
        return sum(used - self._begun.get(pid, 0.0) for pid, used in self._used.items())

    def __enter__(self) -> Self:
        self._begun = {pid: _cpu_seconds(pid) for pid in tree(*self._roots)}
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(self._every_seconds):
            found = tree(*self._roots)
            self._used.update((pid, max(_cpu_seconds(pid), self._used.get(pid, 0.0))) for pid in found)
            self.peak_mb = max(self.peak_mb, sum(map(_pss_mb, found)))


def tree(*roots: int) -> set[int]:
    """The processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(_stat(int(entry.name))[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found: set[int] = set()
    queue = list(roots)
    while queue:
        found.add(queue[-1])
        queue.extend(children.get(queue.pop(), ()))
    return found


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_seconds(pid: int) -> float:
    try:
        fields = _stat(pid)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
