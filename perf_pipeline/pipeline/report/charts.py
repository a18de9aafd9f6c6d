"""Charts of the report as Plotly figures in plain dictionaries. Colours are names such as `@1`, which the page replaces
by those of the light or the dark theme.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from perf_pipeline.pipeline.report.facts import Facts, Row
from perf_pipeline.pipeline.words import clock, distance, pace

Trace = dict[str, Any]
SPORT_COLOURS: Mapping[str, str] = {"bike": "@1", "run": "@2", "swim": "@3", "walk": "@4", "hike": "@4"}
OTHER_COLOUR = "@5"
_POWER_TICKS = (1, 5, 15, 60, 300, 1200, 3600, 10800)


@dataclass(frozen=True, slots=True)
class Chart:
    """`summary` says in words what the chart shows; `columns` and `rows` hold the same numbers as a table."""

    key: str
    title: str
    summary: str
    figure: dict[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def all_charts(facts: Facts) -> dict[str, list[Chart]]:
    """Charts by section; a section without data has none."""
    today = max((row["day"] for row in facts["fitness"] if not row["projected"]), default=None)
    return {
        "fitness": _list(fitness(facts["fitness"])),
        "weekly": _list(weekly(facts["weekly"], today)),
        "power": [chart for sport, rows in _by_sport(facts["power"]) if (chart := power_curve(sport, rows))],
        "pace": [chart for sport, rows in _by_sport(facts["pace"]) if (chart := pace_curve(sport, rows))],
        "thresholds": thresholds(facts["thresholds"]),
        "zones": zones(facts["zones"]),
    }


def fitness(rows: Sequence[Row]) -> Chart | None:
    """CTL, ATL and TSB; the days to come dotted."""
    if not rows:
        return None
    today = max((i for i, row in enumerate(rows) if not row["projected"]), default=len(rows) - 1)
    known, coming = rows[: today + 1], rows[today:]
    traces: list[Trace] = []
    for name, column, colour in (
        ("Fitness (CTL)", "ctl", "@1"),
        ("Fatigue (ATL)", "atl", "@2"),
        ("Form (TSB)", "tsb", "@3"),
    ):
        for part, dash in ((known, "solid"), (coming, "dot")):
            traces.append(
                {
                    "type": "scatter", "mode": "lines", "name": name, "legendgroup": column,
                    "showlegend": dash == "solid", "x": [str(row["day"]) for row in part],
                    "y": [round(row[column], 1) for row in part],
                    "line": {"color": colour, "width": 2 if column == "ctl" else 1.3, "dash": dash},
                }
            )  # fmt: skip
    now, highest = known[-1], max(known, key=lambda row: row["ctl"])
    return Chart(
        "fitness", "Fitness, fatigue and form",
        f"On {now['day']} fitness is {now['ctl']:.0f}, fatigue {now['atl']:.0f}, form {now['tsb']:+.0f}; fitness was "
        f"highest on {highest['day']} at {highest['ctl']:.0f}. Dotted: two weeks without training.",
        _figure(traces, y="load per day"),
        ("day", "load", "CTL", "ATL", "TSB"),
        tuple((str(r["day"]), *(f"{r[c]:.1f}" for c in ("load", "ctl", "atl", "tsb"))) for r in known[-28:]),
    )  # fmt: skip


def weekly(rows: Sequence[Row], today: date | None = None) -> Chart | None:
    """Load by week and sport, from the first week there is to that of today: weeks without training are part of it."""
    if not rows:
        return None
    first, last = min(row["week"] for row in rows), max(row["week"] for row in rows)
    last = max(last, today - timedelta(days=today.weekday())) if today else last
    weeks = [first + timedelta(days=7 * number) for number in range((last - first).days // 7 + 1)]
    nothing = {"load": 0.0, "hours": 0.0}
    traces = []
    for sport, mine in _by_sport(rows):
        held = {row["week"]: row for row in mine}
        every = [held.get(week, nothing) for week in weeks]
        traces.append(
            {
                "type": "bar", "name": sport, "x": [str(week) for week in weeks],
                "y": [round(row["load"], 1) for row in every], "customdata": [round(row["hours"], 1) for row in every],
                "hovertemplate": "%{y:.0f} load, %{customdata:.1f} h<extra>" + sport + "</extra>",
                "marker": {"color": SPORT_COLOURS.get(sport, OTHER_COLOUR)},
            }
        )  # fmt: skip
    totals = {
        week: [sum(row[name] for row in rows if row["week"] == week) for name in ("load", "hours")] for week in weeks
    }
    return Chart(
        "weekly", "Load by week",
        f"The week of {last} holds a load of {totals[last][0]:.0f} in {totals[last][1]:.1f} h.",
        _figure(traces, y="load", barmode="stack"),
        ("week of", "load", "hours"),
        tuple((str(week), f"{load:.0f}", f"{hours:.1f}") for week, (load, hours) in totals.items()),
    )  # fmt: skip


def power_curve(sport: str, rows: Sequence[Row]) -> Chart | None:
    """Best mean power by duration: last 90 days, season, all time."""
    traces = _curves(rows, "duration_seconds", lambda row, value: f"{clock(row['duration_seconds'])}: {value:.0f} W")
    if not traces:
        return None
    ticks = [t for t in _POWER_TICKS if t <= max(row["duration_seconds"] for row in rows)]
    figure = _figure(traces, y="W")
    figure["layout"]["xaxis"].update(type="log", tickvals=ticks, ticktext=[clock(t) for t in ticks])
    named = [row for row in rows if row["duration_seconds"] in (5, 60, 300, 1200) and row["last_90"]]
    said = ", ".join(f"{clock(row['duration_seconds'])} {row['last_90']:.0f} W" for row in named)
    return Chart(
        f"power-{sport}", f"Best power, {sport}",
        f"In the last 90 days: {said}." if said else "No effort in the last 90 days.", figure,
        ("duration", "last 90 days, W", "season, W", "all time, W"),
        tuple((clock(r["duration_seconds"]), *_cells(r, lambda value: f"{value:.0f}")) for r in rows),
    )  # fmt: skip


def pace_curve(sport: str, rows: Sequence[Row]) -> Chart | None:
    """Best pace by distance, the fast end up."""

    def speed(row: Row, value: float) -> float:
        return float(row["distance_meters"]) / value

    traces = _curves(
        rows, "distance_meters",
        lambda row, value: f"{distance(row['distance_meters'])}: {clock(value)} ({pace(speed(row, value), sport)})",
        lambda row, value: round(speed(row, value), 4),
    )  # fmt: skip
    if not traces:
        return None
    figure = _figure(traces, y="")
    at = [row["distance_meters"] for row in rows]
    marks = _pace_marks([value for trace in traces for value in trace["y"]], sport)
    figure["layout"]["xaxis"].update(type="log", tickvals=at[::2], ticktext=[distance(d) for d in at[::2]])
    figure["layout"]["yaxis"].update(tickvals=marks, ticktext=[pace(mark, sport) for mark in marks])
    named = [row for row in rows if row["distance_meters"] in (100, 400, 1000, 5000, 10000, 21097.5) and row["last_90"]]
    said = ", ".join(f"{distance(row['distance_meters'])} in {clock(row['last_90'])}" for row in named)
    return Chart(
        f"pace-{sport}", f"Best pace, {sport}",
        f"In the last 90 days: {said}." if said else "No effort in the last 90 days.", figure,
        ("distance", "last 90 days", "season", "all time"),
        tuple((distance(r["distance_meters"]), *_cells(r, clock)) for r in rows),
    )  # fmt: skip


def thresholds(rows: Sequence[Row]) -> list[Chart]:
    """One chart a critical model that ever had an answer: the value with its 90 % interval; a gap where refused."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if not row["model"].startswith("critical"):
            continue  # FTP and heart rate limits hardly move: the page has them in a table
        groups[row["sport"], row["model"]].append(row)
    return [
        _threshold(sport, model, mine)
        for (sport, model), mine in sorted(groups.items())
        if any(row["threshold"] is not None for row in mine)
    ]


