"""Small pictures for places that show an image but run no script, such as Dagster's metadata."""

from __future__ import annotations

import math
from collections.abc import Sequence

from perf_pipeline.pipeline.report.facts import Row

WIDTH, HEIGHT, MARGIN = 520, 180, 34
MOST_POINTS = 120
"""A line has no more: Dagster's page does not draw markdown that is much longer."""


def fitness_sketch(rows: Sequence[Row]) -> str | None:
    """CTL, ATL and TSB of the last year as SVG; None without any."""
    known = [row for row in rows if not row["projected"]]
    if len(known) < 2:
        return None
    lines = [
        (name, colour, [(float(i), float(row[column])) for i, row in enumerate(known)])
        for name, column, colour in (("ATL", "atl", "#e08a5c"), ("TSB", "tsb", "#2a9d8f"), ("CTL", "ctl", "#1f6fb5"))
    ]
    return _drawn(lines, f"{known[0]['day']} to {known[-1]['day']}")


def curve_sketch(rows: Sequence[Row]) -> str | None:
    """Best power of the last 90 days over the logarithm of duration, by sport; None without any."""
    lines = []
    for number, sport in enumerate(sorted({row["sport"] for row in rows})):
        points = [
            (math.log(row["duration_seconds"]), float(row["last_90"]))
            for row in rows
            if row["sport"] == sport and row["last_90"] is not None
        ]
        if len(points) > 1:
            lines.append((f"{sport}, W", ("#1f6fb5", "#e08a5c", "#2a9d8f")[number % 3], points))
    return _drawn(lines, "duration, logarithmic") if lines else None


def threshold_sketch(rows: Sequence[Row], sport: str, model: str) -> str | None:
    """A threshold's history with its 90 % interval; None where fewer than two days have an answer."""
    known = [r for r in rows if (r["sport"], r["model"]) == (sport, model) and r["threshold"] is not None]
    if len(known) < 2:
        return None
    lines = [
        (name, colour, [(float(r["as_of"].toordinal()), float(r[column])) for r in known if r[column] is not None])
        for name, column, colour in (
            ("low", "threshold_low", "#9bbad6"), ("high", "threshold_high", "#9bbad6"),
            (f"{model.replace('_', ' ')}, {known[0]['unit']}", "threshold", "#1f6fb5"),
        )
    ]  # fmt: skip
    return _drawn([line for line in lines if line[2]], f"{known[0]['as_of']} to {known[-1]['as_of']}")


def _drawn(lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], across: str) -> str:
    xs = [x for _, _, points in lines for x, _ in points]
    ys = [y for _, _, points in lines for _, y in points]
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)

    def at(x: float, y: float) -> str:
        along = MARGIN + (x - left) / ((right - left) or 1.0) * (WIDTH - 2 * MARGIN)
        up = HEIGHT - MARGIN - (y - low) / ((high - low) or 1.0) * (HEIGHT - 2 * MARGIN)
        return f"{along:.0f},{up:.0f}"

    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11" fill="#888">',
        f'<text x="2" y="{MARGIN}">{high:.3g}</text><text x="2" y="{HEIGHT - MARGIN}">{low:.3g}</text>',
        f'<text x="{MARGIN}" y="{HEIGHT - 8}">{across}</text>',
    ]
    for number, (name, colour, points) in enumerate(lines):
        path = " ".join(at(x, y) for x, y in points[:: -(-len(points) // MOST_POINTS)])
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{path}"/>')
        parts.append(f'<text x="{MARGIN + 110 * number}" y="16" fill="{colour}">{name}</text>')
    return "".join((*parts, "</svg>"))
