"""The servers: one code server that webserver and daemon share, ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import yaml

from perf_pipeline.settings import Settings
from perf_pipeline.terminal.running import dagster_instance

START_SECONDS = 90.0


class ServerDiedError(RuntimeError):
    """One of the servers ended; the message names it and its log."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _port_is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _start(name: str, arguments: Sequence[str], logs: Path) -> subprocess.Popen[bytes]:
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{name}.log").open("ab") as log:
        # A process group of its own: a Ctrl-C ends it when we say so, in order, and its children with it.
        return subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )


@contextlib.contextmanager
def servers(settings: Settings, host: str, port: int) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Code server, webserver and daemon, running until the block ends.

    Raises `ServerDiedError` where one of them does not come up.
    """
    with dagster_instance(settings) as instance:
        # Storage is created here, once: two servers creating it at the same time trip over each other.
        instance.get_runs(limit=1)
    logs = settings.home / "logs"
    code_port = free_port()
    workspace = settings.home / "dagster" / "workspace.yaml"
    location = {"host": "127.0.0.1", "port": code_port, "location_name": "perf_pipeline"}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": location}]}))
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        running["code-server"] = _start(
            "code-server",
            ["dagster", "api", "grpc", "-m", "perf_pipeline.definitions", "-h", "127.0.0.1", "-p", str(code_port),
             "--location-name", "perf_pipeline", "--use-python-environment-entry-point"],
            logs,
        )  # fmt: skip
        _wait_for(running, lambda: _port_is_open(code_port), logs)
        running["webserver"] = _start(
            "webserver", ["dagster_webserver", "-w", str(workspace), "-h", host, "-p", str(port)], logs
        )
        running["daemon"] = _start("daemon", ["dagster._daemon", "run", "-w", str(workspace)], logs)
        _wait_for(running, lambda: _answers(port), logs)
        yield running
    finally:
        stop(running)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait_for(running: dict[str, subprocess.Popen[bytes]], ready: object, logs: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():  # type: ignore[operator]
        check_alive(running, logs)
        if time.monotonic() > deadline:
            raise ServerDiedError(f"the servers did not come up within {START_SECONDS:g} s; see {logs}")
        time.sleep(0.1)


def check_alive(running: dict[str, subprocess.Popen[bytes]], logs: Path) -> None:
    """Raises `ServerDiedError` where a server has ended."""
    for name, process in running.items():
        if process.poll() is not None:
            raise ServerDiedError(f"the {name} ended with status {process.returncode}; see {logs / f'{name}.log'}")


def stop(running: dict[str, subprocess.Popen[bytes]]) -> None:
    """Ends the servers and all that they started."""
    for sign, seconds in ((signal.SIGINT, 10.0), (signal.SIGKILL, 5.0)):
        for process in running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
        deadline = time.monotonic() + seconds
        for process in running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))


def serve(settings: Settings, host: str, port: int, say: object) -> None:
    """Serves until SIGINT or SIGTERM."""
    stopping = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        nonlocal stopping
        stopping = True

    # A process started in the background of a script inherits ignored signals: take them back.
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, on_signal)
    with servers(settings, host, port) as running:
        say(f"http://{host}:{port}")  # type: ignore[operator]
        while not stopping:
            check_alive(running, settings.home / "logs")
            time.sleep(0.2)
