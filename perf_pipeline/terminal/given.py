"""What became of the files that were given: the accounting of one `ingest`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, case, func, or_, select

from perf_pipeline.pipeline.overview import STATUSES
from perf_pipeline.storage.tables import arrivals, source_files
from perf_pipeline.terminal.copying import Copied


@dataclass(slots=True)
class Account:
    """Arrivals by status (a container's members count, the container does not), and what is in quarantine and why."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    quarantine: list[dict[str, Any]] = field(default_factory=list)


def account_of(connection: Connection, profile_id: UUID, copied: Copied) -> Account:
    """What is now known of each file: plain ones by name and bytes, members of containers by the container's name.

    A file of the same name that came at another time is another file.
    """
    outer = func.split_part(arrivals.c.name, "!", 1)
    # What a name is now known to be: the file's own status, unless it was a second copy.
    final = arrivals.c.status.in_(["duplicate", "quarantined"])
    query = (
        select(
            arrivals.c.name,
            source_files.c.sha256,
            case((final, arrivals.c.status), else_=source_files.c.status),
            case((final, arrivals.c.reason), else_=source_files.c.reason),
        )
        .join(source_files, source_files.c.id == arrivals.c.source_file_id)
        .where(arrivals.c.profile_id == profile_id)
        .where(or_(arrivals.c.name.in_(list(copied.plain)), outer.in_(copied.containers)))
        .order_by(arrivals.c.name)
    )
    account = Account()
    for name, sha256, status, reason in connection.execute(query):
        if copied.plain.get(name, sha256) != sha256:
            continue
        account.counts[status] += 1
        if status == "quarantined":
            account.quarantine.append({"name": name, "reason": reason})
    return account
