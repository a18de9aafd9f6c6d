"""Real files: nothing is raised, and the numbers agree with the devices' own."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from perf_pipeline.formats.model import FormatError, Session
from perf_pipeline.physiology.activity import summarise
from perf_pipeline.physiology.bounds import power_ceiling_watts, speed_ceiling_mps
from perf_pipeline.physiology.cleaning import clean
from perf_pipeline.physiology.efforts import best_efforts
from perf_pipeline.physiology.metrics import compute_metrics
from perf_pipeline.physiology.timeline import timeline_of

pytestmark = pytest.mark.corpus

EVERY = 9


@pytest.fixture(scope="module")
def real_sessions(corpus_dir: Path) -> list[Session]:
    """Every ninth valid FIT activity of the manifest, read by our own reader."""
    reader = pytest.importorskip("perf_pipeline.formats.fit", reason="the FIT reader is not there")
    with (corpus_dir / "MANIFEST.csv").open(newline="") as manifest:
        rows = [
            r
            for r in csv.DictReader(manifest)
            if r["format"] == "fit" and r["validity"] == "valid" and not r["container"]
        ]
    sessions: list[Session] = []
    for row in [r for r in rows if r["file_type"] == "activity"][::EVERY]:
        try:
            sessions += reader.read_fit((corpus_dir / row["file"]).read_bytes()).sessions
        except FormatError:
            continue
    return sessions


def agreement(session: Session) -> dict[str, bool]:
    """Whether each of our numbers is the device's, for those that it gives."""
    streams = clean(session)
    summary = summarise(session, streams)
    metrics = {m.name: m.value for m in compute_metrics(streams, session)}
    power = timeline_of(streams, "power_watts")
    turning = power.per_second()[power.per_second() > 0].mean() if power is not None and power.mean() else None
    ours = {
        "duration_seconds": ((summary.duration_seconds,), 0.0, 1.0),
        "distance_meters": ((summary.distance_meters,), 0.005, 0.0),
        # Some devices leave zeros out of their mean power.
        "mean_power_watts": ((metrics.get("mean_power_watts"), turning), 0.01, 0.5),
        "mean_heart_rate_bpm": ((metrics.get("mean_heart_rate_bpm"),), 0.01, 0.5),
    }
    said = session.summary
    return {
        name: any(abs(value - said[name]) <= share * said[name] + least for value in values if value is not None)
        for name, (values, share, least) in ours.items()
        if said.get(name) and values[0] is not None and len(streams) > 60
    }


def test_the_numbers_agree_with_the_devices_own(real_sessions):
    inside: dict[str, list[bool]] = {}
    for session in real_sessions:
        for name, agrees in agreement(session).items():
            inside.setdefault(name, []).append(agrees)
    shares = {name: sum(hits) / len(hits) for name, hits in inside.items()}
    assert set(shares) == {"duration_seconds", "distance_meters", "mean_power_watts", "mean_heart_rate_bpm"}
    # Every ninth file holds seven with power: one of them may differ.
    assert min(share for name, share in shares.items() if "power" not in name) >= 0.95, shares
    assert shares["mean_power_watts"] >= 0.8, shares


def test_no_confirmed_effort_is_beyond_a_human(real_sessions):
    for session in real_sessions:
        streams = clean(session)
        for effort in best_efforts(streams, session):
            if effort.grade == "rejected":
                continue
            if effort.effort_type == "power":
                assert effort.value <= power_ceiling_watts(effort.duration_seconds)
                assert effort.value <= np.nanmax(streams.get("power_watts")) * (1 + 1e-9)
            elif effort.distance_meters is not None:
                elapsed = effort.evidence["elapsed_seconds"]
                assert (
                    effort.distance_meters / elapsed <= speed_ceiling_mps(session.sport, effort.distance_meters) * 1.001
                )


def test_the_curves_of_real_files_are_coherent(real_sessions):
    for session in real_sessions:
        efforts = [e for e in best_efforts(clean(session), session) if e.grade != "rejected"]
        energy = [e.value * e.duration_seconds for e in efforts if e.effort_type == "power"]
        times = [e.evidence["elapsed_seconds"] for e in efforts if e.effort_type == "pace"]
        assert energy == sorted(energy)
        assert times == sorted(times)
