"""The structured log: one object a line, who and how long, and nothing of what is in a file."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from perf_pipeline.pipeline import run_log
from perf_pipeline.settings import Settings
from perf_pipeline_tests import making
from perf_pipeline_tests.defs.conftest import Graph


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the log goes; afterwards it is as it was."""
    stream, log = io.StringIO(), run_log.LOG
    before = list(log.handlers), log.level, log.propagate
    run_log.set_up(Settings(log_format="json"), stream)
    run_log.set_up(Settings(log_format="json"), stream)  # a second time changes nothing
    yield stream
    log.handlers[:], log.level, log.propagate = before


def told_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_run_tells_of_each_athletes_stages_and_of_nothing_in_the_files(graph: Graph, lines: io.StringIO) -> None:
    ride = making.fit(making.powers("2026-06-08T08:00", (600, 250)))
    graph.drop("ann", "my secret ride home.fit", ride)
    graph.drop("ann", "broken by hand.fit", b"not a ride")
    run = graph.run("ann")
    assert run.success
    told = told_of(lines)
    stages = [one for one in told if one["event"] == "stage ended"]
    assert {"source_files", "athlete_months", "daily_fitness", "notifications"} <= {one["stage"] for one in stages}
    (intake,) = [one for one in stages if one["stage"] == "source_files"]
    assert intake["athlete"] == "ann"
    assert intake["run"] == run.run_id
    assert intake["counts"]["archived"] == 1
    assert intake["counts"]["quarantined"] == 1
    assert float(intake["seconds"]) > 0
    assert (told[-1]["event"], told[-1]["run"], told[-1]["athletes_failed"]) == ("run ended", run.run_id, 0)
    assert [one["level"] for one in told] == ["info"] * len(told)
    assert not any(word in lines.getvalue() for word in ("secret", "broken by hand", "250.0"))


def test_a_failure_tells_its_kind_and_not_its_words(
    graph: Graph, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Ann's ride at 47.37, 8.54")

    monkeypatch.setattr("perf_pipeline.defs.assets.source_files.take_in", fail)
    graph.drop("ann", "ride.fit", making.fit(making.powers("2026-06-08T08:00", (600, 250))))
    assert not graph.run("ann").success
    (failed,) = [one for one in told_of(lines) if one["event"] == "stage failed"]
    assert (failed["level"], failed["stage"], failed["error"]) == ("error", "source_files", "RuntimeError")
    assert told_of(lines)[-1]["athletes_failed"] == 1
    assert "47.37" not in lines.getvalue()


def test_without_the_setting_nothing_is_written() -> None:
    stream, before = io.StringIO(), list(run_log.LOG.handlers)
    run_log.set_up(Settings(), stream)
    run_log.tell("stage ended", logging.ERROR)
    assert run_log.LOG.handlers == before
    assert stream.getvalue() == ""
