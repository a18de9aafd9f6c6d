"""Sessions made to order, so that a test shows only what it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from perf_pipeline.formats.model import Length, Pause, Session, Streams

START_MS = 1_600_000_000_000


def _make(
    seconds: Sequence[float],
    sport: str = "bike",
    *,
    pauses: Sequence[tuple[float, float]] = (),
    lengths: Sequence[tuple[float, float, bool]] = (),
    summary: dict[str, float] | None = None,
    start: float = 0.0,
    end: float | None = None,
    **channels: Sequence[float],
) -> Session:
    """A session whose records, start, end, pauses and lengths are all in seconds after START_MS."""
    time_ms = START_MS + np.round(np.asarray(seconds, dtype=float) * 1000).astype(np.int64)
    last = end if end is not None else (max(seconds) if len(seconds) else start)
    return Session(
        index=0,
        sport=sport,
        start_ms=START_MS + round(start * 1000),
        end_ms=START_MS + round(last * 1000),
        streams=Streams(time_ms, {k: np.asarray(v, dtype=float) for k, v in channels.items()}),
        pauses=tuple(Pause(START_MS + round(a * 1000), START_MS + round(b * 1000)) for a, b in pauses),
        lengths=tuple(
            Length(START_MS + round(a * 1000), START_MS + round(b * 1000), active) for a, b, active in lengths
        ),
        summary=summary or {},
    )


@pytest.fixture(scope="session")
def make() -> Callable[..., Session]:
    """`make(seconds, sport, pauses=..., power_watts=...)` gives a session."""
    return _make
