"""Resources: the services that stages work with, and the scope of a run. Nothing is opened before a stage needs it."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from perf_pipeline.pipeline.run_log import set_up, tell
from perf_pipeline.pipeline.services import Services
from perf_pipeline.settings import Settings, load_settings

Progress = Callable[[str, int, int, str], None]
"""Stage, how much of it is done, of how much, and how it goes in words (or nothing)."""


POOL_RECYCLE_SECONDS, POOL_OVERFLOW = 3600, 20


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Lets Dagster's storage keep its connections, as it does for its webserver: else every one of the thousand queries
    of a run opens one of its own, and that is most of what a run costs in which nothing is to be done.
    """
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=POOL_RECYCLE_SECONDS, max_overflow=POOL_OVERFLOW)


@cache
def spare_what_is_imported() -> None:
    """Tells the garbage collector that what is here already stays: modules and definitions are a million objects, and
    to walk them once more costs a run without news a seventh of its time. Once a process: what comes later may go.
    """
    gc.freeze()


class PipelineResource(dg.ConfigurableResource):
    """Storage, database and workers, as the environment says; `overrides` replaces single settings (for tests)."""

    overrides: dict[str, str] = Field(default_factory=dict, description="settings by name, in place of PERF_*")
    _services: Services | None = PrivateAttr(default=None)
    _failures: dict[str, str] = PrivateAttr(default_factory=dict)
    _setbacks: dict[str, str] = PrivateAttr(default_factory=dict)
    _decoded: list[str] | None = PrivateAttr(default=None)

    @property
    def settings(self) -> Settings:
        settings = load_settings()
        if not self.overrides:
            return settings
        changed: dict[str, Any] = {**settings.model_dump(), **self.overrides}
        if "home" in self.overrides:
            changed["home"] = Path(self.overrides["home"])
        return Settings.model_validate(changed)

    @property
    def services(self) -> Services:
        if self._services is None:
            self._services = Services(self.settings)
        return self._services

    @property
    def failures(self) -> dict[str, str]:
        """Athletes that failed in this run, with the reason. Later stages leave them out."""
        return self._failures

    @property
    def setbacks(self) -> dict[str, str]:
        """Athletes of whom a part failed in this run, with the reason. Later stages go on with what there is."""
        return self._setbacks

    @property
    def decoded(self) -> list[str] | None:
        """Archive paths of the files that this run has decoded; None where the run does not decode."""
        return self._decoded

    def note_decoded(self, paths: list[str]) -> None:
        self._decoded = [*(self._decoded or []), *paths]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["PipelineResource"]:
        if context.instance is not None:
            keep_connections(context.instance)
        spare_what_is_imported()
        set_up(self.settings)
        began = perf_counter()
        try:
            yield self
        finally:
            if self._services is not None:
                self._services.close()
                self._services = None
            if context.run is not None:  # a look of a sensor has none
                seconds, failed = round(perf_counter() - began, 3), len({*self._failures, *self._setbacks})
                tell("run ended", run=context.run.run_id, seconds=seconds, athletes_failed=failed)
            self._failures = {}
            self._setbacks = {}
            self._decoded = None


class RunScope(dg.ConfigurableResource):
    """What a run covers, for all of its assets at once (run config: `resources: scope: config: ...`)."""

    full_refresh: bool = Field(default=False, description="recompute what is up to date as well")
    athletes: list[str] = Field(
        default_factory=list, description="only these athletes of the run's partitions (empty: all of them)"
    )
    since: str | None = Field(default=None, description="first archive month to bring up to date, YYYY-MM")
    until: str | None = Field(default=None, description="last archive month to bring up to date, YYYY-MM")
    take_in_at_once: bool = Field(
        default=False, description="take young files too: whoever put them knows that they are complete"
    )
    agreement_sample: int = Field(
        default=2, ge=0, description="files of the run that a second reader reads as well, to compare"
    )
    today: str | None = Field(
        default=None, description="the day that counts as today, YYYY-MM-DD (for reruns and tests)"
    )


class ProgressResource:
    """Where progress goes: nowhere, or to the bars of the command line.

    A plain object: Dagster makes configurable resources anew for each run, and would lose the callback.
    """

    def __init__(self, report: Progress | None = None) -> None:
        self._report = report

    def __call__(self, stage: str, done: int, total: int, words: str = "") -> None:
        if self._report is not None:
            self._report(stage, done, total, words)
