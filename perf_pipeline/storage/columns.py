"""Whole columns of a query as arrays: what a stage reads of a long history, without an object for every row."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

_HEAD = 20
"""Bytes of an array before its first element."""
_WIRE: Mapping[str, tuple[int, str, Any]] = {
    "smallint": (21, ">i2", np.int64),
    "integer": (23, ">i4", np.int64),
    "bigint": (20, ">i8", np.int64),
    "double precision": (701, ">f8", np.float64),
    "boolean": (16, "?", np.bool_),
    "uuid": (2950, "S16", "S16"),
}
"""PostgreSQL's number of a type, how it is sent, and what it becomes. Bytes of an uuid: equal and in order as those of
their values."""


def fetch_columns(
    connection: Connection, query: str, parameters: Mapping[str, Any], kinds: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    """The query's columns (n,) by name, each read in one piece as an array in PostgreSQL's binary format.

    `kinds`: for each column of the query, in its order, its SQL type, one of smallint, integer, bigint, double
    precision, boolean, uuid. `parameters` stand in the query as %(name)s. Raises `ValueError` where a column is of
    another type or holds a null.
    """
    raw = connection.connection.driver_connection
    if raw is None:
        raise ValueError("the connection is closed")
    names = [f"c{number}" for number in range(len(kinds))]
    arrays = ", ".join(f"array_send(array_agg({name}))" for name in names)
    with raw.cursor(binary=True) as cursor:
        # Of our own names and queries; what comes from outside is a parameter.
        statement = f"select {arrays} from ({query}) as told({', '.join(names)})"  # noqa: S608
        cursor.execute(statement, parameters)
        told = cursor.fetchone()
    return {name: _column(name, kind, data) for (name, kind), data in zip(kinds.items(), told, strict=True)}


def _column(name: str, kind: str, data: bytes | None) -> NDArray[Any]:
    """The elements of an array as it is sent: its dimensions, whether there is a null, type and size, then each
    element's length and bytes.
    """
    number, sent, kept = _WIRE[kind]
    if data is None:  # of no rows
        return np.empty(0, kept)
    _, nulls, of_type, size, _ = struct.unpack(">iiiii", data[:_HEAD])
    if nulls or of_type != number:
        raise ValueError(f"the column {name} is no {kind}, or holds a null")
    element = np.dtype([("length", ">i4"), ("value", sent)])
    return np.frombuffer(data, element, size, _HEAD)["value"].astype(kept)


def places_of(ids: NDArray[np.bytes_], known: Sequence[UUID]) -> NDArray[np.int64]:
    """Where each of the ids (n,), as `fetch_columns` gives them, stands among the known ones; -1 where it does not."""
    if not len(known):
        return np.full(len(ids), -1)
    there = np.array([one.bytes for one in known], "S16")
    order = np.argsort(there)
    at = order[np.minimum(np.searchsorted(there, ids, sorter=order), len(there) - 1)]
    return np.where(there[at] == ids, at, -1)
