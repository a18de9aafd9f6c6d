"""Real files: nothing is raised, numbers agree with the devices' own or differ for a reason that the data show."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from perf_pipeline.formats import reading
from perf_pipeline.formats.model import FileKind, FormatError, Session
from perf_pipeline.physiology.activity import ActivitySummary, summarise
from perf_pipeline.physiology.bounds import bounds_of, power_ceiling_watts, speed_ceiling_mps
from perf_pipeline.physiology.cleaning import CleanStreams, clean
from perf_pipeline.physiology.device_word import MEASURES, UNEXPLAINED, ZEROS_LEFT_OUT, Comparison, compare
from perf_pipeline.physiology.efforts import Effort, best_efforts
from perf_pipeline.physiology.grade import elevation_gain_meters
from perf_pipeline.physiology.headlines import headlines
from perf_pipeline.physiology.metrics import compute_metrics
from perf_pipeline.physiology.power import rolling_fourth_power_mean
from perf_pipeline.physiology.records import ALL_TIME, Record, RecordedEffort, find_records, tells_of_the_athlete
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.sport_inference import infer_sport
from perf_pipeline.physiology.timeline import Timeline, Timelines, timeline_of
from perf_pipeline.storage.streams import quantise

pytestmark = pytest.mark.corpus


@dataclass(frozen=True)
class Real:
    """One session of a real file with what we make of it."""

    name: str
    session: Session
    clean: CleanStreams
    summary: ActivitySummary
    efforts: tuple[Effort, ...]
    compared: tuple[Comparison, ...]


@pytest.fixture(scope="module")
def real(corpus_dir: Path) -> list[Real]:
    """Every session of every activity that our readers read."""
    found = []
    for path in sorted(p for p in corpus_dir.rglob("*") if p.suffix.lower() in (".fit", ".gpx", ".tcx")):
        try:
            file = reading.read(path.read_bytes())
        except FormatError:
            continue
        found += [_real(path.name, quantise(s)) for s in file.sessions if file.kind == FileKind.ACTIVITY]
    assert len(found) > 1000
    return found


def _real(name: str, session: Session) -> Real:
    streams = clean(session)
    lines = Timelines(streams)
    efforts = best_efforts(streams, session, lines)
    return Real(name, session, streams, summarise(session, streams), efforts, compare(session, streams, lines))


def shares_inside(real: list[Real]) -> dict[str, float]:
    inside: dict[str, list[bool]] = defaultdict(list)
    for one in (comparison for r in real for comparison in r.compared):
        inside[one.measure].append(one.inside)
    return {measure: float(np.mean(hits)) for measure, hits in inside.items()}


def test_every_difference_from_a_devices_word_has_its_reason_in_the_data(real: list[Real]) -> None:
    unexplained = [(r.name, one) for r in real for one in r.compared if one.kind == UNEXPLAINED]
    assert unexplained == []
    counts = Counter(one.measure for r in real for one in r.compared)
    assert {measure: counts[measure] > 70 for measure in MEASURES} == dict.fromkeys(MEASURES, True)


def test_the_records_alone_give_the_devices_numbers(real: list[Real]) -> None:
    """What lies outside is mostly the device's doing: stamps of whole seconds, jumps counted, zeros left out."""
    shares = shares_inside(real)
    assert shares["mean_heart_rate_bpm"] >= 0.97
    assert shares["distance_meters"] >= 0.89
    assert shares["normalized_power_watts"] >= 0.86
    assert shares["mean_power_watts"] >= 0.78
    assert shares["duration_seconds"] >= 0.76
    kinds = {(one.measure, one.kind) for r in real for one in r.compared}
    doings = {
        "duration_seconds": (
            0.96, {"stamps of whole seconds", "laps cut to whole seconds", "records end before the timer"},
        ),
        "distance_meters": (0.98, {"jumps that the device counted", "covered between records"}),
        "mean_power_watts": (0.88, {"the device leaves zeros out"}),
        "normalized_power_watts": (0.96, {"the device leaves zeros out", "an activity of under 10 min"}),
    }  # fmt: skip
    for measure, (share, told) in doings.items():
        assert {(measure, kind) for kind in told} <= kinds
        compared = [one for r in real for one in r.compared if one.measure == measure]
        assert np.mean([one.inside or one.kind in told for one in compared]) >= share, measure


@pytest.mark.parametrize("measure", ["mean_power_watts", "normalized_power_watts"])
def test_with_zeros_counted_as_the_device_counts_them_power_is_the_devices(real: list[Real], measure: str) -> None:
    """Of sessions of 10 min or more: in less, how the first and last seconds are counted is a percent and more."""
    of = [one for r in real for one in r.compared if one.measure == measure and r.clean.seconds[-1] >= 600]
    assert len(of) > 60
    assert np.mean([one.inside or one.kind == ZEROS_LEFT_OUT for one in of]) >= 0.95


