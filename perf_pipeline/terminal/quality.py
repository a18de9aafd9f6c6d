"""The command `quality`: what great-expectations has to say of the stored rows."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from perf_pipeline.pipeline.quality import athletes_written_lately, in_groups
from perf_pipeline.pipeline.services import Services


def examine(services: Services, athletes: list[str], docs: Path | None, out: Console) -> bool:
    """Prints what is broken or unusual; whether nothing is broken. With `docs`, writes the Data Docs site there."""
    from perf_pipeline.pipeline.expectations.examining import examine_rows, merged

    with services.warehouse.begin() as connection:
        chosen = athletes_written_lately(connection, athletes, everyone=True)
        # The site is of all of them at once.
        groups = in_groups(connection, chosen) if docs is None else [[profile_id for profile_id, _ in chosen]]
        verdicts = merged(one for group in groups for one in examine_rows(connection, group, docs=docs))
    broken = [verdict for verdict in verdicts if not verdict.holds]
    if broken:
        table = Table("", "table", "expectation", "rows", "keys of some")
        for verdict in sorted(broken, key=lambda v: v.is_warning):
            word = "[yellow]unusual[/]" if verdict.is_warning else "[red]broken[/]"
            some = ", ".join(verdict.sample)
            table.add_row(word, verdict.table, f"{verdict.column} ({verdict.expectation})", str(verdict.broken), some)
        out.print(table)
    faults = [verdict for verdict in broken if not verdict.is_warning]
    told = f"{len(verdicts)} expectations of {len(chosen)} athletes: {len(verdicts) - len(broken)} hold"
    out.print(f"{told}, {len(broken) - len(faults)} unusual, {len(faults)} broken", highlight=False)
    if docs is not None:
        out.print(f"Data Docs: {docs.absolute() / 'index.html'}", highlight=False, soft_wrap=True)
    return not faults
