"""Single activities out of a month's Parquet, cleaned: what the athlete-grain stages read when they need streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from perf_pipeline.physiology.cleaning import CleanStreams, clean
from perf_pipeline.pipeline import layout
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.sessions import StoredSession
from perf_pipeline.storage.streams import read_sessions


@dataclass(frozen=True, slots=True)
class ChosenActivities:
    """Activities of one archive month by id, each with the sport that the table `activities` gives it."""

    handle: str
    month: str
    store: ObjectStore
    sports: Mapping[UUID, str]


def read_chosen(chosen: ChosenActivities) -> Iterator[tuple[StoredSession, CleanStreams]]:
    """The chosen activities that the month holds, in order of start, each with its cleaned streams.

    Raises `StorageError` where the Parquet cannot be read.
    """
    sessions = chosen.store.get(layout.sessions(chosen.handle, chosen.month))
    streams = chosen.store.get(layout.streams(chosen.handle, chosen.month))
    for stored in read_sessions(sessions, streams, chosen.sports):
        told = replace(stored, session=replace(stored.session, sport=chosen.sports[stored.activity_id]))
        yield told, clean(told.session)
