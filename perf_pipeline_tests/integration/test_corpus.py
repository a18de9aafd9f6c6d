"""Real files in bulk: every one accounted for, flat memory, nothing changed by doing it again."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest

from perf_pipeline.pipeline.snapshots import differences

pytestmark = pytest.mark.corpus

STATUSES = ("archived", "duplicate", "quarantined", "not_an_activity")
MOST_BYTES = 1_000_000_000
SAMPLE_SECONDS = 1.0
GIVE_UP_SECONDS = 360
FOLDERS = ("tcx", "gpx", "fit")


def measured(terminal, processes, *arguments):
    """Runs the program; what it printed, its status, and the most memory that all its processes held at once."""
    program = subprocess.Popen(
        [str(terminal.program), *map(str, arguments)], env=terminal.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    most = 0
    deadline = time.monotonic() + GIVE_UP_SECONDS
    try:
        while program.poll() is None:
            assert time.monotonic() < deadline, f"{arguments[:2]} takes longer than {GIVE_UP_SECONDS} s"
            most = max(most, processes.memory_bytes(program.pid))
            time.sleep(SAMPLE_SECONDS)
        out, err = program.communicate(timeout=GIVE_UP_SECONDS)
    finally:
        program.kill()
    assert program.returncode == 0, err
    return out, most


@pytest.fixture(scope="module")
def ingested(terminal, processes, corpus_dir):
    """What each folder's ingest said, and the most memory that it took."""
    found = {}
    for name in FOLDERS:
        if (corpus_dir / name).is_dir():
            out, most = measured(terminal, processes, "ingest", corpus_dir / name, "--athlete", "everyone", "--json")
            found[name] = json.loads(out), most
    return found


def test_every_real_file_is_accounted_for(ingested, corpus_dir):
    for name, (counts, _) in ingested.items():
        given = sum(len(files) for _, _, files in os.walk(corpus_dir / name))
        assert counts["given"] == given, name
        assert sum(counts[status] for status in STATUSES) == given, name
        assert (counts["succeeded"], counts["unreadable"]) == (True, {}), name


def test_memory_stays_under_a_gigabyte(ingested, capsys):
    peaks = {name: round(most / 1e6) for name, (_, most) in ingested.items()}
    with capsys.disabled():
        print(f"\npeak memory in MB: {peaks}")  # noqa: T201
    assert max(most for _, most in ingested.values()) < MOST_BYTES


def test_the_same_ingest_again_changes_nothing_and_no_run_failed(ingested, terminal, processes, corpus_dir):
    before = terminal.tables()
    for name, (counts, _) in ingested.items():
        out, _ = measured(terminal, processes, "ingest", corpus_dir / name, "--athlete", "everyone", "--json")
        assert {s: json.loads(out)[s] for s in STATUSES} == {s: counts[s] for s in STATUSES}, name
    assert differences(before, terminal.tables()) == []
    report = terminal.ok("status", "--json").json
    assert (report["inbox"], report["last_run"]["status"]) == (0, "success")


def test_a_full_refresh_gives_the_same_rows_one_by_one(ingested, terminal, processes):
    before = terminal.tables()
    _, most = measured(terminal, processes, "rebuild", "--full-refresh")
    assert differences(before, terminal.tables()) == []
    assert most < MOST_BYTES
