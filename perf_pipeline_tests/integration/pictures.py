"""Takes the pictures of Dagster's UI for the documentation: `python -m perf_pipeline_tests.integration.pictures URL`.

Wanted is a running UI (`make up`) in which the job of two athletes was backfilled and `quality_job` has run.
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


def take(url: str, folder: Path = IMAGES) -> None:
    """Pictures of checks and of the newest backfill."""
    with tempfile.TemporaryDirectory() as scratch, browsing(Path(scratch), 1200, 560) as page:
        _picture(page, f"{url}/assets/activity_efforts?view=checks", "rows_meet_expectations", folder / "checks.png")
        page.open(f"{url}/runs?view=backfills")
        newest = page.wait("""document.querySelector('a[href*="/runs/b/"]')?.getAttribute('href')""")
        _picture(page, f"{url}{newest}", "100% completed", folder / "backfill.png")


def _picture(page: Page, url: str, text: str, path: Path) -> None:
    page.open(url)
    page.shows(text)
    time.sleep(SETTLED_SECONDS)
    page.picture(path)


if __name__ == "__main__":
    take(sys.argv[1].rstrip("/"))
