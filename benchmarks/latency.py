"""How long it takes from a file dropped into the inbox to the notification that it earns, with the real daemon.

The servers run as `perf-pipeline serve` starts them. Each file is a ride that breaks the athlete's records, dropped
whole at a moment of its own, so that the daemon's rhythm is met at every phase.

    python -m benchmarks.latency [--drops 30] [--json]
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from benchmarks.figures import Figure, report

DROPS = 30
GIVE_UP_SECONDS = 180
START_SECONDS = 180


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether every floor is met."""
    parser = argparse.ArgumentParser(description="From drop to notification.")
    parser.add_argument("--drops", type=int, default=DROPS)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args(arguments)
    seconds = sorted(_measure(options.drops))
    return report(
        [
            Figure("drop_to_notification_p95_s", seconds[math.ceil(0.95 * len(seconds)) - 1], "s", "lower", 30, 12),
            Figure("drop_to_notification_median_s", seconds[len(seconds) // 2], "s", "lower"),
        ],
        as_json=options.json,
    )


def _measure(drops: int) -> list[float]:
    from perf_pipeline.storage import embedded_postgres
    from perf_pipeline.terminal.serving import free_port

    home = Path(tempfile.mkdtemp(prefix="perf_latency."))
    home.chmod(0o755)
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERF_", "DAGSTER_"))}
    program = Path(sys.executable).parent / "perf-pipeline"
    servers = subprocess.Popen(
        [str(program), "serve", "--port", str(port)], env={**kept, "PERF_HOME": str(home)}, stdout=subprocess.DEVNULL
    )
    try:
        _wait_until_up(servers, port)
        with psycopg.connect(embedded_postgres.ensure_running(home), autocommit=True) as connection:
            _until_told(connection, home, 0)  # the first of all: nothing is warm yet, and it is not counted
            dice = random.Random(7)
            found = []
            for number in range(1, drops + 1):
                time.sleep(dice.uniform(0, 10))
                found.append(_until_told(connection, home, number))
                print(f"drop {number}: {found[-1]:.1f} s", file=sys.stderr)
            return found
    finally:
        servers.send_signal(signal.SIGINT)
        servers.wait(60)
        embedded_postgres.remove(home)
        shutil.rmtree(home, ignore_errors=True)


def _wait_until_up(servers: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and servers.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the servers did not come up")


def _until_told(connection: psycopg.Connection, home: Path, number: int) -> float:
    """Drops the ride of that number; seconds until there is one more notification."""
    count = "select count(*) from notifications"
    (before,) = connection.execute(count).fetchone() or (0,)
    inbox = home / "storage" / "inbox" / "ann"
    inbox.mkdir(parents=True, exist_ok=True)
    fresh = home / f"ride-{number}.fit"
    fresh.write_bytes(_ride(number))
    fresh.rename(inbox / fresh.name)
    began = time.monotonic()
    while time.monotonic() < began + GIVE_UP_SECONDS:
        (now,) = connection.execute(count).fetchone() or (0,)
        # The first ride of all has no record to break: it is enough that it is there.
        if now > before or (number == 0 and (connection.execute("select 1 from daily_fitness").fetchone())):
            return time.monotonic() - began
        time.sleep(0.05)
    raise SystemExit(f"no notification after {GIVE_UP_SECONDS} s")


def _ride(number: int) -> bytes:
    """Half an hour, each time stronger by some watts, on the days before today."""
    from perf_pipeline.formats.fit_writer import write_fit
    from perf_pipeline.formats.model import ActivityFile, FileFormat, FileKind, Session, Streams

    day = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) - timedelta(days=60 - number)
    start_ms = int(day.timestamp()) * 1000
    t = np.arange(1800)
    power = np.round(180 + 6 * number + 60 * np.sin(t / 40))
    streams = Streams(start_ms + 1000 * t, {"power_watts": power, "distance_meters": (8 + 0.05 * number) * t})
    session = Session(0, "bike", start_ms, start_ms + 1_799_000, streams, "cycling")
    return write_fit(ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, (session,)))


if __name__ == "__main__":
    sys.exit(main())
