"""Dagster's UI in a real browser: an athlete's partition is chosen and launched by clicks, and succeeds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perf_pipeline.pipeline.sql_models.project import models_folder
from perf_pipeline_tests.integration.browser import PROGRAM, Page, browsing
from perf_pipeline_tests.integration.test_serving import serving, wait_for

BACKFILLED_WITHIN = 90.0
DOCS = models_folder().parent / "docs"


@pytest.mark.e2e
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed: nobody to click")
def test_a_backfill_of_one_athlete_is_started_by_clicks_and_succeeds(
    fresh_terminal, processes, rides, tmp_path: Path
) -> None:
    terminal = fresh_terminal
    for athlete, ride in (("ann", rides[0]), ("ben", rides[1])):
        file = tmp_path / f"{athlete}.fit"
        file.write_bytes(ride)
        terminal.ok("ingest", file, "--athlete", athlete)
    with serving(terminal, processes) as (_, ask):
        query = "{runsOrError {... on Runs {results {status tags {key value}}}}}"

        def statuses(athlete: str) -> list[str]:
            found = []
            for run in ask(query)["runsOrError"]["results"]:
                tags = {tag["key"]: tag["value"] for tag in run["tags"]}
                if tags.get("dagster/partition") == athlete:
                    found.append(run["status"])
            return found

        assert (statuses("ann"), statuses("ben")) == (["SUCCESS"], ["SUCCESS"])
        with browsing(tmp_path / "profile") as page:
            choose(page, url_of(terminal), "ann")
            page.click("Launch 1 run")
            page.shows("Launched run")
            wait_for(lambda: statuses("ann") == ["SUCCESS"] * 2, BACKFILLED_WITHIN, "the athlete's run")
            page.open(f"{url_of(terminal)}/assets/athlete_report?view=partitions&partition=ann")
            page.shows("Latest materialization")
            page.shows("report.html")
        assert statuses("ben") == ["SUCCESS"]


def choose(page: Page, url: str, athlete: str, tries: int = 3) -> None:
    """Opens the job's dialog with that one partition; a list that was drawn anew under the mouse is opened again."""
    for left in reversed(range(tries)):
        try:
            page.open(f"{url}/locations/perf_pipeline/jobs/athlete_job/partitions")
            page.shows("Total partitions")
            page.click("Materialize…")
            page.click("Select a partition or create one")
            page.click(athlete)
            page.shows("Launch 1 run", 10)
        except AssertionError:
            if not left:
                raise
        else:
            return


def url_of(terminal) -> str:
    """Where the UI said that it is."""
    told = re.search(r"UI:\s+(\S+)", (terminal.home.parent / "serve.log").read_text())
    assert told is not None
    return told[1]


def test_every_picture_that_a_page_shows_is_there() -> None:
    pages = [*DOCS.glob("*.md"), DOCS.parent / "README.md"]
    shown = {page.parent / path for page in pages for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text())}
    assert shown >= {DOCS / "images" / f"{name}.png" for name in ("asset_graph", "report", "checks", "backfill")}
    assert [path for path in shown if not path.exists()] == []
