"""Rows turned into text where they are made arrive as psycopg's own writer would have brought them."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from sqlalchemy import Boolean, Column, Date, DateTime, Double, Integer, Interval, MetaData, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE

from perf_pipeline.storage.copy_text import CopyBlock, encode_rows
from perf_pipeline.storage.rows import copy_rows

SAMPLE = Table(
    "sample", MetaData(),
    Column("number", Integer), Column("real", Double), Column("exact", Numeric), Column("words", Text),
    Column("document", JSONB), Column("id", UUID_TYPE(as_uuid=True)), Column("moment", DateTime(timezone=True)),
    Column("day", Date), Column("yes", Boolean),
)  # fmt: skip
NAMES = [column.name for column in SAMPLE.columns]

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "\\", "\\N", "\\.", "a\tb", "a\nb", "a\r\nb", "\\t", '"', "W′"]
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
moments = st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
rows = st.fixed_dictionaries(
    {
        "number": st.integers(-(2**31), 2**31 - 1),
        "real": st.floats(),
        "exact": st.decimals(-(10**12), 10**12, places=6) | st.floats(-1e15, 1e15),
        "words": texts,
        "document": documents,
        "id": st.uuids(),
        "moment": moments,
        "day": st.dates(date(1, 1, 1)),
        "yes": st.booleans(),
    }
)


@pytest.fixture
def connection(warehouse):
    with warehouse.begin() as connection:
        SAMPLE.create(connection)
        yield connection
        SAMPLE.drop(connection)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, max_size=5), st.sets(st.sampled_from(NAMES), max_size=3))
def test_what_arrives_is_what_psycopgs_own_writer_brings(connection, given_rows, absent):
    given_rows = [{**row, **dict.fromkeys(absent)} for row in given_rows]
    connection.execute(SAMPLE.delete())
    copy_rows(connection, SAMPLE, given_rows)
    ours = connection.execute(SAMPLE.select()).all()

    connection.execute(SAMPLE.delete())
    with connection.connection.driver_connection.cursor() as cursor, cursor.copy("copy sample from stdin") as copy:
        for row in given_rows:
            document = None if row["document"] is None else Jsonb(row["document"])
            copy.write_row([document if name == "document" else row[name] for name in NAMES])
    theirs = connection.execute(SAMPLE.select()).all()

    assert [tuple(map(repr, row)) for row in ours] == [tuple(map(repr, row)) for row in theirs]


def test_numbers_of_numpy_keep_every_digit(connection):
    values = [np.float64(0.1) + np.float64(0.2), np.float32(0.1), np.int64(7), math.nan, -math.inf]
    copy_rows(connection, SAMPLE, [{"real": value, "exact": value} for value in values])
    read = [row.real for row in connection.execute(SAMPLE.select())]
    assert read[:3] == [0.30000000000000004, float(np.float32(0.1)), 7.0]
    assert math.isnan(read[3])
    assert read[4] == -math.inf


def test_what_no_text_can_hold_is_left_out(connection):
    copy_rows(connection, SAMPLE, [{"words": "a\x00b\ud800", "document": {"k\x00": ["\ud800", "\x00"]}}])
    row = connection.execute(SAMPLE.select()).one()
    assert (row.words, row.document) == ("ab?", {"k": ["?", ""]})


def test_a_block_crosses_to_another_process_and_is_written_as_it_is(connection):
    block = encode_rows(SAMPLE, [{"number": 1, "words": "x"}, {"number": 2, "words": None}])
    assert block == CopyBlock(("number", "words"), b"1\tx\n2\t\\N\n", 2)
    assert copy_rows(connection, SAMPLE, pickle.loads(pickle.dumps(block))) == 2  # noqa: S301 - our own bytes
    assert [(row.number, row.words) for row in connection.execute(SAMPLE.select())] == [(1, "x"), (2, None)]


def test_the_same_rows_give_the_same_bytes():
    row = {"id": UUID(int=7), "document": {"b": 1, "a": [Decimal(1) == 1]}, "real": 1.5}
    assert encode_rows(SAMPLE, [row]) == encode_rows(SAMPLE, [dict(row)])


def test_a_row_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="has no column 'colour'"):
        encode_rows(SAMPLE, [{"colour": 1}])
    with pytest.raises(ValueError, match="has 1 values for 2 columns"):
        encode_rows(SAMPLE, [(1,)], ["number", "real"])
    other = Table("other", MetaData(), Column("span", Interval))
    with pytest.raises(ValueError, match=r"other\.span is of a kind that is not copied"):
        encode_rows(other, [{"span": None}])