def _threshold(sport: str, model: str, rows: Sequence[Row]) -> Chart:
    days = [str(row["as_of"]) for row in rows]
    unit = rows[0]["unit"]

    def said(value: float | None) -> str:
        return "-" if value is None else pace(value, sport) if unit == "m/s" else f"{value:.0f} {unit}"

    hover = [f"{said(r['threshold'])} ({said(r['threshold_low'])} to {said(r['threshold_high'])})" for r in rows]
    traces: list[Trace] = []
    for stretch in _answered(rows):
        x = [str(row["as_of"]) for row in stretch]
        traces.append(
            {
                "type": "scatter", "mode": "lines", "x": [*x, *x[::-1]], "fill": "toself", "fillcolor": "@band",
                "y": [*(r["threshold_high"] for r in stretch), *(r["threshold_low"] for r in reversed(stretch))],
                "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False,
            }
        )  # fmt: skip
    line = {"color": SPORT_COLOURS.get(sport, OTHER_COLOUR), "width": 2}
    traces.append(
        {
            "type": "scatter", "mode": "lines+markers", "x": days, "y": [row["threshold"] for row in rows],
            "line": line,
            "marker": {"size": 4}, "text": hover, "hovertemplate": "%{x}: %{text}<extra></extra>", "showlegend": False,
        }
    )  # fmt: skip
    last = rows[-1]
    now = said(last["threshold"]) if last["threshold"] is not None else f"no answer: {last['refusal']}"
    figure = _figure(traces, y="" if unit == "m/s" else unit)
    if unit == "m/s":
        known = [r[c] for r in rows for c in ("threshold", "threshold_low", "threshold_high") if r[c] is not None]
        marks = _pace_marks(known, sport)
        figure["layout"]["yaxis"].update(tickvals=marks, ticktext=[pace(mark, sport) for mark in marks])
    name = model.replace("_", " ").capitalize()
    title = name if sport in name else f"{name}, {sport}"
    return Chart(
        f"threshold-{sport}-{model}", title, f"As of {last['as_of']}: {now}.", figure,
        ("as of", "value", "90 % interval", "refusal"),
        tuple(
            (str(r["as_of"]), said(r["threshold"]), f"{said(r['threshold_low'])} to {said(r['threshold_high'])}"
             if r["threshold_low"] is not None else "-", r["refusal"] or "")
            for r in reversed(rows[-26:])
        ),
    )  # fmt: skip


