"""The page itself: facts and charts into one file that needs nothing else, online or offline."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import jinja2

from perf_pipeline.pipeline.report.charts import all_charts
from perf_pipeline.pipeline.report.facts import Facts
from perf_pipeline.pipeline.words import clock, distance, pace

LIMITS = {
    "ftp_20min": "FTP (95 % of 20 min)",
    "lthr": "threshold heart rate",
    "hr_max": "highest heart rate",
}
"""Models whose name is no word."""


def render(handle: str, today: date, facts: Facts) -> str:
    """The report as HTML. The same facts give the same page."""
    charts = all_charts(facts)
    profile = facts["profile"][0] if facts["profile"] else {}
    return _template().render(
        handle=handle,
        name=profile.get("display_name") or handle,
        today=today,
        facts=facts,
        charts=charts,
        tiles=_tiles(facts, today),
        figures={chart.key: _json(chart.figure) for found in charts.values() for chart in found},
        plotly=_packed_plotly(),
    )


def _tiles(facts: Facts, today: date) -> list[tuple[str, str, str]]:
    """The numbers that are looked at first: (what, value, more about it)."""
    tiles: list[tuple[str, str, str]] = []
    now = [row for row in facts["fitness"] if row["day"] == today]
    for row in now:
        tiles.append(
            ("Fitness (CTL)", f"{row['ctl']:.0f}", f"{row['ramp']:+.1f} in 7 days" if row["ramp"] is not None else "")
        )
        tiles.append(("Form (TSB)", f"{row['tsb']:+.0f}", f"fatigue {row['atl']:.0f}"))
    latest = {(row["sport"], row["model"]): row for row in facts["thresholds"]}
    for (sport, model), row in sorted(latest.items()):
        if row["threshold"] is not None and model.startswith("critical"):
            value, low, high = (
                None if row[name] is None else pace(row[name], sport) if row["unit"] == "m/s" else f"{row[name]:.0f} W"
                for name in ("threshold", "threshold_low", "threshold_high")
            )
            interval = "" if low is None else f"{low} to {high}"
            name = limit_name(model).capitalize()
            tiles.append((name if sport in name else f"{name}, {sport}", value or "-", interval))
    hours = sum(row["hours"] or 0 for row in facts["sports"])
    if hours:
        count = sum(row["activities"] for row in facts["sports"])
        tiles.append((f"Season {today.year}", f"{hours:.0f} h", f"{count} activities"))
    return tiles


def limit_name(model: str) -> str:
    """What people call the model."""
    return LIMITS.get(model, model.replace("_", " "))


def _json(value: Any) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(value, default=str, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\!--")


@cache
def template_version() -> str:
    """Hash of the template: the page changes with it."""
    data = resources.files("perf_pipeline.pipeline.report").joinpath("report.html.j2").read_bytes()
    return hashlib.sha256(data).hexdigest()[:16]


@cache
def _packed_plotly() -> str:
    """Plotly's script, packed: the page is a third of the size, and a browser unpacks it in milliseconds."""
    script = resources.files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    return base64.b64encode(gzip.compress(script, 5, mtime=0)).decode()


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("perf_pipeline.pipeline.report", "."), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(limit_name=limit_name, clock=clock, distance=distance, speed_pace=pace)
    return environment.get_template("report.html.j2")
