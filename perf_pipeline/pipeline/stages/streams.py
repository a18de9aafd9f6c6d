"""Stage `activity_streams`: archived bytes to sessions, faithful to the file."""

from __future__ import annotations

from uuid import UUID

from perf_pipeline.formats import reading
from perf_pipeline.formats.model import CorruptFileError, FileKind, FormatError
from perf_pipeline.storage.ids import activity_id_of
from perf_pipeline.storage.sessions import FileMeta, StoredSession
from perf_pipeline.storage.streams import quantise

FIRST_MS, LAST_MS = -62_103_974_400_000, 253_370_764_799_999
"""2 January of year 2 and the end of year 9998: a day to spare on both sides of what a timestamp can hold."""


class NotAnActivityError(FormatError):
    """The file reads well, but no activity is in it."""


def decode(profile_id: UUID, sha256: str, data: bytes) -> list[StoredSession]:
    """The sessions of one file.

    Raises `NotAnActivityError` where the file holds none, `FormatError` where it cannot be read.
    """
    file = reading.read(data)
    if file.kind != FileKind.ACTIVITY:
        raise NotAnActivityError(f"a {file.kind} file")
    if not file.sessions:
        raise NotAnActivityError("no session and no record in it")
    if not all(FIRST_MS <= session.start_ms <= LAST_MS for session in file.sessions):
        raise CorruptFileError("a session begins outside of the years 2 to 9998")
    meta = FileMeta(
        format=file.format,
        device=file.device,
        partial=file.partial,
        warnings=file.warnings,
        reader=file.reader,
        rr_intervals_ms=file.rr_intervals_ms,
    )
    return [
        StoredSession(activity_id_of(profile_id, sha256, session.index), sha256, meta, quantise(session))
        for session in file.sessions
    ]
