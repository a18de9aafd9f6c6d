"""Counters for Prometheus, in its text exposition format: what Dagster does not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from perf_pipeline.pipeline.month_tasks import stage_versions


@dataclass(frozen=True, slots=True)
class Counter:
    """A family of samples: what is counted, and by label its values."""

    name: str
    kind: str
    meaning: str
    samples: Sequence[tuple[Mapping[str, str], float]]


_FILES = "select status, count(*) from source_files group by 1 order by 1"
_ARRIVED = "select extract(epoch from max(received_at))::float8 from arrivals"
_QUARANTINE = """
    select coalesce(extract(epoch from now() - min(a.received_at))::float8, 0)
    from source_files s join arrivals a on a.source_file_id = s.id where s.status = 'quarantined'
"""
_ROWS = """
    select (select count(*) from profiles), (select count(*) from activities where superseded_by is null),
           (select count(*) from notifications where not is_read),
           (select extract(epoch from max(computed_at))::float8 from month_outputs)
"""
# A month is stale where a stage has never written it, or has done so with other code than runs now.
_STALE = """
    select v.stage, count(f.month) filter (where o.code_version is distinct from v.version)
    from unnest(cast(:stages as text[]), cast(:versions as text[])) as v(stage, version)
    left join (
        select distinct profile_id, month from source_files where status = 'archived' and kind = 'activity'
    ) as f on true
    left join month_outputs o on o.profile_id = f.profile_id and o.month = f.month and o.stage = v.stage
    group by 1 order by 1
"""


def counters(connection: Connection, failed_runs: int) -> list[Counter]:
    """What the tables tell, and how many runs failed in the last day."""

    def value(query: str) -> float | None:
        found: float | None = connection.scalar(text(query))
        return found

    files = [({"status": status}, float(count)) for status, count in connection.execute(text(_FILES))]
    versions = {stage: version for stage, version in stage_versions().items() if stage != "profile_metrics"}
    named = {"stages": list(versions), "versions": list(versions.values())}
    stale = [({"stage": stage}, float(count)) for stage, count in connection.execute(text(_STALE), named)]
    athletes, activities, unread, computed = connection.execute(text(_ROWS)).one()
    return [
        Counter("files", "gauge", "files known, by status", files),
        Counter("quarantine_oldest_age_seconds", "gauge", "age of the oldest file in quarantine; 0: there is none",
                _one(value(_QUARANTINE))),
        Counter("last_arrival_timestamp_seconds", "gauge", "when the newest file came in", _one(value(_ARRIVED))),
        Counter("last_month_timestamp_seconds", "gauge", "when a month was last computed", _one(computed)),
        Counter("months_stale", "gauge", "athletes' months of files that a stage has not computed with today's code",
                stale),
        Counter("athletes", "gauge", "athletes known", _one(athletes)),
        Counter("activities", "gauge", "activities, duplicates left out", _one(activities)),
        Counter("notifications_unread", "gauge", "notifications that nobody has read", _one(unread)),
        Counter("runs_failed_last_day", "gauge", "runs that failed in the last 24 hours", _one(failed_runs)),
    ]  # fmt: skip


def exposition(found: Sequence[Counter]) -> str:
    """The text format, version 0.0.4.

    >>> print(exposition([Counter("files", "gauge", "files known", [({"status": "archived"}, 3.0)])]), end="")
    # HELP perf_pipeline_files files known
    # TYPE perf_pipeline_files gauge
    perf_pipeline_files{status="archived"} 3
    """
    lines = []
    for one in found:
        name = f"perf_pipeline_{one.name}"
        lines += [f"# HELP {name} {one.meaning}", f"# TYPE {name} {one.kind}"]
        for labels, value in one.samples:
            told = ",".join(f'{key}="{word}"' for key, word in labels.items())
            lines.append(f"{name}{{{told}}} {value:.15g}" if told else f"{name} {value:.15g}")
    return "\n".join(lines) + "\n"


def _one(value: Any) -> list[tuple[Mapping[str, str], float]]:
    return [] if value is None else [({}, float(value))]
