"""The benchmark of checks asks every check of the run as it is called today."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from perf_pipeline.pipeline.sql_models.project import models_folder


@pytest.mark.e2e
def test_it_measures_the_checks_of_a_small_history() -> None:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "benchmarks.checks",
        "--activities",
        "5",
        "--rounds",
        "1",
        "--json",
    ]
    done = subprocess.run(command, cwd=models_folder().parent, capture_output=True, text=True, check=False, timeout=300)
    figures = {one["name"]: one["value"] for one in json.loads(done.stdout)["figures"]}
    assert figures["checks_expectations"] > 250
    assert 0 < figures["checks_within_the_run_s"] < figures["checks_s"]
