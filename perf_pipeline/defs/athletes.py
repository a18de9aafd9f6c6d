"""The loop that every asset shares: its run's athletes, one after the other, each under its lease.

One athlete's failure does not stop the others: later stages leave that athlete out, and the last stage of the run names
all that failed and fails the run. Where nobody is left, the run fails at once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import dagster as dg

from perf_pipeline.defs.partitions import COHORTS, key_of
from perf_pipeline.defs.refreshing import refresh_began
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.run_requests import FAILED_TAG
from perf_pipeline.pipeline.run_log import told
from perf_pipeline.pipeline.services import Services
from perf_pipeline.storage.errors import DatabaseUnavailableError
from perf_pipeline.storage.warehouse import Lease

STAGE_ORDER = (
    "source_files",
    "activity_streams",
    "activities",
    "activity_efforts",
    "mean_maximal_curves",
    "activity_signals",
    "activity_metrics",
    "profile_metrics",
    "daily_wellness",
    "activity_duplicates",
    "threshold_models",
    "activity_loads",
    "relative_metrics",
    "daily_fitness",
    "impulse_response_models",
    "prediction_backtest",
    "capability_predictions",
    "planned_workouts",
    "workout_adaptations",
    "notifications",
    "athlete_report",
)
"""Athlete-partitioned assets in the order of the flow."""
LOG_SECONDS = 10.0
"""Between two lines of the run's log that tell how far a stage is."""


def today_of(scope: RunScope) -> date:
    """The day that counts as today in this run."""
    return date.fromisoformat(scope.today) if scope.today else datetime.now(UTC).date()


@dataclass
class Progress:
    """Tells how a stage gets on: the terminal each time, the run's log now and then."""

    context: dg.AssetExecutionContext
    terminal: ProgressResource
    stage: str
    handle: str
    _logged: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, total: int, words: str = "") -> None:
        self.terminal(self.stage, done, total, words)
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            self.context.log.info("athlete %s, %s: %s", self.handle, self.stage, words or f"{done} of {total}")


@dataclass(frozen=True)
class AthleteWork:
    """One athlete's turn in one stage."""

    handle: str
    lease: Lease
    services: Services
    scope: RunScope
    progress: Progress
    refresh_began: datetime | None = None

    @property
    def today(self) -> date:
        return today_of(self.scope)

    def by_workers(self, update: Callable[..., dict[str, int]]) -> dict[str, int]:
        """Has a stage of the history bring the athlete up to date, with the run's workers where there is much to do."""
        return update(
            self.services.warehouse,
            self.lease,
            self.today,
            executor=self.services.executor,
            full_refresh=self.scope.full_refresh,
            progress=self.progress,
        )


@dataclass
class StageTotals:
    """Counts over all athletes of the run, shown (and plotted) as metadata."""

    counts: Counter[str] = field(default_factory=Counter)
    athletes: int = 0
    seconds: float = 0.0

    def metadata(self, only: str = "") -> dict[str, int | float]:
        chosen = {k.removeprefix(only): v for k, v in sorted(self.counts.items()) if k.startswith(only)}
        return {**chosen, "athletes": self.athletes, "seconds": round(self.seconds, 3)}


def for_each_athlete(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: ProgressResource,
    stage: str,
    work: Callable[[AthleteWork], Mapping[str, int]],
) -> StageTotals:
    """Does the stage's work for each athlete of the run and adds up what it counts.

    Raises `dagster.Failure` naming the athletes that failed, in the last stage of the run, and at once
    `DatabaseUnavailableError`.
    """
    totals = StageTotals()
    began = time.perf_counter()
    handles = athletes_of_turn(context, scope)
    began_at = refresh_began(context) if scope.full_refresh else None
    for handle in handles:
        if handle in pipeline.failures:
            continue
        try:
            with (
                told("stage", run=context.run.run_id, athlete=handle, stage=context.op_def.name) as line,
                pipeline.services.athlete(handle, context.run.run_id, stage) as lease,
            ):
                turn = AthleteWork(
                    handle, lease, pipeline.services, scope, Progress(context, progress, stage, handle), began_at
                )
                counts = work(turn)
                totals.counts.update(counts)
                line["counts"] = dict(counts)
                line["failed_in_part"] = handle in pipeline.setbacks or None
            totals.athletes += 1
        except DatabaseUnavailableError:
            raise  # nobody's turn will go better: the run fails, is tried again, and goes on from here
        except Exception as error:
            context.log.exception("athlete %s failed in %s", handle, stage)
            pipeline.failures[handle] = f"{stage}: {type(error).__name__}: {error}"
    totals.seconds = time.perf_counter() - began
    failed = {**pipeline.setbacks, **pipeline.failures}
    nobody_left = bool(pipeline.failures) and pipeline.failures.keys() >= set(handles)
    if failed and (_is_last(context, stage) or nobody_left):
        context.instance.add_run_tags(context.run.run_id, {FAILED_TAG: ",".join(sorted(failed))})
        listing = "; ".join(f"{handle}: {reason}" for handle, reason in sorted(failed.items()))
        raise dg.Failure(
            f"{len(failed)} of the run's athletes failed: {listing}", metadata={"failed_athletes": sorted(failed)}
        )
    return totals


def athletes_of_turn(context: dg.AssetExecutionContext, scope: RunScope) -> list[str]:
    """The athletes of the run's partitions, or those of them that its scope names."""
    keys = list(context.partition_keys)
    if not COHORTS and not scope.athletes:
        return keys
    chosen = scope.athletes or context.resources.pipeline.services.warehouse.handles()
    position = {key: index for index, key in enumerate(keys)}
    found = [handle for handle in chosen if key_of(handle) in position]
    return sorted(found, key=lambda handle: (position[key_of(handle)], handle))


def _is_last(context: dg.AssetExecutionContext, stage: str) -> bool:
    selected = context.run.asset_selection
    names = {key.to_user_string() for key in selected} if selected else set(STAGE_ORDER)
    later = STAGE_ORDER[STAGE_ORDER.index(stage) + 1 :]
    return not names.intersection(later)
