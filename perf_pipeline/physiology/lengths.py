"""Pool swims by their lengths: distance and moving time where the records hold neither."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.model import Length, Session

FloatArray = NDArray[np.float64]

_HASTY_SHARE = 0.6


def pool_lengths(session: Session) -> tuple[tuple[Length, ...], float] | None:
    """Swum lengths in order of time and the pool's length in metres; None where the session is no pool swim."""
    pool = session.summary.get("pool_length_meters", 0.0)
    active = sorted((x for x in session.lengths if x.active and x.end_ms > x.start_ms), key=lambda x: x.end_ms)
    return (tuple(active), float(pool)) if active and np.isfinite(pool) and 0 < pool <= 100 else None


def lengths_track(session: Session, start_ms: int) -> tuple[FloatArray, FloatArray] | None:
    """Seconds since `start_ms` and metres at both ends of each swum length: a course that stands still at the
    wall.
    """
    found = pool_lengths(session)
    if found is None:
        return None
    lengths, pool = found
    t: list[float] = []
    d: list[float] = []
    for number, one in enumerate(lengths):
        begin, end = (one.start_ms - start_ms) / 1000.0, (one.end_ms - start_ms) / 1000.0
        begin = max(begin, t[-1]) if t else begin
        if end <= begin:
            continue
        if not t or begin > t[-1]:
            t.append(begin)
            d.append(number * pool)
        t.append(end)
        d.append((number + 1) * pool)
    return np.asarray(t), np.asarray(d)


def swum_seconds(session: Session) -> float | None:
    """Seconds spent swimming, rest at the wall left out; None where the session is no pool swim."""
    found = pool_lengths(session)
    return sum(x.end_ms - x.start_ms for x in found[0]) / 1000.0 if found else None


def hasty_lengths(session: Session, start_ms: int) -> list[tuple[float, float]]:
    """First and last second of lengths in under 60 % of the usual time: a turn that was no turn, told as a length."""
    found = pool_lengths(session)
    if found is None:
        return []
    spans = [((x.start_ms - start_ms) / 1000.0, (x.end_ms - start_ms) / 1000.0) for x in found[0]]
    usual = float(np.median([end - begin for begin, end in spans]))
    return [(begin, end) for begin, end in spans if end - begin < _HASTY_SHARE * usual]
