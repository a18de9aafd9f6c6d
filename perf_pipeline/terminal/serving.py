"""The servers: one code server that webserver and daemon share, ended together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

import dagster as dg
import yaml

from perf_pipeline.defs.lost_runs import PROCESS_TAG, fail_lost_runs
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.services import Services
from perf_pipeline.settings import Settings
from perf_pipeline.terminal.running import dagster_instance, locked

START_SECONDS = 120.0
STOP_SECONDS = 15.0
SENSOR_HOLD_SECONDS = 12
"""Shorter than what a server is given to stop: a look under way is waited for."""
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to
LOG_BYTES = 10_000_000
PR_SET_PDEATHSIG = 1

Servers = Mapping[str, "subprocess.Popen[bytes]"]


class ServerError(RuntimeError):
    """The servers cannot start, or one of them ended; the message names it and what to do."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _port_is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _require_free(host: str, port: int) -> None:
    """Raises `ServerError` where the UI could not listen at this address."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ServerError(
            f"the UI cannot listen at {host}:{port} ({error.strerror}). Give another --port or --host"
        ) from error


def _start(name: str, arguments: Sequence[str], logs: Path) -> subprocess.Popen[bytes]:
    logs.mkdir(parents=True, exist_ok=True)
    path = logs / f"{name}.log"
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    with path.open("ab") as log:
        # A process group of its own: a Ctrl-C ends it when we say so, in order, and its children with it.
        return subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=_end_with_parent,  # noqa: PLW1509 - no threads run here
        )  # fmt: skip


def _end_with_parent() -> None:
    """Asks Linux to end this process when its parent is killed without a chance to do so."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


@contextlib.contextmanager
def servers(settings: Settings, host: str, port: int, stopping: Callable[[], bool]) -> Iterator[Servers]:
    """Code server, webserver and daemon, running until the block ends; fewer where `stopping` becomes true meanwhile.

    Raises `ServerError` where one of them does not come up.
    """
    _require_free(host, port)
    with Services(settings) as services:
        # Tables and inbox are there from the first moment, for whoever looks or drops something.
        services.warehouse.engine.dispose()
        services.store.list_folders()
    if settings.storage_url is None:
        Path(settings.resolved_storage_url, layout.INBOX).mkdir(exist_ok=True)
    with dagster_instance(settings) as instance:
        _fail_left_over_runs(instance, settings)
    logs = settings.home / "logs"
    code_port = free_port()
    workspace = settings.dagster_home / "workspace.yaml"
    location = {"host": "127.0.0.1", "port": code_port, "location_name": "perf_pipeline"}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": location}]}))
    os.environ.setdefault("PERF_SENSOR_HOLD_SECONDS", str(SENSOR_HOLD_SECONDS))
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        running["code-server"] = _start(
            "code-server",
            ["dagster", "api", "grpc", "-m", "perf_pipeline.definitions", "-h", "127.0.0.1", "-p", str(code_port),
             "--location-name", "perf_pipeline", "--use-python-environment-entry-point"],
            logs,
        )  # fmt: skip
        _wait_for(running, lambda: stopping() or _port_is_open(code_port), logs)
        if not stopping():
            running["webserver"] = _start(
                "webserver", ["dagster_webserver", "-w", str(workspace), "-h", host, "-p", str(port)], logs
            )
            running["daemon"] = _start("daemon", ["dagster._daemon", "run", "-w", str(workspace)], logs)
            _wait_for(running, lambda: stopping() or _answers(EVERY_ADDRESS.get(host, host), port), logs)
        yield running
    finally:
        stop(running)


def _fail_left_over_runs(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Runs of servers that were killed: nothing works on them any more, and their athletes would stay busy for ever.

    In a database that was configured, a run without a process of ours may be at work on another machine: it is left to
    Dagster's own monitoring.
    """
    begun = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=begun))
    fail_lost_runs(instance, runs)
    if settings.database_url or settings.dagster_database_url:
        return
    for run in runs:
        if PROCESS_TAG not in run.tags:
            instance.report_run_failed(run, "the servers that worked on this run have ended; it goes on from there")


def _answers(host: str, port: int) -> bool:
    shown = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{shown}:{port}/server_info", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait_for(running: Servers, ready: Callable[[], bool], logs: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        check_alive(running, logs)
        if time.monotonic() > deadline:
            raise ServerError(f"the servers did not come up within {START_SECONDS:g} s; see {logs}")
        time.sleep(0.1)


def check_alive(running: Servers, logs: Path) -> None:
    """Raises `ServerError` where a server has ended."""
    for name, process in running.items():
        if process.poll() is not None:
            raise ServerError(f"the {name} ended with status {process.returncode}; see {logs / f'{name}.log'}")


def stop(running: Servers) -> None:
    """Ends the servers and all that they started: asks first, kills what is left."""
    for sign, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        left = [process for process in running.values() if _signal(process, sign)]
        deadline = time.monotonic() + seconds
        while left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = [process for process in left if process.poll() is None or _signal(process, 0)]
        if not left:
            return


def _signal(process: subprocess.Popen[bytes], sign: int) -> bool:
    """Sends the signal to the process's group; whether anybody was there."""
    try:
        os.killpg(process.pid, sign)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def serve(settings: Settings, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM; raises `ServerError` where that is not possible."""
    stopping = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        nonlocal stopping
        stopping = True

    # A process started in the background of a script inherits ignored signals: take them back.
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, on_signal)
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(settings.dagster_home / "serving", wait=False))
        except BlockingIOError:
            raise ServerError(
                f"the servers of {settings.home} run already: stop them first, or set PERF_HOME to another folder"
            ) from None
        running = stack.enter_context(servers(settings, host, port, lambda: stopping))
        if not stopping:
            say(f"http://{host}:{port}")
        while not stopping:
            check_alive(running, settings.home / "logs")
            time.sleep(0.2)
