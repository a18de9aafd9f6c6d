"""Runs every benchmark: `python -m benchmarks [--json]`. Exit status 1 where a floor is missed."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import benchmarks

SUPPORT = {"__main__", "figures", "queries_population"}


def main() -> int:
    """Each benchmark in a process of its own, so that none warms the caches of another."""
    failed = 0
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name in SUPPORT or module.name.startswith("_"):
            continue
        command = [sys.executable, "-m", f"benchmarks.{module.name}", *sys.argv[1:]]
        failed |= subprocess.run(command, check=False).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