def _answered(rows: Sequence[Row]) -> Iterable[list[Row]]:
    """Stretches of rows that have an interval."""
    stretch: list[Row] = []
    for row in rows:
        if row["threshold_low"] is not None and row["threshold_high"] is not None:
            stretch.append(row)
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def zones(rows: Sequence[Row]) -> list[Chart]:
    """Hours in each zone of the last weeks, one chart a sport and kind of zone."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["sport"], row["metric"].split("_zone_")[0]].append(row)
    charts = []
    for (sport, kind), mine in sorted(groups.items()):
        names = [row["metric"].split("_zone_")[-1].removesuffix("_seconds").replace("_", " ") for row in mine]
        hours = [round(row["seconds"] / 3600, 2) for row in mine]
        total = sum(hours) or 1.0
        trace = {
            "type": "bar", "orientation": "h", "x": hours, "y": [f"zone {name}" for name in names], "showlegend": False,
            "marker": {"color": SPORT_COLOURS.get(sport, OTHER_COLOUR)},
            "hovertemplate": "%{y}: %{x:.1f} h<extra></extra>",
        }  # fmt: skip
        figure = _figure([trace], y="")
        figure["layout"]["xaxis"]["title"] = {"text": "h"}
        figure["layout"]["yaxis"]["autorange"] = "reversed"
        most = max(range(len(hours)), key=hours.__getitem__)
        charts.append(
            Chart(
                f"zones-{sport}-{kind}", f"Time in {kind.replace('_', ' ')} zones, {sport}",
                f"Most of it, {100 * hours[most] / total:.0f} %, in zone {names[most]}.", figure, ("zone", "hours"),
                tuple((name, f"{value:.1f}") for name, value in zip(names, hours, strict=True)),
            )
        )  # fmt: skip
    return charts


def _curves(
    rows: Sequence[Row],
    across: str,
    words: Callable[[Row, float], str],
    height: Callable[[Row, float], float] = lambda row, value: round(value, 1),
) -> list[Trace]:
    traces = []
    for name, column, line in (
        ("all time", "all_time", {"color": "@muted", "width": 1.5, "dash": "dot"}),
        ("season", "season", {"color": "@2", "width": 1.5}),
        ("last 90 days", "last_90", {"color": "@1", "width": 2.5}),
    ):
        known = [row for row in rows if row[column] is not None]
        if known:
            traces.append(
                {
                    "type": "scatter", "mode": "lines+markers", "name": name, "line": line, "marker": {"size": 5},
                    "x": [row[across] for row in known], "y": [height(row, row[column]) for row in known],
                    "text": [words(row, row[column]) for row in known],
                    "hovertemplate": "%{text}<extra>" + name + "</extra>",
                }
            )  # fmt: skip
    return traces


def _pace_marks(speeds: Sequence[float], sport: str) -> list[float]:
    """Speeds (m/s) of round paces across the range: an axis is read in minutes and seconds."""
    per = 100 if sport == "swim" else 1000
    fast, slow = per / max(speeds), per / max(min(speeds), 0.1)
    step = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300) if (slow - fast) / s <= 6), 600)
    first = int(-(-fast // step))
    return [per / (step * number) for number in range(first, int(slow // step) + 1) if number > 0]


def _cells(row: Row, words: Callable[[float], str]) -> tuple[str, ...]:
    return tuple("-" if row[name] is None else words(row[name]) for name in ("last_90", "season", "all_time"))


def _figure(traces: Sequence[Trace], y: str, **layout: Any) -> dict[str, Any]:
    axis = {"gridcolor": "@grid", "zerolinecolor": "@grid", "linecolor": "@grid", "automargin": True}
    return {
        "data": list(traces),
        "layout": {
            "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": "@text", "size": 12},
            "margin": {"l": 48, "r": 12, "t": 28, "b": 32}, "hovermode": "closest",
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, "height": 320,
            "xaxis": dict(axis), "yaxis": {**axis, "title": {"text": y}}, **layout,
        },
    }  # fmt: skip


def _by_sport(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["sport"]].append(row)
    return sorted(groups.items())


def _list(chart: Chart | None) -> list[Chart]:
    return [chart] if chart else []
