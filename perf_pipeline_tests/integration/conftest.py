"""The real command line as a user runs it: in a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from perf_pipeline.pipeline.demo_athlete import generate_simple
from perf_pipeline.pipeline.services import warehouse_url
from perf_pipeline.pipeline.snapshots import snapshot
from perf_pipeline.settings import Settings
from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.warehouse import Warehouse

PROGRAM = Path(sys.executable).parent / "perf-pipeline"
LEFT_OUT = ("PERF_", "AWS_", "DAGSTER_", "COLUMNS", "LINES", "FORCE_COLOR", "CLICOLOR_FORCE")
"""Variables of whoever runs the tests that would change what the program does."""


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Terminal:
    """A user's terminal: its environment, and the commands typed there."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    program: Path = PROGRAM

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
        return {**kept, "PERF_HOME": str(self.home), **self.variables}

    def run(self, *arguments: str | Path, timeout: float = 240, **variables: str) -> Said:
        """Runs the program to its end; a hang fails the test."""
        done = subprocess.run(
            [str(self.program), *map(str, arguments)], env={**self.environment, **variables}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str | Path, **variables: str) -> Said:
        """Runs the program; fails the test where it complains."""
        said = self.run(*arguments, **variables)
        assert said.status == 0, said.err
        return said

    def complaint(self, *arguments: str | Path, status: int = 1, **variables: str) -> str:
        """What the program says when it cannot do as it is told: short, and never a traceback."""
        said = self.run(*arguments, **variables)
        assert said.status == status, said
        assert "Traceback" not in said.out + said.err
        assert "File " not in said.err
        return " ".join(said.err.replace("│", " ").split())

    def one_line(self, *arguments: str | Path, **variables: str) -> str:
        """The same, where it must be one line."""
        said = self.run(*arguments, **variables)
        assert said.status == 1, said
        assert said.err.count("\n") == 1, said.err
        return said.err.strip()

    @property
    def settings(self) -> Settings:
        return Settings(
            home=self.home,
            storage_url=self.variables.get("PERF_STORAGE_URL"),
            database_url=self.variables.get("PERF_DATABASE_URL"),
        )

    @property
    def storage(self) -> Path:
        return self.home / "storage"

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """All rows of all tables, without bookkeeping."""
        with Warehouse.connect(warehouse_url(self.settings)) as warehouse, warehouse.begin() as connection:
            return snapshot(connection)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """One home for the tests of a module; its embedded server ends with them."""
    home = tmp_path_factory.mktemp("home")
    yield Terminal(home)
    embedded_postgres.remove(home)


@pytest.fixture
def fresh_terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A home in which nothing has happened yet."""
    yield Terminal(tmp_path / "home")
    embedded_postgres.remove(tmp_path / "home")


@pytest.fixture(scope="session")
def rides() -> list[bytes]:
    """Rides with power, half a day apart, of 20 minutes each."""
    return [file.data for file in generate_simple(8, seconds=1200)]


def tree_of(folder: Path) -> dict[str, bytes]:
    """Every file below the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    return tree_of


@dataclass(frozen=True)
class Processes:
    """What runs on this machine, from /proc."""

    def with_variable(self, name: str, value: str) -> dict[int, str]:
        """Processes (but not zombies, and not the database) that inherited this variable: number to command."""
        wanted = f"{name}={value}".encode()
        found = {}
        for pid in self._all():
            try:
                if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") and self._state(pid) != "Z":
                    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if "postgres" not in command.split(" ", 1)[0]:
                        found[pid] = command
            except OSError:
                continue
        return found

    def tree(self, root: int) -> list[int]:
        """The process and all that descend from it."""
        children: dict[int, list[int]] = {}
        for pid in self._all():
            try:
                parent = int(self._stat(pid)[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(pid)
        found, queue = [], [root]
        while queue:
            found.append(queue.pop())
            queue.extend(children.get(found[-1], ()))
        return found

    def memory_bytes(self, root: int) -> int:
        """Proportional set size of the whole tree: shared pages count once."""
        total = 0
        for pid in self.tree(root):
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        return total

    def end(self, pids: Mapping[int, str]) -> None:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _all(self) -> list[int]:
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]

    def _stat(self, pid: int) -> list[str]:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()

    def _state(self, pid: int) -> str:
        return self._stat(pid)[0]


@pytest.fixture(scope="session")
def processes() -> Processes:
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("this system has no /proc to look at processes with")
    return Processes()
