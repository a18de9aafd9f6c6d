"""Whole columns of a query as arrays: what a stage reads of a long history, without an object for every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

_HEAD = 19
"""Bytes before the first row: signature, flags, length of an extension that nobody has written."""
_TAIL = 2
_WIRE: Mapping[str, tuple[str, Any]] = {
    "smallint": (">i2", np.int64),
    "integer": (">i4", np.int64),
    "bigint": (">i8", np.int64),
    "double precision": (">f8", np.float64),
    "boolean": ("?", np.bool_),
    "uuid": ("S16", "S16"),
}
"""How PostgreSQL sends a type, and what it becomes. Bytes of an uuid: equal and in order as those of their values."""


def fetch_columns(
    connection: Connection, query: str, parameters: Mapping[str, Any], kinds: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    """The query's columns (n,) by name, read in one piece in PostgreSQL's binary format.

    `kinds`: for each column of the query, in its order, its SQL type, one of smallint, integer, bigint, double
    precision, boolean, uuid. `parameters` stand in the query as %(name)s. Raises `ValueError` where a column is of
    another type or holds a null.
    """
    wire: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in kinds.items():
        wire += [(f"{name} length", ">i4"), (name, _WIRE[kind][0])]
    row = np.dtype(wire)
    raw = connection.connection.driver_connection
    if raw is None:
        raise ValueError("the connection is closed")
    with raw.cursor().copy(f"copy ({query}) to stdout (format binary)", parameters) as copy:
        data = b"".join(bytes(part) for part in copy)
    told = len(data) - _HEAD - _TAIL
    if told % row.itemsize:
        raise ValueError(f"a row is not of {', '.join(kinds.values())}, or a column holds a null")
    rows = np.frombuffer(data, row, told // row.itemsize, _HEAD)
    for name, kind in kinds.items():
        if (rows[f"{name} length"] != np.dtype(_WIRE[kind][0]).itemsize).any():
            raise ValueError(f"{name} is no {kind}, or holds a null")
    return {name: rows[name].astype(_WIRE[kind][1]) for name, kind in kinds.items()}


def places_of(ids: NDArray[np.bytes_], known: Sequence[UUID]) -> NDArray[np.int64]:
    """Where each of the ids (n,), as `fetch_columns` gives them, stands among the known ones; -1 where it does not."""
    if not len(known):
        return np.full(len(ids), -1)
    there = np.array([one.bytes for one in known], "S16")
    order = np.argsort(there)
    at = order[np.minimum(np.searchsorted(there, ids, sorter=order), len(there) - 1)]
    return np.where(there[at] == ids, at, -1)
