"""Privacy: everything that is kept of one athlete in object storage and database is found, and deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select

from perf_pipeline.pipeline import layout
from perf_pipeline.storage.ids import profile_id_of
from perf_pipeline.storage.objects import ObjectInfo, ObjectStore
from perf_pipeline.storage.tables import METADATA, profiles
from perf_pipeline.storage.warehouse import Warehouse

HOLDER = "erase"


@dataclass(frozen=True, slots=True)
class Traces:
    """What there is of an athlete: objects by top folder, rows by table (none left out that is empty)."""

    objects: dict[str, int]
    rows: dict[str, int]

    @property
    def any(self) -> bool:
        return bool(sum(self.objects.values()) + sum(self.rows.values()))

    def as_dict(self) -> dict[str, Any]:
        return {"objects": self.objects, "rows": self.rows}


def traces(store: ObjectStore, warehouse: Warehouse, handle: str) -> Traces:
    """Everything under the athlete's name in any top folder, whoever made that folder, and in every table."""
    profile_id = profile_id_of(handle)
    rows: dict[str, int] = {}
    with warehouse.begin() as connection:
        for table in METADATA.sorted_tables:
            column = table.c.id if table is profiles else table.c.profile_id
            rows[table.name] = connection.scalar(select(func.count()).where(column == profile_id)) or 0
    return Traces({top: len(_objects(store, top, handle)) for top in store.list_folders()}, rows)


def erase(store: ObjectStore, warehouse: Warehouse, handle: str) -> None:
    """Deletes it all under the athlete's lease. Killed at any point, it can be begun again: what is gone stays gone.

    Raises `AthleteBusyError` while somebody works on the athlete.
    """
    profile_id = warehouse.ensure_profile(handle)
    with warehouse.athlete_lease(profile_id, HOLDER, 10.0) as lease:
        # The inbox first: what lies there would be taken in again. The rows last: they say whose the objects are.
        tops = sorted(store.list_folders(), key=lambda top: (top != layout.INBOX, top))
        for top in tops:
            store.delete_many([item.key for item in _objects(store, top, handle)])
            for place in _places(top, handle):
                store.remove_empty_folders(place)
        with lease.transaction() as connection:
            connection.execute(delete(profiles).where(profiles.c.id == profile_id))


def _objects(store: ObjectStore, top: str, handle: str) -> list[ObjectInfo]:
    return [item for place in _places(top, handle) for item in store.list(place)]


def _places(top: str, handle: str) -> tuple[str, str]:
    return layout.folder(top, handle), f"{top}/{handle}"
