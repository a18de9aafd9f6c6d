"""The report: facts from the tables, charts that Plotly takes, a page that a browser draws."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import plotly.graph_objects as go
import pytest

from perf_pipeline.pipeline.report.charts import all_charts, fitness, weekly
from perf_pipeline.pipeline.report.facts import QUERIES, Facts, gather
from perf_pipeline.pipeline.report.page import render
from perf_pipeline.pipeline.report.sketches import MOST_POINTS, curve_sketch, fitness_sketch, threshold_sketch
from perf_pipeline.pipeline.report.writing import update_report
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete

TODAY = date(2026, 5, 28)
NASTY = '</script><script>document.body.dataset.faults = "injected"</script>'


@pytest.fixture
def trained(athlete: Athlete) -> Athlete:
    """Rides that carry a threshold and break a record, a run, and a file in quarantine."""
    for day, gain in (("2026-04-01", 0), ("2026-04-20", 12), ("2026-05-10", 30)):
        efforts = tuple((t, 280 + gain + 18_000 / t) for t in (180, 300, 720, 1200))
        athlete.drop(f"{day}.fit", making.fit(making.powers(day, *efforts)))
    athlete.drop("2026-05-01.fit", making.fit(making.run("2026-05-01", minutes=30, mps=3.5)))
    athlete.drop("2026-05-01.fit.yaml", f"name: '{NASTY}'\n".encode())
    athlete.drop("bad.fit", b"no activity file at all" * 9)
    athlete.take_in()
    athlete.months()
    athlete.history(TODAY)
    return athlete


def facts_of(athlete: Athlete):
    with athlete.warehouse.begin() as connection:
        return gather(connection, athlete.profile_id, TODAY)


def test_the_facts_are_those_of_the_tables(trained: Athlete) -> None:
    facts = facts_of(trained)
    assert facts.keys() == QUERIES.keys()
    assert {row["sport"]: row["activities"] for row in facts["sports"]} == {"bike": 3, "run": 1}
    best = {row["duration_seconds"]: row for row in facts["power"]}
    assert best[180]["last_90"] == best[180]["all_time"] == pytest.approx(410, abs=1)
    assert sum(row["load"] for row in facts["weekly"]) == pytest.approx(
        sum(row["load"] for row in trained.rows("activity_loads")), rel=1e-6
    )
    assert [row["files"] for row in facts["quarantine"]] == [1]
    assert facts["fitness"][-1]["projected"]
    assert facts["records"]
    assert facts["records"][0]["sha256"] in facts["records"][0]["archive_path"]


def test_a_duplicate_and_a_rejected_effort_are_in_no_curve(trained: Athlete) -> None:
    best = max(row["started_at"] for row in trained.rows("activities") if row["type"] == "bike")
    kept = next(row for row in trained.rows("activities") if row["type"] == "run")
    with trained.warehouse.begin() as connection:
        connection.exec_driver_sql(
            "update activities set superseded_by = %(kept)s where started_at = %(best)s",
            {"kept": kept["id"], "best": best},
        )
    curve = {row["duration_seconds"]: row["all_time"] for row in facts_of(trained)["power"]}
    assert curve[180] == pytest.approx(392, abs=1)


def test_plotly_takes_every_figure(trained: Athlete) -> None:
    charts = [chart for found in all_charts(facts_of(trained)).values() for chart in found]
    assert {chart.key for chart in charts} >= {"fitness", "weekly", "power-bike", "pace-run"}
    for chart in charts:
        plain = json.loads(re.sub(r'"@\w+"', '"#123456"', json.dumps(chart.figure, default=str)))
        assert go.Figure(plain).data
        assert all(len(row) == len(chart.columns) for row in chart.rows)


def test_an_athlete_without_anything_has_a_page_that_says_so(athlete: Athlete) -> None:
    page = render("ann", TODAY, facts_of(athlete))
    assert "No activity with a load yet." in page
    assert 'class="figure"' not in page


def test_names_cannot_leave_their_place_in_the_page(trained: Athlete) -> None:
    page = render("ann", TODAY, facts_of(trained))
    assert NASTY not in page


def test_the_page_is_written_again_only_when_something_has_changed(trained: Athlete) -> None:
    def update(day: date) -> bool:
        with trained.lease() as lease:
            return update_report(trained.store, trained.warehouse, lease, trained.handle, day)[1]

    assert update(TODAY)
    assert not update(TODAY)
    with trained.warehouse.begin() as connection:
        connection.exec_driver_sql("update profiles set display_name = 'Ann'")
    assert update(TODAY)
    assert not update(TODAY)
    trained.store.delete("reports/athlete=ann/report.json")
    assert update(TODAY)
    trained.drop("2026-05-20.fit", making.fit(making.ride("2026-05-20")))
    trained.take_in()
    trained.months()
    trained.history(TODAY)
    assert update(TODAY)
    told = json.loads(trained.store.get("reports/athlete=ann/report.json"))
    assert told["as_of"] == str(TODAY)
    assert {row["sport"]: row["activities"] for row in told["sports"]}["bike"] == 4


def test_the_facts_of_an_unchanged_report_are_read_from_the_page_and_draw_the_same_pictures(trained: Athlete) -> None:
    def update() -> tuple[Facts, bool]:
        with trained.lease() as lease:
            return update_report(trained.store, trained.warehouse, lease, trained.handle, TODAY)

    first, again = update(), update()
    assert (first[1], again[1]) == (True, False)
    assert json.loads(json.dumps(first[0], default=str)) == json.loads(json.dumps(again[0], default=str))
    for draw in (
        lambda facts: fitness_sketch(facts["fitness"]),
        lambda facts: curve_sketch(facts["power"]),
        lambda facts: threshold_sketch(facts["thresholds"], "bike", "critical_power"),
    ):
        assert draw(first[0]) == draw(again[0]) is not None


def test_sketches_span_the_data(trained: Athlete) -> None:
    facts = facts_of(trained)
    assert fitness_sketch([]) is None
    assert curve_sketch([]) is None
    svg = fitness_sketch(facts["fitness"])
    assert svg is not None
    days = sum(not row["projected"] for row in facts["fitness"])
    assert 2 <= days <= MOST_POINTS
    assert [len(points.split()) for points in re.findall(r'points="([^"]*)"', svg)] == [days] * 3
    long = fitness_sketch([{**row, "projected": False} for row in facts["fitness"]] * 40)
    assert long is not None
    assert all(len(points.split()) <= MOST_POINTS for points in re.findall(r'points="([^"]*)"', long))
    assert threshold_sketch(facts["thresholds"], "bike", "critical_power") is not None
    assert threshold_sketch(facts["thresholds"], "swim", "critical_swim_speed") is None


def test_days_to_come_are_dotted() -> None:
    row = {"load": 1.0, "ctl": 1.0, "atl": 2.0, "tsb": -1.0, "ramp": None}
    chart = fitness([{**row, "day": date(2026, 5, d), "projected": d > 20} for d in range(10, 25)])
    assert chart is not None
    for trace in chart.figure["data"]:
        first_day = 20 if trace["line"]["dash"] == "dot" else 10
        assert trace["x"][0] == f"2026-05-{first_day}"


def test_weeks_without_training_are_weeks_of_the_chart_up_to_todays() -> None:
    rows = [
        {"sport": sport, "week": date(2026, 4, day), "load": 100.0, "hours": 2.0}
        for sport, day in (("bike", 6), ("run", 20))
    ]
    chart = weekly(rows, date(2026, 5, 12))
    assert chart is not None
    weeks = ["2026-04-06", "2026-04-13", "2026-04-20", "2026-04-27", "2026-05-04", "2026-05-11"]
    bars = {trace["name"]: (trace["x"], trace["y"]) for trace in chart.figure["data"]}
    assert bars == {"bike": (weeks, [100, 0, 0, 0, 0, 0]), "run": (weeks, [0, 0, 100, 0, 0, 0])}
    assert [row[0] for row in chart.rows] == weeks
    assert "2026-05-11 holds a load of 0" in chart.summary


def test_a_browser_draws_every_chart_without_a_fault(trained: Athlete, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed: nothing to draw the page with")
    facts = facts_of(trained)
    page = tmp_path / "report.html"
    page.write_text(render("ann", TODAY, facts))
    switches = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    done = subprocess.run(
        [browser, *switches, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", "--dump-dom",
         page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    charts = sum(map(len, all_charts(facts).values()))
    body = re.search(r"<body[^>]*>", done.stdout)
    assert body is not None
    assert "data-faults" not in body.group()
    assert f'data-drawn="{charts}"' in body.group()
    assert done.stdout.count('class="plot-container') == charts
    assert done.stdout.count('class="js-line') + done.stdout.count('class="point') > charts
