"""What the GPX and TCX writers share: text, numbers and times as XML wants them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from perf_pipeline.formats.model import Pause

if TYPE_CHECKING:
    from perf_pipeline.formats.model import FloatArray, IntArray

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str) -> str:
    """The text escaped, without the characters that XML 1.0 cannot hold."""
    return escape(_NOT_XML.sub("", value))


def attribute(value: str) -> str:
    """The text as a quoted attribute value."""
    return quoteattr(_NOT_XML.sub("", value))


def number_text(value: float) -> str:
    """The shortest decimal that reads back as the same number; no exponent, which XML schemas refuse."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    short = repr(float(value))
    return np.format_float_positional(value, trim="-") if "e" in short else short


def column_texts(values: FloatArray) -> list[str | None]:
    """Each number's text, None for NaN; (n,)."""
    return [number_text(v) if v == v else None for v in values.tolist()]  # noqa: PLR0124


def time_text(time_ms: int) -> str:
    """UTC with a Z, milliseconds only where there are any."""
    return time_texts(np.array([time_ms], np.int64))[0]


def time_texts(time_ms: IntArray) -> list[str]:
    """`time_text` of a column; (n,)."""
    stamps = time_ms.astype("datetime64[ms]")
    seconds = np.datetime_as_string(stamps, unit="s")
    if not (time_ms % 1000).any():
        return [stamp + "Z" for stamp in seconds.tolist()]
    exact = np.datetime_as_string(stamps, unit="ms")
    return [stamp + "Z" for stamp in np.where(time_ms % 1000 == 0, seconds, exact).tolist()]


def parts(time_ms: IntArray, pauses: Iterable[Pause]) -> list[tuple[int, int]]:
    """Runs [start, stop) of records between which the timer stood still."""
    cuts = {0, len(time_ms)}
    for pause in pauses:
        after = np.flatnonzero(time_ms >= pause.end_ms)
        if len(after):
            cuts.add(int(after[0]))
    ordered = sorted(cuts)
    return list(pairwise(ordered))
