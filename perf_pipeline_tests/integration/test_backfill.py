"""`perf-pipeline rebuild`: some stages, some months; stopped in its middle and asked again, it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from datetime import datetime

import pytest
from sqlalchemy import select

from perf_pipeline.pipeline.services import warehouse_url
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage.tables import month_outputs
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests import making

MONTHS = [f"{year}-{month:02d}" for year in (2022, 2023, 2024) for month in range(1, 13)]


@pytest.fixture(scope="module")
def backfilled(terminal, tmp_path_factory):
    """An athlete with a ride in each of three years' months."""
    folder = tmp_path_factory.mktemp("given")
    for month in MONTHS:
        (folder / f"{month}.fit").write_bytes(making.fit(making.ride(f"{month}-04", 20)))
    terminal.ok("ingest", folder, "-a", "ann")
    return terminal


def computed(terminal) -> dict[tuple[str, str], datetime]:
    """When each stage of each month was computed last."""
    columns = (month_outputs.c.month, month_outputs.c.stage, month_outputs.c.computed_at)
    with Warehouse.connect(warehouse_url(terminal.settings)) as warehouse, warehouse.begin() as connection:
        return {(month, stage): moment for month, stage, moment in connection.execute(select(*columns))}


def stop_in_the_middle(terminal, before, sign: signal.Signals) -> int:
    """Starts a full refresh, stops it once some months are done; how many are.

    A Ctrl-C goes to all processes of the terminal, and what they say then is fit for a user.
    """
    command = [str(terminal.program), "rebuild", "--full-refresh", "-a", "ann"]
    environment = {**terminal.environment, "PERF_WORKERS": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        while process.poll() is None and not changed(before, terminal):
            time.sleep(0.02)
        (os.killpg if sign == signal.SIGINT else os.kill)(process.pid, sign)
        said, _ = process.communicate(timeout=60)
    assert "Traceback" not in said
    assert sign == signal.SIGKILL or "it was interrupted. Run again: it goes on from there" in " ".join(said.split())
    return len(changed(before, terminal))


def changed(before, terminal) -> set[tuple[str, str]]:
    now = computed(terminal)
    return {key for key in now if now[key] != before.get(key)}


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_refresh_that_is_stopped_goes_on_when_it_is_asked_again(backfilled, sign):
    rows, before = backfilled.tables(), computed(backfilled)
    done = stop_in_the_middle(backfilled, before, sign)
    assert 0 < done < len(before)
    halfway = computed(backfilled)

    backfilled.ok("rebuild", "--full-refresh", "-a", "ann")
    after = computed(backfilled)
    assert {key for key in after if after[key] == halfway[key]} == {key for key in after if halfway[key] != before[key]}
    assert differences(rows, backfilled.tables()) == []

    backfilled.ok("rebuild", "--full-refresh", "--since", "2024-12", "-a", "ann")
    assert {month for month, _ in changed(after, backfilled)} == {"2024-12"}


def test_one_stage_and_a_range_of_months(backfilled):
    before = computed(backfilled)
    months = ("--since", "2023-02", "--until", "2023-04")
    backfilled.ok("rebuild", "-a", "ann", "--stage", "activity_efforts", "--full-refresh", *months)
    assert changed(before, backfilled) == {(f"2023-0{n}", "activity_efforts") for n in (2, 3, 4)}
    told = backfilled.complaint("rebuild", "--stage", "sorcery", status=2)
    assert "'sorcery' is no stage; the stages are source_files," in told
