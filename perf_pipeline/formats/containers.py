"""Archives to their members: gzip, zip, either inside the other, and the bulk exports built from them.

Names are labels and never used as paths. Nothing that an archive says about itself is trusted: bytes are counted as
they come out.
"""

from __future__ import annotations

import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from perf_pipeline.formats.model import CorruptFileError, FormatError, HostileFileError
from perf_pipeline.formats.sidecars import Sidecar, storable

MAX_RATIO = 200
RATIO_COUNTS_FROM = 10_000_000
MAX_TOTAL = 1_000_000_000
MAX_MEMBERS = 20_000
MAX_DEPTH = 4
_CHUNK = 1 << 18
_NAME_LENGTH = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SIDECAR_TABLE_BYTES = 50_000_000
_MAX_DIRECTORY = 200_000
_LOCAL = struct.Struct("<4s5H3I2H")
# What zipfile lets through on broken archives.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    IndexError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file out of a container.

    `error` says why there are no bytes, `warning` what was lost of those there are, `sidecar` what an export says.
    """

    name: str
    data: bytes
    error: FormatError | None = None
    sidecar: Sidecar | None = None
    warning: str | None = None


@dataclass(slots=True)
class _Budget:
    """What may still come out of one outermost container."""

    packed: int
    total: int = 0
    members: int = 0
    limits: tuple[int, int] = field(default_factory=lambda: (MAX_TOTAL, MAX_MEMBERS))

    def take(self, size: int) -> None:
        self.total += size
        if self.total > self.limits[0]:
            raise HostileFileError(f"the container expands to more than {self.limits[0]} bytes")
        if self.total > RATIO_COUNTS_FROM and self.total > MAX_RATIO * self.packed:
            raise HostileFileError(f"the container expands more than {MAX_RATIO} times")

    def count(self) -> None:
        self.members += 1
        if self.members > self.limits[1]:
            raise HostileFileError(f"the container has more than {self.limits[1]} members")


def is_container(data: bytes) -> bool:
    """Whether the bytes are gzip or zip."""
    return _is_gzip(data) or _is_zip(data)


def unpack(data: bytes, name: str) -> Iterator[Member]:
    """Every file in `data`, itself where it is no container.

    A broken member comes with its error and no bytes; HostileFileError is raised where a bound is passed.
    """
    yield from _unpack(data, label(name), _Budget(packed=max(len(data), 1)), 0)


def label(name: str) -> str:
    """A name fit for a report: no control characters, no endless length."""
    clean = _CONTROL.sub("_", name.encode("utf-8", "replace").decode())
    return clean if len(clean) <= _NAME_LENGTH else clean[:_NAME_LENGTH] + "…"


def _unpack(data: bytes, name: str, budget: _Budget, depth: int) -> Iterator[Member]:
    if not is_container(data):
        yield Member(name, data)
        return
    if depth >= MAX_DEPTH:
        raise HostileFileError(f"containers nested more than {MAX_DEPTH} deep")
    if _is_gzip(data):
        yield from _unpack_gzip(data, name, budget, depth)
    else:
        yield from _unpack_zip(data, name, budget, depth)


def _is_gzip(data: bytes) -> bool:
    return data[:3] == b"\x1f\x8b\x08"


def _is_zip(data: bytes) -> bool:
    # A local header, an empty archive, or the mark of a spanned one.
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def _unpack_gzip(data: bytes, name: str, budget: _Budget, depth: int) -> Iterator[Member]:
    content, error = _gunzip(data, budget)
    if error is not None and not content:
        yield Member(name, b"", error)
        return
    # What came out before the break is worth trying: the readers salvage cut files and say so.
    for member in _unpack(content, name, budget, depth + 1):
        yield replace(member, warning=str(error)) if error else member


def _gunzip(data: bytes, budget: _Budget) -> tuple[bytes, FormatError | None]:
    """All members of a gzip stream joined, and what ended it early, if anything did."""
    parts: list[bytes] = []
    view = memoryview(data)
    at = 0
    # A stream may be several, one after the other; what follows the last is padding.
    while at == 0 or data[at : at + 2] == b"\x1f\x8b":
        budget.count()
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            pending: bytes | memoryview = stream.unconsumed_tail
            if not pending:
                pending = view[at : at + _CHUNK]
                at += len(pending)
            try:
                piece = stream.decompress(pending, _CHUNK)
            except zlib.error:
                return b"".join(parts), CorruptFileError("broken gzip data")
            if not pending and not piece:
                return b"".join(parts), CorruptFileError("the gzip data end early", offset=len(data))
            budget.take(len(piece))
            parts.append(piece)
        at -= len(stream.unused_data)
    return b"".join(parts), None


def _unpack_zip(data: bytes, name: str, budget: _Budget, depth: int) -> Iterator[Member]:
    if data.count(b"PK\x01\x02") > _MAX_DIRECTORY:
        raise HostileFileError("the zip directory is too long")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _ZIP_ERRORS:
        yield from _without_directory(data, name, budget, depth)
        return
    with archive:
        index = _strava_index_of(archive, budget)
        for info in archive.infolist():
            budget.count()
            if info.filename.endswith("/") or _is_litter(info.filename):
                continue
            inner = f"{name}!{label(info.filename)}"
            content = _zip_member(archive, info, budget)
            if isinstance(content, FormatError):
                yield Member(inner, b"", content)
                continue
            sidecar = index.get(info.filename)
            for member in _unpack(content, inner, budget, depth + 1):
                yield replace(member, sidecar=sidecar) if sidecar else member


def _without_directory(data: bytes, name: str, budget: _Budget, depth: int) -> Iterator[Member]:
    """Members of a zip whose directory, at its end, is gone: by the header before each of them."""
    at = 0
    while (at := data.find(b"PK\x03\x04", at)) >= 0 and at + _LOCAL.size <= len(data):
        _, _, flags, method, _, _, _, packed, _, name_length, extra_length = _LOCAL.unpack_from(data, at)
        begin = at + _LOCAL.size + name_length + extra_length
        raw = data[at + _LOCAL.size : at + _LOCAL.size + name_length]
        inner = f"{name}!{label(raw.decode('utf-8', 'replace'))}"
        at += 4
        budget.count()
        if flags & 1 or raw.endswith(b"/") or _is_litter(raw.decode("utf-8", "replace")):
            continue
        if method == zipfile.ZIP_DEFLATED:
            content, at = _inflate(data, begin, budget)
        elif method == zipfile.ZIP_STORED and packed:
            content, at = data[begin : begin + packed], max(at, begin + packed)
            budget.take(len(content))
        else:
            continue
        if content:
            for member in _unpack(content, inner, budget, depth + 1):
                yield replace(member, warning="the zip directory cannot be read")
    yield Member(name, b"", CorruptFileError("the zip directory cannot be read"))


def _inflate(data: bytes, begin: int, budget: _Budget) -> tuple[bytes, int]:
    """One deflate stream as far as it goes, and where it ends."""
    stream = zlib.decompressobj(wbits=-15)
    parts: list[bytes] = []
    at = begin
    while not stream.eof:
        pending = stream.unconsumed_tail
        if not pending:
            pending = data[at : at + _CHUNK]
            at += len(pending)
        try:
            piece = stream.decompress(pending, _CHUNK)
        except zlib.error:
            break
        if not pending and not piece:
            break
        budget.take(len(piece))
        parts.append(piece)
    return b"".join(parts), max(at - len(stream.unused_data) - len(stream.unconsumed_tail), begin)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> bytes | FormatError:
    """The bytes of one member, or why there are none; only passing a bound raises."""
    if info.flag_bits & 1:
        return FormatError("the zip member is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # The other methods let a header ask for gigabytes of dictionary, and no exporter uses them.
        return FormatError(f"the zip member uses compression method {info.compress_type}")
    parts: list[bytes] = []
    try:
        with archive.open(info) as stream:
            while piece := stream.read(_CHUNK):
                budget.take(len(piece))
                parts.append(piece)
    except _ZIP_ERRORS:
        return CorruptFileError("the zip member is broken")
    return b"".join(parts)


def _is_litter(name: str) -> bool:
    """What operating systems leave in archives: nobody gave it."""
    *folders, last = name.replace("\\", "/").split("/")
    return "__MACOSX" in folders or last.startswith("._") or last in {".DS_Store", "Thumbs.db", "desktop.ini"}


def _strava_index_of(archive: zipfile.ZipFile, budget: _Budget) -> dict[str, Sidecar]:
    """Names in the archive -> what the export's `activities.csv`, wherever its folder is, says about them."""
    found: dict[str, Sidecar] = {}
    for info in archive.infolist():
        folder, _, last = info.filename.rpartition("/")
        if last != "activities.csv":
            continue
        content = _zip_member(archive, info, budget)
        if isinstance(content, bytes):
            prefix = f"{folder}/" if folder else ""
            found.update((prefix + name, sidecar) for name, sidecar in strava_index(content).items())
    return found


