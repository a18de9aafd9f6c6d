"""A file whose reading kills or hangs the worker costs that one file, which is set aside with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.compute import ProcessExecutor
from perf_pipeline.pipeline.month_tasks import months_behind
from perf_pipeline_tests import making
from perf_pipeline_tests.formats import fit_bytes
from perf_pipeline_tests.pipeline.conftest import Athlete
from perf_pipeline_tests.pipeline.deadly import MarkedExecutor, sha, warm

RIDES = {f"ride-{day}.fit": making.fit(making.ride(f"2026-05-0{day}T10:00", 2)) for day in range(1, 7)}
BAD, WORSE = RIDES["ride-2.fit"], RIDES["ride-5.fit"]
WELLNESS = b"date,metric,value\n2026-05-03,weight_kg,70\n"
DIED, STOPPED = "the reader's process died", "the reader was stopped after 2 s"


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessExecutor]:
    """Two workers that are awake: their first start costs seconds, which no file has to answer for."""
    executor = ProcessExecutor(2)
    list(executor.run(warm, range(4), timeout_seconds=120))
    yield executor
    executor.close()


def verdicts(athlete: Athlete) -> dict[str, tuple[str, str | None]]:
    """Status and reason by name, as the files stand now."""
    files = {row["id"]: (row["status"], row["reason"]) for row in athlete.rows("source_files")}
    return {row["name"]: files[row["source_file_id"]] for row in athlete.rows("arrivals")}


def note(athlete: Athlete, reason: str) -> dict[str, str]:
    """The one note in quarantine with that reason."""
    notes = [json.loads(data) for key, data in athlete.contents("quarantine").items() if key.endswith(".json")]
    (found,) = [told for told in notes if told["reason"] == reason]
    return found


def deadly(athlete: Athlete, processes: ProcessExecutor, **fates: bytes) -> None:
    """From now on reading these bytes ends a worker."""
    athlete.executor = MarkedExecutor(processes, {sha(data): fate for fate, data in fates.items()})


def take_in(athlete: Athlete, files: dict[str, bytes] = RIDES) -> None:
    for name, data in files.items():
        athlete.drop(name, data)
    athlete.take_in(file_timeout_seconds=2)


@pytest.mark.parametrize("fate", ["kill", "crash", "leave"])
def test_a_file_that_ends_its_worker_at_intake_is_set_aside_and_all_others_are_taken_in(
    athlete: Athlete, processes: ProcessExecutor, fate: str
) -> None:
    deadly(athlete, processes, **{fate: BAD})
    take_in(athlete)
    assert verdicts(athlete) == {**dict.fromkeys(RIDES, ("archived", None)), "ride-2.fit": ("quarantined", DIED)}
    assert athlete.keys("inbox") == []
    told = note(athlete, DIED)
    assert (told["name"], athlete.store.get(told["object"])) == ("ride-2.fit", BAD)


def test_a_file_that_hangs_at_intake_beside_one_that_kills_costs_these_two(
    athlete: Athlete, processes: ProcessExecutor
) -> None:
    deadly(athlete, processes, hang=BAD, kill=WORSE)
    take_in(athlete)
    others = dict.fromkeys(RIDES, ("archived", None))
    assert verdicts(athlete) == {
        **others, "ride-2.fit": ("quarantined", STOPPED), "ride-5.fit": ("quarantined", DIED),
    }  # fmt: skip
    assert athlete.store.get(note(athlete, STOPPED)["object"]) == BAD
    assert athlete.keys("inbox") == []


def test_a_container_with_a_deadly_member_is_set_aside_whole(athlete: Athlete, processes: ProcessExecutor) -> None:
    packed = making.zipped({"1.fit": RIDES["ride-1.fit"], "2.fit": BAD})
    deadly(athlete, processes, kill=BAD)
    take_in(athlete, {"export.zip": packed, "ride-3.fit": RIDES["ride-3.fit"]})
    assert verdicts(athlete) == {"export.zip": ("quarantined", DIED), "ride-3.fit": ("archived", None)}
    assert athlete.store.get(note(athlete, DIED)["object"]) == packed


def test_what_died_once_is_taken_in_when_it_comes_again_to_a_mended_reader(
    athlete: Athlete, processes: ProcessExecutor
) -> None:
    deadly(athlete, processes, kill=BAD)
    take_in(athlete)
    athlete.executor = processes
    athlete.drop("again.fit", BAD)
    athlete.take_in()
    assert verdicts(athlete)["again.fit"] == ("archived", None)


@pytest.mark.parametrize(("fate", "reason"), [("kill", DIED), ("hang", STOPPED)])
def test_a_file_that_ends_its_worker_in_its_month_is_set_aside_and_the_month_is_made_of_the_others(
    athlete: Athlete, processes: ProcessExecutor, fate: str, reason: str
) -> None:
    june = making.fit(making.ride("2026-06-01", 2))
    take_in(athlete, {**RIDES, "june.fit": june, "weight.csv": WELLNESS})
    archived = {row["sha256"]: row["archive_path"] for row in athlete.rows("source_files")}
    deadly(athlete, processes, **{fate: BAD})
    report = athlete.months(file_timeout_seconds=2)
    assert sorted(report.computed) == ["2026-05", "2026-06"]
    fine = dict.fromkeys([*RIDES, "june.fit", "weight.csv"], ("archived", None))
    assert verdicts(athlete) == {**fine, "ride-2.fit": ("quarantined", reason)}
    assert {row["fit_file_path"] for row in athlete.rows("activities")} == {
        archived[sha(data)] for data in [*RIDES.values(), june] if data != BAD
    }
    assert [row["metric_type"] for row in athlete.rows("profile_metrics")] == ["weight_kg"]
    assert note(athlete, reason)["object"] == layout.quarantine("ann", sha(BAD), "json")
    assert athlete.store.get(archived[sha(BAD)]) == BAD
    assert months_behind(athlete.warehouse, athlete.profile_id, athlete.store, "ann") == []


def test_a_deadly_file_is_read_again_with_its_month_and_let_in_when_it_no_longer_kills(
    athlete: Athlete, processes: ProcessExecutor
) -> None:
    take_in(athlete)
    deadly(athlete, processes, kill=BAD)
    athlete.months()
    athlete.executor = processes
    athlete.months(full_refresh=True)
    assert verdicts(athlete)["ride-2.fit"] == ("archived", None)
    assert len(athlete.rows("activities")) == len(RIDES)
    assert athlete.keys("quarantine") == []


def test_deadly_files_of_several_months_and_kinds_are_each_found(athlete: Athlete, processes: ProcessExecutor) -> None:
    june = {"a.fit": making.fit(making.ride("2026-06-01", 2)), "b.fit": making.fit(making.ride("2026-06-02", 2))}
    take_in(athlete, {**RIDES, **june, "weight.csv": WELLNESS})
    deadly(athlete, processes, kill=BAD, crash=june["a.fit"], leave=WELLNESS)
    athlete.months()
    lost = {name for name, (status, _) in verdicts(athlete).items() if status == "quarantined"}
    assert lost == {"ride-2.fit", "a.fit", "weight.csv"}
    assert len(athlete.rows("activities")) == len(RIDES)


def test_a_clock_that_tells_of_a_century_does_not_cost_the_month(athlete: Athlete) -> None:
    made = fit_bytes.activity().define(1, 20, [(253, fit_bytes.UINT32), (7, fit_bytes.UINT16)])
    for second in (0, 3_278_190_080, 2, 3):
        made.add(1, fit_bytes.T0 + second, 200)
    data = made.file()
    take_in(athlete, {"mad.fit": data, "good.fit": making.fit(making.ride("2021-09-08T02:00", 2))})
    athlete.months()
    assert verdicts(athlete) == {"mad.fit": ("archived", None), "good.fit": ("archived", None)}
    assert max(row["elapsed_seconds"] for row in athlete.rows("activities")) == 2**31 - 1
    assert max(row["duration_seconds"] for row in athlete.rows("activities")) < 3600
    assert len(athlete.rows("activities")) == 2
