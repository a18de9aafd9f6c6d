"""Columns read in one piece: what comes back is what was there, and nothing is taken for something else."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest

from perf_pipeline.storage.columns import fetch_columns, places_of
from perf_pipeline.storage.warehouse import Warehouse

IDS = [UUID(int=n) for n in (2**127 + 5, 7 << 64, 3, 256)]
"""Some end in zero bytes."""
ROWS = """
    select v.id, v.small, v.whole, v.big, v.number, v.yes
    from (values (%(a)s::uuid, 1::smallint, -2, 3::bigint, 0.1::float8, true),
                 (%(b)s::uuid, (-32768)::smallint, 2147483647, -9007199254740993, 'NaN'::float8, false))
         as v(id, small, whole, big, number, yes)
    order by v.whole
    """
KINDS = {
    "id": "uuid", "small": "smallint", "whole": "integer", "big": "bigint", "number": "double precision",
    "yes": "boolean",
}  # fmt: skip


def test_every_type_comes_back_as_it_is(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        found = fetch_columns(connection, ROWS, {"a": IDS[0], "b": IDS[1]}, KINDS)
    assert found["id"].tolist() == [IDS[0].bytes, IDS[1].bytes.rstrip(b"\0")]
    assert [found[name].tolist() for name in ("small", "whole", "big", "yes")] == [
        [1, -32768], [-2, 2147483647], [3, -9007199254740993], [True, False],
    ]  # fmt: skip
    np.testing.assert_array_equal(found["number"], [0.1, np.nan])
    assert {name: str(column.dtype) for name, column in found.items()} == {
        "id": "|S16", "small": "int64", "whole": "int64", "big": "int64", "number": "float64", "yes": "bool",
    }  # fmt: skip


def test_no_row_is_a_column_of_none(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        found = fetch_columns(connection, "select 1, true where false", {}, {"n": "integer", "yes": "boolean"})
    assert [(len(column), str(column.dtype)) for column in found.values()] == [(0, "int64"), (0, "bool")]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("select null::integer union all select 1", "integer"),
        ("select 1::bigint", "integer"),
        ("select 1::smallint", "integer"),
        ("select 'text'", "uuid"),
        ("select 1::real", "integer"),
        ("select n || 'x' from generate_series(1, 9) as n", "boolean"),
    ],
)
def test_a_null_or_another_type_is_an_error_and_no_number(warehouse: Warehouse, query: str, kind: str) -> None:
    with warehouse.begin() as connection, pytest.raises(ValueError, match="the column it is no"):
        fetch_columns(connection, query, {}, {"it": kind})


def test_ids_are_found_in_whatever_order_the_known_ones_are() -> None:
    ids = np.array([one.bytes for one in (IDS[3], IDS[0], UUID(int=9), IDS[1], IDS[2])], "S16")
    assert places_of(ids, IDS).tolist() == [3, 0, -1, 1, 2]
    assert places_of(ids, []).tolist() == [-1] * 5
    assert places_of(ids[:0], IDS).tolist() == []
