"""The real servers: a file dropped into the inbox by plain copy becomes an activity and a notification by itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest

from perf_pipeline.formats.fit_writer import write_fit
from perf_pipeline.formats.model import ActivityFile, FileFormat, FileKind, Session, Streams
from perf_pipeline.pipeline.services import warehouse_url

pytestmark = pytest.mark.e2e

START_MS = 1_750_000_000_000
ANSWERS_WITHIN, THERE_WITHIN, ENDS_WITHIN = 90.0, 30.0, 40.0
"""Seconds. The middle one is the promise: from the drop of a file to its activity in PostgreSQL."""


def ride(days_later: int, watts: float) -> bytes:
    """A FIT ride of 20 minutes at that power."""
    time_ms = START_MS + days_later * 86_400_000 + 1000 * np.arange(1200, dtype=np.int64)
    channels = {
        "power_watts": np.full(1200, watts),
        "distance_meters": np.arange(1200) * 9.0,
        "speed_mps": np.full(1200, 9.0),
    }
    session = Session(0, "bike", int(time_ms[0]), int(time_ms[-1]), Streams(time_ms, channels), "cycling")
    return write_fit(ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, (session,)))


def wait_for(look: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)
    return found


@contextmanager
def serving(terminal, processes, command=None):
    """The servers on a free port: the process, and a function that asks the UI."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = command or [str(terminal.program), "serve", "--port", "{port}"]
    log = (terminal.home.parent / "serve.log").open("w+")
    program = subprocess.Popen(
        [part.format(port=port) for part in command], env=terminal.environment, stdin=subprocess.DEVNULL, stdout=log,
        stderr=log, start_new_session=True,
    )  # fmt: skip

    def ask(query: str) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            told = json.load(answer)
        assert "errors" not in told, told
        return told["data"]

    def answers() -> bool:
        log.seek(0)
        return "UI:" in log.read()

    try:
        wait_for(lambda: answers() or (program.poll() is not None and command[0] != "sh"), ANSWERS_WITHIN, "the UI")
        yield program, ask
    finally:
        processes.end(processes.with_variable("PERF_HOME", str(terminal.home)))
        program.wait(10)
        log.close()


def drop(terminal, athlete: str, name: str, data: bytes) -> float:
    """Copies a file into the inbox as a user would; the time at which it was there."""
    folder = terminal.storage / "inbox" / athlete
    folder.mkdir(parents=True, exist_ok=True)
    outside = terminal.home.parent / name
    outside.write_bytes(data)
    shutil.copyfile(outside, folder / name)
    return time.time()


def rows(terminal, query: str) -> list[Any]:
    with psycopg.connect(warehouse_url(terminal.settings)) as connection:
        return connection.execute(query).fetchall()


def parts_of(ask, dropped: float, seen: float) -> dict[str, float]:
    """Where the seconds went: until the sensor asked, until the run's process began to work, and the work."""
    run = ask("{runsOrError(limit: 1) {... on Runs {results {creationTime startTime}}}}")["runsOrError"]["results"][0]
    return {
        "sensor wait": run["creationTime"] - dropped,
        "run start": run["startTime"] - run["creationTime"],
        "work": seen - run["startTime"],
        "in all": seen - dropped,
    }


def test_a_dropped_file_becomes_an_activity_and_a_better_one_a_record(fresh_terminal, processes, capsys):
    terminal = fresh_terminal
    with serving(terminal, processes) as (program, ask):
        for number, (name, watts) in enumerate((("first.fit", 200.0), ("better.fit", 260.0)), 1):
            dropped = drop(terminal, "newcomer", name, ride(number, watts))
            is_there = lambda n=number: len(rows(terminal, "select from activities")) == n  # noqa: E731
            wait_for(is_there, THERE_WITHIN, f"the activity of {name}")
            parts = parts_of(ask, dropped, time.time())
            with capsys.disabled():
                print(f"\n{name}: " + ", ".join(f"{part} {seconds:.1f} s" for part, seconds in parts.items()))  # noqa: T201
        records = wait_for(
            lambda: rows(terminal, "select title, message from notifications where type = 'personal_record'"),
            THERE_WITHIN,
            "the notification of the record",
        )
        assert any("260" in title + message for title, message in records)
        assert rows(terminal, "select handle from profiles") == [("newcomer",)]

        wait_for(lambda: statuses(ask) == {"SUCCESS"}, THERE_WITHIN, "the end of the runs")
        assert {"source_files", "activities", "activity_efforts", "daily_fitness"} <= asset_names(ask)

        program.send_signal(signal.SIGINT)
        assert program.wait(ENDS_WITHIN) == 0
        wait_for(lambda: nobody_left(processes, terminal), ENDS_WITHIN, "the end of every process")


def nobody_left(processes, terminal) -> bool:
    """Workers end by themselves, a moment after the process that asked for them."""
    return not processes.with_variable("PERF_HOME", str(terminal.home))


def statuses(ask) -> set[str]:
    found = ask("{runsOrError {... on Runs {results {status}}}}")["runsOrError"]["results"]
    return {run["status"] for run in found}


def asset_names(ask) -> set[str]:
    return {node["assetKey"]["path"][-1] for node in ask("{assetNodes {assetKey {path}}}")["assetNodes"]}


def test_servers_started_in_the_background_of_a_script_end_with_sigterm(fresh_terminal, processes):
    """A shell without job control has its background children ignore SIGINT; a second start is refused meanwhile."""
    terminal = fresh_terminal
    pid_file = terminal.home.parent / "pid"
    script = f'"{terminal.program}" serve --port {{port}} & echo $! > "{pid_file}"; wait $!'
    with serving(terminal, processes, ["sh", "-c", script]) as (shell, _):
        pid = int(pid_file.read_text())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            other = str(probe.getsockname()[1])
        assert "run already: stop them first" in terminal.one_line("serve", "--port", other)
        os.kill(pid, signal.SIGINT)
        assert shell.wait(ENDS_WITHIN) == 0
        wait_for(lambda: nobody_left(processes, terminal), ENDS_WITHIN, "the end of every process")


def test_a_run_whose_terminal_was_killed_does_not_keep_its_athlete_busy(fresh_terminal, processes, rides):
    """The killed run is called failed, and the servers take in what it left in the inbox; SIGTERM ends them."""
    terminal = fresh_terminal
    terminal.ok("status")
    folder = terminal.home.parent / "given"
    folder.mkdir()
    for number, data in enumerate(rides):
        (folder / f"{number}.fit").write_bytes(data)
    program = subprocess.Popen(
        [str(terminal.program), "ingest", str(folder), "-a", "ann"], env=terminal.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    archive = terminal.storage / "archive"
    wait_for(lambda: any(archive.rglob("*.fit")) or program.poll() is not None, 60, "the archive")
    program.kill()
    program.wait(ENDS_WITHIN)
    with serving(terminal, processes) as (servers, ask):
        drop(terminal, "ann", "more.fit", ride(1, 200.0))
        wait_for(
            lambda: len(rows(terminal, "select from activities")) == len(rides) + 1, 2 * THERE_WITHIN, "all activities"
        )
        wait_for(lambda: "STARTED" not in statuses(ask), THERE_WITHIN, "the end of the runs")
        servers.send_signal(signal.SIGTERM)
        assert servers.wait(ENDS_WITHIN) == 0
        wait_for(lambda: nobody_left(processes, terminal), ENDS_WITHIN, "the end of every process")
    assert terminal.ok("status", "--json").json["athletes"]["ann"]["archived"] == len(rides) + 1
