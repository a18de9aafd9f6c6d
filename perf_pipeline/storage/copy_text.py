"""Rows as the text of COPY: made where rows are made, so that a worker sends bytes and its driver hands them on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Date, DateTime, Enum, Float, Integer, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

Row = Mapping[str, object] | tuple[object, ...]
Encoder = Callable[[Any], str]

NULL = "\\N"


@dataclass(frozen=True, slots=True)
class CopyBlock:
    """Rows of one table in PostgreSQL's text format; the same rows give the same bytes.

    `columns` are those of the text, in order; those that are not named get their default. `count` is the number of
    rows.
    """

    columns: tuple[str, ...]
    data: bytes
    count: int

    def __len__(self) -> int:
        return self.count


def encode_rows(table: Table, rows: Sequence[Row], columns: Sequence[str] | None = None) -> CopyBlock:
    """The rows as COPY takes them.

    Rows are mappings that all have the first one's keys, or tuples in the order of `columns` (of the table's columns,
    where not given). Floats keep every digit. Raises ValueError where a row does not fit, or a column is unknown.
    """
    names = columns_of(table, rows[0] if rows else (), columns)
    if not rows:
        return CopyBlock(tuple(names), b"", 0)
    encoders = [_encoder(table, name) for name in names]
    told = [_told(*column) for column in zip(encoders, _values(table, rows, names), strict=True)]
    lines = [*map("\t".join, zip(*told, strict=True)), ""]
    return CopyBlock(tuple(names), "\n".join(lines).encode(), len(rows))


def columns_of(table: Table, row: Row, columns: Sequence[str] | None) -> list[str]:
    """The columns that such a row fills; raises ValueError where the table has no such column."""
    names = (
        list(columns) if columns is not None else list(row) if isinstance(row, Mapping) else [c.name for c in table.c]
    )
    unknown = [name for name in names if name not in table.c]
    if unknown:
        raise ValueError(f"the table {table.name} has no column {unknown[0]!r}")
    return names


def _values(table: Table, rows: Sequence[Row], names: Sequence[str]) -> Iterable[Sequence[Any]]:
    """The rows column by column."""
    if isinstance(rows[0], Mapping):
        return [[row[name] for row in rows] for name in names]  # type: ignore[call-overload]
    for row in rows:
        if len(row) != len(names):
            raise ValueError(f"a row of {table.name} has {len(row)} values for {len(names)} columns")
    return zip(*rows, strict=True)


def _told(encode: Encoder, values: Sequence[Any]) -> list[str]:
    """A column's values as text. Where they are the same object over and over (an activity's id), it is told once."""
    if encode is str and values[0] is values[min(1, len(values) - 1)]:
        known: dict[int, str] = {id(None): NULL}
        return [known.get(id(value)) or known.setdefault(id(value), str(value)) for value in values]
    return [NULL if value is None else encode(value) for value in values]


def _encoder(table: Table, name: str) -> Encoder:
    kind = table.c[name].type
    for known, encode in _ENCODERS:
        if isinstance(kind, known):
            return encode
    raise ValueError(f"the column {table.name}.{name} is of a kind that is not copied")


def _text(value: object) -> str:
    return _escaped(plain(str(value)))


def _number(value: Any) -> str:
    return str(value) if isinstance(value, int | Decimal) else repr(float(value))


def _boolean(value: object) -> str:
    return "t" if value else "f"


def _moment(value: datetime | date) -> str:
    return value.isoformat()


def _document(value: object) -> str:
    return _escaped(_json(value))


def _escaped(text: str) -> str:
    for character, told in _ESCAPES:
        if character in text:
            text = text.replace(character, told)
    return text


_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))

_ENCODERS: tuple[tuple[type, Encoder], ...] = (
    (JSONB, _document), (Enum, _text), (Text, _text), (UUID, str), (Boolean, _boolean), (Integer, str),
    (Float, _number), (Numeric, _number), (DateTime, _moment), (Date, _moment),
)  # fmt: skip


def plain(text: str) -> str:
    """The text as PostgreSQL can hold it: without NUL and half surrogate pairs, which are nothing to read."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode(errors="replace").decode()


def _json(value: object) -> str:
    if not value and isinstance(value, dict | list | tuple):
        return "{}" if isinstance(value, dict) else "[]"
    told = _TELL.encode(value)
    if "\\u0000" in told or "\\ud" in told:
        told = _TELL.encode(_all_plain(json.loads(told)))
    return told


def _all_plain(value: object) -> object:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_all_plain(item) for item in value]
    if isinstance(value, dict):
        return {plain(name): _all_plain(item) for name, item in value.items()}
    return value


def _json_default(value: object) -> object:
    if isinstance(value, uuid.UUID | date | datetime):
        return value.isoformat() if isinstance(value, date) else str(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"cannot write a {type(value).__name__} as JSON")


_TELL = json.JSONEncoder(default=_json_default, allow_nan=False, ensure_ascii=True)
