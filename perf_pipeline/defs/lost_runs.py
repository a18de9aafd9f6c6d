"""Runs whose process is gone. Dagster would call them started for ever, and their athletes busy."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

import dagster as dg

PROCESS_TAG = "perf/process"
"""Tag of a run that lives in a terminal's process: host, process id and when that process began."""


def this_process() -> str:
    """What tells this process from every other one, also from a later one with the same number."""
    return f"{socket.gethostname()} {os.getpid()} {_began(os.getpid())}"


def is_gone(process: str) -> bool:
    """Whether the process has ended; of another host's processes we cannot tell, and say no."""
    host, pid, began = process.rsplit(" ", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # somebody else's process: there, at least
    return _began(int(pid)) != began


def _began(pid: int) -> str:
    """The kernel's start time of the process, in ticks; '-' where the system does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "-"


def fail_lost_runs(instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> list[str]:
    """Reports those of the unfinished runs as failed whose terminal was closed or killed; the ids of these runs."""
    lost = [run for run in runs if PROCESS_TAG in run.tags and is_gone(run.tags[PROCESS_TAG])]
    for run in lost:
        instance.report_run_failed(
            run, "the process that worked on this run has ended; run again, it goes on from there"
        )
    return [run.run_id for run in lost]
