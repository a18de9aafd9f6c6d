"""The whole graph on a store and a database of its own, with Dagster's records in memory."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests.pipeline.conftest import Athlete, shared_warehouse

DAGSTERS_OWN = "ignore:The `__fields__` attribute is deprecated"
"""The pinned Dagster asks the pinned pydantic in an old way."""

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "The `__fields__` attribute is deprecated")
    from perf_pipeline.definitions import build_definitions
    from perf_pipeline.defs.partitions import ATHLETES
    from perf_pipeline.defs.resources import PipelineResource
    from perf_pipeline.defs.run_requests import RANGE_END, RANGE_START, register, run_config


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(DAGSTERS_OWN))


__all__ = ["shared_warehouse"]
TODAY = "2026-06-10"


@dataclass
class Graph:
    """The definitions with what they work on."""

    instance: dg.DagsterInstance
    definitions: dg.Definitions
    pipeline: PipelineResource
    root: Path
    warehouse: Warehouse

    def athlete(self, handle: str = "ann") -> Athlete:
        """What is stored of an athlete."""
        return Athlete(ObjectStore.from_url(str(self.root)), self.root, self.warehouse, handle)

    def drop(self, handle: str, name: str, data: bytes, age_seconds: float = 60.0) -> Path:
        return self.athlete(handle).drop(name, data, modified=time.time() - age_seconds)

    def job(self, name: str = "athlete_job") -> dg.JobDefinition:
        return self.definitions.resolve_job_def(name)

    def run(
        self, *handles: str, job: str = "athlete_job", tags: dict[str, str] | None = None, **options: Any
    ) -> dg.ExecuteInProcessResult:
        """Runs a job for one athlete's partition, or for the range from the first of several to the last."""
        selection = options.pop("asset_selection", None)
        athletes = options.pop("athletes", [])
        config = run_config(athletes, **{"today": TODAY, "agreement_sample": 0, **options})
        register(self.instance, handles)
        place: dict[str, Any] = {"partition_key": handles[0]}
        if len(handles) > 1:
            place = {"tags": {RANGE_START: handles[0], RANGE_END: handles[-1], **(tags or {})}}
        return self.job(job).execute_in_process(
            run_config=config, instance=self.instance, asset_selection=selection, raise_on_error=False, **place
        )

    def ask(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Does what a run request asks for, as the daemon would."""
        place = {"partition_key": request.partition_key} if request.partition_key else {}
        return self.job().execute_in_process(
            run_config=request.run_config,
            instance=self.instance,
            tags=dict(request.tags),
            raise_on_error=False,
            **place,
        )

    def look(self) -> Any:
        """One tick of the inbox sensor; the partitions that it asks for are made."""
        sensor = self.definitions.get_repository_def().get_sensor_def("inbox_sensor")
        with (
            dg.build_sensor_context(
                instance=self.instance, resources={"pipeline": self.pipeline}, definitions=self.definitions
            ) as context,
            dg.partition_loading_context(dynamic_partitions_store=self.instance),
        ):
            told = sensor(context)
        if isinstance(told, dg.SkipReason):
            return dg.SensorResult(skip_reason=told)
        for request in told.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        return told

    def partitions(self) -> list[str]:
        return list(self.instance.get_dynamic_partitions(ATHLETES.name or ""))


@pytest.fixture
def graph(tmp_path: Path, shared_warehouse: Warehouse) -> Iterator[Graph]:
    root = tmp_path / "storage"
    (root / "inbox").mkdir(parents=True)
    pipeline = PipelineResource(
        overrides={
            "home": str(tmp_path / "home"), "storage_url": str(root), "compute": "inline",
            "database_url": shared_warehouse.engine.url.render_as_string(hide_password=False).replace("+psycopg", ""),
        }
    )  # fmt: skip
    with dg.DagsterInstance.ephemeral() as instance:
        graph = Graph(instance, build_definitions({"pipeline": pipeline}), pipeline, root, shared_warehouse)
        graph.athlete().forget()
        yield graph


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """What the run's last materialization of the asset tells, as plain values."""
    found = [
        e.step_materialization_data.materialization
        for e in result.all_events
        if e.is_step_materialization and e.asset_key == dg.AssetKey(asset)
    ]
    return {name: value.value for name, value in found[-1].metadata.items()} if found else {}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