def strava_index(data: bytes) -> dict[str, Sidecar]:
    """File name -> name, notes and type, from the `activities.csv` of a Strava export; empty for another table.

    The headers come in the member's language, so where the English ones are missing the columns go by their place.
    """
    if len(data) > _SIDECAR_TABLE_BYTES:
        return {}
    rows = list(_csv_rows(data))
    if len(rows) < 2:
        return {}
    header = [cell.strip().lower() for cell in rows[0]]
    file_at = header.index("filename") if "filename" in header else _file_column(rows[1:])
    if file_at is None:
        return {}
    places = {"name": ("activity name", 2), "type": ("activity type", 3), "notes": ("activity description", 4)}
    # Headers occur twice (distance, elapsed time): the first is the one for people.
    at = {key: header.index(word) if word in header else place for key, (word, place) in places.items()}
    index = {}
    for row in rows[1:]:
        file = row[file_at].strip() if file_at < len(row) else ""
        if file:
            said = {key: (storable(row[i]).strip() or None) if i < len(row) else None for key, i in at.items()}
            index[file] = Sidecar(said["name"], said["notes"], said["type"])
    return index


def _file_column(rows: list[list[str]]) -> int | None:
    for row in rows:
        for i, cell in enumerate(row):
            if cell.strip().startswith("activities/"):
                return i
    return None


def _csv_rows(data: bytes) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"), newline=""))
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue
