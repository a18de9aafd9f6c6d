"""The real pipeline in a process of its own: one phase of a benchmark, told as one JSON object.

    python -m benchmarks._pipeline HOME PHASE ATHLETE...

What a run costs beside its work (a new process, its imports) is not in the figures: the process has imported everything
when the clock starts. Dagster's records are kept in memory, so that what is timed is the stages and what connects them.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

TODAY = "2026-11-01"
INTAKE = ("source_files",)


def main(home: Path, phase: str, handles: list[str]) -> int:
    """Runs the phase and prints what it took."""
    warnings.filterwarnings("ignore")
    import dagster as dg

    from perf_pipeline.definitions import build_definitions
    from perf_pipeline.defs.resources import PipelineResource
    from perf_pipeline.defs.run_requests import RANGE_END, RANGE_START, register, run_config

    overrides = {"home": str(home), "workers": os.environ.get("PERF_WORKERS", "0")}
    definitions = build_definitions({"pipeline": PipelineResource(overrides=overrides)})
    job = definitions.resolve_job_def("athlete_job")
    scope: dict[str, Any] = {
        "today": TODAY, "agreement_sample": 0, "take_in_at_once": True, "full_refresh": phase == "full_refresh",
    }  # fmt: skip
    config = {**run_config(**scope), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, handles)
        place: dict[str, Any] = {"partition_key": handles[0]}
        if len(handles) > 1:
            place = {"tags": {RANGE_START: handles[0], RANGE_END: handles[-1]}}
        selection = [dg.AssetKey(name) for name in INTAKE] if phase == "intake" else None
        began, cpu = time.perf_counter(), os.times()
        result = job.execute_in_process(
            run_config=config, instance=instance, asset_selection=selection, raise_on_error=False, **place
        )
        seconds, after = time.perf_counter() - began, os.times()
        if not result.success:
            failed = [str(event.event_specific_data)[:2000] for event in result.all_events if event.is_failure]
            sys.stderr.write(f"the {phase} failed: {failed}\n")
            return 1
        said = {
            "seconds": seconds, "steps": _steps(result), "stages": _stages(result),
            "cpu": sum(after[:4]) - sum(cpu[:4]),
        }  # fmt: skip
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


def _steps(result: Any) -> dict[str, float]:
    """Seconds by step, checks included."""
    return {
        event.step_key: event.event_specific_data.duration_ms / 1000
        for event in result.all_events
        if event.event_type_value == "STEP_SUCCESS"
    }


def _stages(result: Any) -> dict[str, dict[str, float]]:
    """What each asset tells of its work: rows, months, seconds."""
    return {
        event.asset_key.to_user_string(): {
            name: value.value
            for name, value in event.step_materialization_data.materialization.metadata.items()
            if isinstance(value.value, int | float)
        }
        for event in result.all_events
        if event.event_type_value == "ASSET_MATERIALIZATION"
    }


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
