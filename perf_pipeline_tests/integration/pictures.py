"""Takes the documentation's pictures: `python -m perf_pipeline_tests.integration.pictures URL REPORT`.

Wanted are a running UI (`make up`) in which the job of two athletes was backfilled and `quality_job` has run since, and
the demo's report (`perf-pipeline report --athlete demo --to report.html`).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from perf_pipeline_tests.integration.browser import Page, browsing

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SETTLED_SECONDS = 6.0
"""Drawn, its animations ended."""


def take(url: str, report: Path, folder: Path = IMAGES) -> None:
    """Pictures of the groups of assets, of checks, of the newest backfill, and of a report."""
    with tempfile.TemporaryDirectory() as scratch, browsing(Path(scratch), 1200, 680) as page:
        page.open(f"{url}/assets/activity_efforts?view=checks")
        page.click("rows_meet_expectations")
        page.shows("athletes_left_out")
        time.sleep(SETTLED_SECONDS)
        page.picture(folder / "checks.png")
        page.open(f"{url}/runs?view=backfills")
        newest = page.wait("""document.querySelector('a[href*="/runs/b/"]')?.getAttribute('href')""")
        _picture(page, f"{url}{newest}", "100% completed", folder / "backfill.png")

    with tempfile.TemporaryDirectory() as scratch, browsing(Path(scratch), 2200, 1000) as page:
        page.open(f"{url}/asset-groups")
        page.shows("planning")
        time.sleep(SETTLED_SECONDS)
        page.picture(folder / "asset_graph.png", _around(page, "foreignObject"))
    with tempfile.TemporaryDirectory() as scratch, browsing(Path(scratch), 1200, 1150) as page:
        _picture(page, report.absolute().as_uri(), "Best power against the past", folder / "report.png")


def _around(page: Page, selector: str, room: int = 40) -> dict[str, float]:
    """The part of the page that holds all elements of the selector, and some room."""
    boxes = page.value(
        f"[...document.querySelectorAll({selector!r})].map(e => e.getBoundingClientRect())"
        ".filter(b => b.width > 0).map(b => [b.left, b.top, b.right, b.bottom])"
    )
    left, top = min(b[0] for b in boxes) - room, min(b[1] for b in boxes) - room
    right, bottom = max(b[2] for b in boxes) + room, max(b[3] for b in boxes) + room
    return {"x": left, "y": top, "width": right - left, "height": bottom - top, "scale": 1}


def _picture(page: Page, url: str, text: str, path: Path) -> None:
    page.open(url)
    page.shows(text)
    time.sleep(SETTLED_SECONDS)
    page.picture(path)


if __name__ == "__main__":
    take(sys.argv[1].rstrip("/"), Path(sys.argv[2]))