def test_what_is_stored_is_the_devices_word_wherever_the_records_bear_it_out(real: list[Real]) -> None:
    for field, tolerance, share in (("duration_seconds", 1.0, 0.0), ("distance_meters", 0.5, 0.005)):
        pairs = [(getattr(r.summary, field), r.session.summary.get(field)) for r in real]
        known = [(ours, said) for ours, said in pairs if ours is not None and said]
        assert np.mean([abs(ours - said) <= tolerance + share * said for ours, said in known]) >= 0.95, field


@pytest.mark.parametrize(
    ("field", "factor"), [("distance_meters", 1.1), ("distance_meters", 0.5), ("duration_seconds", 3)]
)
def test_a_devices_word_that_the_records_contradict_is_not_taken(real: list[Real], field: str, factor: float) -> None:
    """So the agreement above is no copy: a word made wrong leaves what is stored where the records put it."""
    for r in real[::5]:
        said = r.session.summary.get(field)
        if not said or len(r.clean) < 60 or r.session.lengths or getattr(r.summary, field) is None:
            continue
        wrong = replace(r.session, summary={**r.session.summary, field: factor * said})
        none = replace(r.session, summary={k: v for k, v in r.session.summary.items() if k != field})
        unseen = r.session.end_ms - r.clean.start_ms - 1000 * r.clean.seconds[-1]
        if unseen > 10_000 and factor > 1:
            continue  # of what no record covers the device is believed
        assert getattr(summarise(wrong, clean(wrong)), field) == getattr(summarise(none, clean(none)), field), r.name


def test_the_sport_that_is_inferred_is_the_one_that_the_file_hides(real: list[Real]) -> None:
    found: Counter[tuple[str, str]] = Counter()
    for r in real:
        if r.session.sport != "other":
            answer = infer_sport(clean(replace(r.session, sport="other")))
            found[r.session.sport, "refused" if isinstance(answer, Refusal) else answer.sport] += 1
    told = {key: n for key, n in found.items() if key[1] != "refused"}
    right = sum(n for (truth, answer), n in told.items() if truth == answer)
    assert sum(told.values()) >= 700
    assert right / sum(told.values()) >= 0.97
    for sport in ("run", "bike", "swim"):
        said = sum(n for (_, answer), n in told.items() if answer == sport)
        assert found[sport, sport] / said >= 0.95, sport
    # What leaves no mark of its own is refused.
    assert not [key for key in told if key[0] in ("climb", "row", "racket", "strength", "paddle", "transition")]


def test_no_effort_is_above_its_samples_or_a_human(real: list[Real]) -> None:
    for r in real:
        for effort in r.efforts:
            if effort.grade == "rejected":
                assert effort.evidence["reasons"], r.name
            elif effort.effort_type == "power":
                assert effort.value <= power_ceiling_watts(effort.duration_seconds), r.name
                assert effort.value <= np.nanmax(r.clean.get("power_watts")) * (1 + 1e-9), r.name
            elif effort.distance_meters is not None:
                mps = effort.distance_meters / effort.evidence["elapsed_seconds"]
                assert mps <= speed_ceiling_mps(r.clean.sport, effort.distance_meters) * 1.001, r.name
            if effort.grade == "candidate":
                assert effort.evidence["reasons"], r.name


def test_best_energy_never_falls_with_duration_and_no_two_halves_are_less_than_the_whole(real: list[Real]) -> None:
    compared = 0
    for r in real:
        for kind in ("power", "speed"):
            best = {e.duration_seconds: e.value * e.duration_seconds for e in r.efforts if e.effort_type == kind}
            kept = [e.value * e.duration_seconds for e in r.efforts if e.effort_type == kind and e.grade != "rejected"]
            assert all(longer >= shorter * (1 - 1e-9) for shorter, longer in pairwise(kept)), r.name
            for a, b in ((a, b) for a in best for b in best if a <= b and a + b in best):
                compared += 1
                assert best[a + b] <= (best[a] + best[b]) * (1 + 1e-9), (r.name, kind, a, b)
    assert compared > 10_000


def test_best_time_never_falls_with_distance_and_no_two_parts_are_more_than_the_whole(real: list[Real]) -> None:
    compared = 0
    for r in real:
        best = {e.distance_meters: e.evidence["elapsed_seconds"] for e in r.efforts if e.effort_type == "pace"}
        assert all(longer >= shorter for shorter, longer in pairwise(best.values())), r.name
        for a, b in ((a, b) for a in best for b in best if a <= b and a + b in best):
            compared += 1
            assert best[a + b] >= best[a] + best[b] - 0.002, (r.name, a, b)  # stored to the millisecond
    assert compared > 1000


