"""Stage `athlete_report`: the page and its facts in object storage, written only when the facts differ."""

from __future__ import annotations

import json
from datetime import date

from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.report.facts import Facts, gather
from perf_pipeline.pipeline.report.page import render, template_version
from perf_pipeline.storage.errors import ObjectMissingError
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.warehouse import Lease, Warehouse


def update_report(
    store: ObjectStore, warehouse: Warehouse, lease: Lease, handle: str, today: date
) -> tuple[Facts, bool]:
    """The facts as of today, and whether the page was written anew.

    `report.json` holds the facts for whoever wants them without the page. It is put last: where it is there, so is the
    page that tells the same.
    """
    with warehouse.begin() as connection:
        facts = gather(connection, lease.profile_id, today)
    version = code_version("perf_pipeline.pipeline.report.page")
    told = json.dumps(
        {"as_of": today, "version": version, "template": template_version(), **facts}, default=str, sort_keys=True
    ).encode()
    key = layout.report(handle, "json")
    try:
        if store.get(key) == told:
            return facts, False
    except ObjectMissingError:
        pass
    store.put(layout.report(handle, "html"), render(handle, today, facts).encode())
    store.put(key, told)
    return facts, True
