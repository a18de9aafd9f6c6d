"""What an explanation says, kind by kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from perf_pipeline.physiology.metrics import REGISTRY
from perf_pipeline.physiology.relative_metrics import REGISTRY as RELATIVE
from perf_pipeline.pipeline.explaining import rows
from perf_pipeline.pipeline.explaining.rows import Row
from perf_pipeline.pipeline.words import clock, distance, pace

EFFORT_FORMULAS: Mapping[str, str] = {
    "power": "highest mean power over the duration: work summed over real time, interpolated at the edges",
    "speed": "highest mean speed over the duration: distance is interpolated at the window's edges",
    "pace": "shortest elapsed time over the distance, pauses included, interpolated at the window's edges",
}
THRESHOLD_FORMULAS: Mapping[str, tuple[str, str]] = {
    "critical_power": (
        "P = CP + W'/t, least squares on 1/t, sub-maximal efforts weighted down",
        "Monod and Scherrer 1965",
    ),
    "critical_speed": ("v = CS + D'/t, least squares on 1/t, sub-maximal efforts weighted down", "Hughson et al. 1984"),
    "critical_swim_speed": ("CSS = (d2 - d1) / (t2 - t1)", "Wakayoshi et al. 1992"),
    "ftp_20min": ("0.95 x the best 20 min", "Allen and Coggan 2006"),
    "lthr": ("a robust high percentile of 20-minute heart rates", "docs/science.md section 4"),
    "hr_max": ("a robust high percentile of the highest heart rates", "docs/science.md section 4"),
}
_CHANNELS: Mapping[str, frozenset[str]] = {
    "power": frozenset({"power_watts"}),
    "speed": frozenset({"distance_meters", "speed_mps", "latitude_degrees"}),
    "pace": frozenset({"distance_meters", "speed_mps", "latitude_degrees"}),
}


class UnknownIdError(LookupError):
    """No row of that kind has the id, or several have ids that begin so."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """`lines`: (what, said) pairs in the order to be read; `parts`: explanations of what it is made of."""

    title: str
    lines: tuple[tuple[str, str], ...]
    parts: tuple[Explanation, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def explain(connection: Connection, kind: str, start: str) -> Explanation:
    """Explains the activity, effort, record or threshold whose id begins with `start`. Raises `UnknownIdError`."""
    if re.fullmatch(r"[0-9a-fA-F-]{4,36}", start) is None:
        raise UnknownIdError(f"'{start}' is not the beginning of an id: give at least four of its characters")
    found = rows.ids(connection, kind, start)
    if not found:
        raise UnknownIdError(f"no {kind} has an id that begins with {start}")
    if len(found) > 1:
        raise UnknownIdError(f"several ids of the kind {kind} begin with {start}: give more of it")
    return _EXPLAINERS[kind](connection, found[0])


def latest(connection: Connection, kind: str, profile_id: UUID) -> list[tuple[str, str]]:
    """(id, what it is) of what may be asked about."""
    return [(str(row["id"]), row["what"]) for row in rows.latest_rows(connection, kind, profile_id)]


def _activity(connection: Connection, activity_id: UUID) -> Explanation:
    row = rows.activity(connection, activity_id)
    said = row["device_summary"]
    versions = rows.versions(connection, row["profile_id"], row["archive_month"])
    lines = [
        ("athlete", row["handle"]),
        ("started at", _moment(row["started_at"])),
        ("duration", f"{clock(row['duration_seconds'])} on the timer, {clock(row['moving_seconds'])} in motion"),
        ("distance", "-" if row["distance_meters"] is None else f"{row['distance_meters']} m"),
        ("device's own word", ", ".join(f"{name} {value:g}" for name, value in sorted(said.items())) or "none"),
        *_file_lines(row),
        ("reader", row["reader"]),
        ("warnings of the reader", "; ".join(row["warnings"]) or "none"),
        ("cleaning", "; ".join(_decision(a) for a in row["anomalies"]) or "nothing found"),
        *_code_lines(versions, ("activity_streams", "activities", "activity_efforts", "activity_metrics")),
    ]
    if row["superseded_by"]:
        lines.insert(1, ("duplicate of", f"{row['superseded_by']}: {row['superseded_reason'] or ''}"))
    parts = tuple(_metric(metric) for metric in rows.metrics(connection, activity_id))
    return Explanation(f"{row['type']}: {row['name']} ({activity_id})", tuple(lines), parts)


def _metric(row: Row) -> Explanation:
    known = REGISTRY.get(row["metric"]) or RELATIVE.get(row["metric"])
    unit = "" if row["unit"] == "1" else f" {row['unit']}"
    lines = [("value", f"{row['value']:.6g}{unit}")]
    if known is not None:
        lines += [("definition", known.definition), ("source", known.source)]
    return Explanation(row["metric"], tuple(lines))


def _effort(connection: Connection, effort_id: UUID) -> Explanation:
    row = rows.effort(connection, effort_id)
    of = rows.activity(connection, row["activity_id"])
    sport, kind = of["type"], row["effort_type"]
    if row["distance_meters"] is not None:
        meters, seconds = float(row["distance_meters"]), float(row["elapsed_seconds"])
        title = f"{sport}: {distance(meters)} in {clock(seconds)}"
        value = f"{seconds:.3f} s, {pace(meters / seconds, sport)}"
    else:
        seconds = float(row["duration_seconds"])
        unit = "W" if kind == "power" else "m/s"
        title = f"{sport}: {clock(seconds)} at {float(row['value']):.1f} {unit}"
        value = f"{float(row['value']):.4f} {row['unit']}"
    first = float(row["evidence"].get("start_seconds", row["start_offset"]))
    touched = [a for a in of["anomalies"] if _touches(a, kind, first, first + seconds)]
    versions = rows.versions(connection, row["profile_id"], of["archive_month"])
    lines = (
        ("value", value),
        ("formula", EFFORT_FORMULAS[kind]),
        ("source", "docs/science.md section 1"),
        ("activity", f"{row['activity_id']}, session {of['session_index']} of its file"),
        ("seconds of the stream", f"{first:.1f} to {first + seconds:.1f}, from {_moment(row['recorded_at'])}"),
        ("grade", row["grade"]),
        ("evidence", ", ".join(f"{name}: {said}" for name, said in sorted(row["evidence"].items())) or "none"),
        ("cleaning in the window", "; ".join(_decision(a) for a in touched) or "nothing found"),
        *_file_lines(of),
        *_code_lines(versions, ("activity_streams", "activity_efforts")),
    )
    return Explanation(f"{title} ({effort_id})", lines)


def _record(connection: Connection, notification_id: UUID) -> Explanation:
    row = rows.notification(connection, notification_id)
    parts = []
    for record in row["data"].get("records", ()):
        found = rows.effort_of(
            connection, row["data"]["activity_id"], record["effort_type"], record["duration_seconds"],
            record["distance_meters"],
        )  # fmt: skip
        if found is not None:
            effort = _effort(connection, found)
            beaten = (
                f"{record['previous_value']:g} {rows.effort(connection, found)['unit']} of {record['previous_day']} "
                f"(activity {record['previous_activity_id']}) by "
                f"{record['gain_percent']:.2f} % ({record['scope'].replace('_', ' ')})"
            )
            parts.append(Explanation(effort.title, (("beats", beaten), *effort.lines)))
    lines = (
        ("athlete", row["handle"]),
        ("message", row["message"]),
        ("happened at", _moment(row["occurred_at"])),
        ("activity", row["data"].get("activity_id", "-")),
        ("rule", "a gain over the bests before it in time that is more than noise; docs/science.md section 8"),
    )
    return Explanation(f"{row['title']} ({notification_id})", lines, tuple(parts))


def _threshold(connection: Connection, threshold_id: UUID) -> Explanation:
    row = rows.threshold(connection, threshold_id)
    formula, source = THRESHOLD_FORMULAS.get(row["model"], ("see docs/science.md", "docs/science.md section 4"))
    details = row["details"]

    def said(value: float | None) -> str:
        return (
            "-"
            if value is None
            else pace(value, row["sport"])
            if row["unit"] == "m/s"
            else f"{value:.1f} {row['unit']}"
        )

    answer = said(row["threshold"]) if row["threshold"] is not None else f"refused: {row['refusal']}"
    lines = [
        ("athlete", row["handle"]),
        ("value", answer),
        ("90 % interval", f"{said(row['threshold_low'])} to {said(row['threshold_high'])}"),
        ("formula", formula),
        ("source", source),
        ("said", f"{_moment(row['computed_at'])}, answer {row['version'] + 1} of {rows.times_said(connection, row)}"),
        ("inputs and code", row["input_hash"]),
    ]
    if row["capacity"] is not None:
        lines.insert(
            3, ("capacity", f"{row['capacity']:.1f} ({row['capacity_low']:.1f} to {row['capacity_high']:.1f})")
        )
    if upcoming := details.get("next_effort"):
        lines.append(("most would be learnt from", f"a maximal effort of {clock(upcoming['seconds'])}"))
    for name, form in details.get("forms", {}).items():
        lines.append((f"by the {name.replace('_', ' ')} form", f"{form['limit']:.4f}, {form['capacity']:.2f}"))
    carriers = [*details.get("efforts", ()), *details.get("evidence", ())]
    parts = tuple(_carrier(connection, effort) for effort in carriers if effort.get("activity_id"))
    title = f"{row['sport']}: {row['model'].replace('_', ' ')} as of {row['as_of']} ({threshold_id})"
    return Explanation(title, tuple(lines), parts)


def _carrier(connection: Connection, effort: Row) -> Explanation:
    """One of the efforts that carry a fit."""
    of = rows.activity(connection, UUID(effort["activity_id"]))
    if effort.get("bpm"):
        return Explanation(f"{effort['bpm']:g} bpm", (("day", str(effort["day"])), *_file_lines(of)))
    seconds = float(effort.get("duration_seconds") or effort["seconds"])
    if effort.get("distance_meters"):
        what = f"{distance(effort['distance_meters'])} in {clock(seconds)}"
    else:
        what = f"{clock(seconds)} at {effort['power_watts']:.1f} W"
    first = float(effort.get("start_offset") or 0.0)
    lines = [("day", str(effort["day"]))]
    if effort.get("weight") is not None:
        lines.append(("weight in the fit", f"{effort['weight']:.2f}"))
    if effort.get("change") is not None:
        lines.append(("without it", f"the threshold would change by {effort['change']:+.2f}, and does when it leaves"))
    if effort.get("leaves_on"):
        lines.append(("leaves the 90 days on", str(effort["leaves_on"])))
    lines += [("seconds of the stream", f"{first:.0f} to {first + seconds:.0f}"), *_file_lines(of)]
    return Explanation(what, tuple(lines))


def _file_lines(row: Row) -> Sequence[tuple[str, str]]:
    return (
        ("file", f"{row['archive_path']} ({row['format']}, {row['bytes']} bytes)"),
        ("sha256", row["sha256"]),
        ("received as", ", ".join(row["names"] or ()) or "-"),
    )


def _code_lines(versions: Mapping[str, Row], stages: Sequence[str]) -> Sequence[tuple[str, str]]:
    return [
        (f"code of {stage}", f"{versions[stage]['code_version']}, computed {_moment(versions[stage]['computed_at'])}")
        for stage in stages
        if stage in versions
    ]


def _touches(anomaly: Row, kind: str, first: float, last: float) -> bool:
    channel = anomaly["channel"]
    about = channel in _CHANNELS[kind] or channel in {"time", "timestamp", "time_ms"}
    return about and anomaly["first_second"] <= last and anomaly["last_second"] >= first


def _decision(anomaly: Row) -> str:
    where = f"{anomaly['first_second']:g} to {anomaly['last_second']:g} s"
    return f"{anomaly['kind'].replace('_', ' ')} in {anomaly['channel']}, {where}: {anomaly['decision']}"


def _moment(at: datetime) -> str:
    return (at - timedelta(microseconds=at.microsecond)).isoformat()


_EXPLAINERS: Mapping[str, Callable[[Connection, UUID], Explanation]] = {
    "activity": _activity,
    "effort": _effort,
    "record": _record,
    "threshold": _threshold,
}