def records_of(athlete: str, real: list[Real], corpus_dir: Path) -> tuple[Record, ...]:
    """All records of one athlete's files, as the pipeline would tell them."""
    with (corpus_dir / "MANIFEST.csv").open() as table:
        mine = {Path(row["file"]).name for row in csv.DictReader(table) if row["athlete"] == athlete}
    history = []
    for one in (r for r in real if r.name in mine):
        start = one.clean.start_ms / 1000
        history += [
            RecordedEffort(
                f"{one.name} {one.session.index}", one.clean.sport, e.effort_type, e.duration_seconds, e.value,
                start + e.start_offset, e.distance_meters, e.grade, datetime.fromtimestamp(start, UTC).year,
                float(e.start_offset), tuple(e.evidence.get("reasons", ())),  # type: ignore[arg-type]
            )
            for e in one.efforts
            if tells_of_the_athlete(one.clean.sport, e.effort_type, e.duration_seconds)
        ]  # fmt: skip
    return find_records(history)


@pytest.mark.parametrize(("athlete", "activities"), [("runner-a", (40, 110)), ("cyclist-b", (10, 30))])
def test_the_story_of_a_real_athlete_holds_no_absurd_record(athlete, activities, real, corpus_dir):
    records = records_of(athlete, real, corpus_dir)
    by_activity = defaultdict(list)
    for record in records:
        by_activity[record.effort.activity_id].append(record)
    assert activities[0] <= len(by_activity) <= activities[1]
    assert max(len(headlines(found)) for found in by_activity.values()) <= 8
    for record in (r for r in records if r.scope == ALL_TIME):
        # Who has done a thing twenty times does not get a quarter better at once; the first few times one does.
        most = 0.25 if record.beaten[0].earlier >= 20 else 0.5 if record.beaten[0].earlier >= 2 else 0.85
        assert record.gain <= most, record
        if record.effort.grade == "candidate":
            assert record.gain <= 0.10, record


def graded_over_plain(real: list[Real], metric: str, mean: Callable[[Timeline], float | None]) -> list[float]:
    """Graded speed over the same mean of plain speed, of runs that neither climb nor fall by 5 m a km."""
    shares = []
    for one in real:
        metres, altitude = one.clean.get("distance_meters"), one.clean.get("altitude_meters")
        line = one.clean.sport == "run" and timeline_of(one.clean, "speed_mps")
        if not line or metres is None or altitude is None or np.nanmax(metres) < 1000:
            continue
        km, height = np.nanmax(metres) / 1000, altitude[np.isfinite(altitude)]
        climb = elevation_gain_meters(one.clean)
        plain = mean(line)
        graded = {m.name: m.value for m in compute_metrics(one.clean, one.session, one.summary)}.get(metric)
        if graded and plain and climb is not None and max(climb, abs(height[-1] - height[0])) < 5 * km:
            shares.append(graded / plain)
    return shares


def moving_mean(line: Timeline) -> float | None:
    moving = line.values > bounds_of("run").moving_speed_mps
    return float(np.average(line.values[moving], weights=line.widths[moving])) if moving.any() else None


@pytest.mark.parametrize(
    ("metric", "mean"),
    [
        ("grade_adjusted_speed_mps", moving_mean),
        ("normalized_graded_speed_mps", lambda line: rolling_fourth_power_mean(line.per_second())),
    ],
)
def test_flat_runs_are_as_fast_on_the_flat_as_they_were(metric, mean, real):
    shares = graded_over_plain(real, metric, mean)
    assert len(shares) > 150
    assert 0.99 <= np.median(shares) <= 1.01
    assert np.percentile(shares, 5) >= 0.97  # 5 m a km downhill are worth 2.7 %
    assert np.percentile(shares, 95) <= 1.015


def test_road_marathons_are_no_faster_than_their_pace(real):
    """Of those that climb up to 20 m a km by altitudes that wander by 60 to 160 m, one was 23 % too fast."""
    shares = {}
    for one in real:
        climb, km = one.summary.elevation_gain_meters, (one.summary.distance_meters or 0.0) / 1000
        line = one.clean.sport == "run" and timeline_of(one.clean, "speed_mps")
        if not line or climb is None or not 41.5 < km < 44 or climb > 20 * km:
            continue
        told = {m.name: m.value for m in compute_metrics(one.clean, one.session, one.summary)}
        shares[one.name] = told["normalized_graded_speed_mps"] / (
            rolling_fourth_power_mean(line.per_second()) or np.nan
        )
    assert len(shares) >= 8
    assert max(shares.values()) <= 1.08, shares
    assert np.median(list(shares.values())) <= 1.03


def test_nobody_sprints_at_twice_the_pace_of_their_own_best_5_km(real, corpus_dir):
    best: dict[float, float] = {}
    for record in records_of("runner-a", real, corpus_dir):
        e = record.effort
        if e.sport == "run" and e.distance_meters is not None:
            best[e.distance_meters] = min(e.value, best.get(e.distance_meters, e.value))
    # The world's best 400 m is 1.4 times as fast as the world's best 5 km; who trains for marathons sprints less well.
    assert best[5000.0] > 12.6 * 60 / 5
    assert best[5000.0] / best[400.0] < 1.9
    assert best[5000.0] / best[1000.0] < 1.4
