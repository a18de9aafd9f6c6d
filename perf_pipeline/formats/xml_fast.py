"""The track points of plainly written XML straight from its bytes, with lxml for everything around them.

Nearly all of a GPX or TCX file is points, written by machines in a handful of shapes. Without its digits and blanks
the text of a point is its shape; one point of each goes through the safe parser with what stands around the points,
and proves the others well-formed, for their tags are the same bytes. Values are decoded on whole arrays. Whatever is
not plain (comments, CDATA, entities, letters outside of ASCII, many shapes) is left to the tree: `cut` gives None, and
the results of both ways are equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.model import FormatError
from perf_pipeline.formats.xml_columns import floats_at, times_at, words_of
from perf_pipeline.formats.xml_points import FIRST_FIELD, POINT, Points, Vocabulary, Walk, walk
from perf_pipeline.formats.xml_safety import Document, parse

if TYPE_CHECKING:
    from perf_pipeline.formats.model import FloatArray, IntArray

_ERASED = b"0123456789.-+ \t\r\n"
_TAG = re.compile(rb"<(/?)(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)(?:\s[^<>]*?)?(/?)>")
_TAG_WITH_ATTRIBUTES = re.compile(r'<[\w:.-]+(?:\s+[A-Za-z_][\w.-]*(?::[\w.-]+)?\s*=\s*"[^"<>&]*")+\s*/?>', re.ASCII)
_MAX_SHAPES = 32
_LONGEST_TEXT = 10_000
_LONGEST_BETWEEN_ATTRIBUTES = 32
_WORTH_IT_BYTES = 20_000
"""The arrays cost the same however few the points are; below this size a tree is there sooner."""


def read_points(data: bytes, words: Vocabulary) -> tuple[Document, Points]:
    """The document and its points, by the fast way where the file is plain; errors are those of `parse`.

    By the fast way the document has few points: an empty one for each run of them, and one of each shape.
    """
    fast = cut(data, words) if len(data) > _WORTH_IT_BYTES else None
    if fast is not None:
        return fast
    document = parse(data)
    return document, walk(document.root, words)


def cut(data: bytes, words: Vocabulary) -> tuple[Document, Points] | None:
    """Points from the bytes and a document of the rest, None where the file is not plain enough."""
    opening, closing = b"<" + words.point.encode(), b"</" + words.point.encode() + b">"
    begin, end = data.find(opening), data.rfind(closing) + len(closing)
    if begin < 0 or end <= begin + len(closing) or b"\x00" in data[:200]:
        return None
    octets = np.frombuffer(data, np.uint8)
    tags = _tags(octets, begin, end)
    outline = _outline(data, opening, closing) if tags is not None else None
    if tags is None or outline is None or outline.tags != len(tags.lt):
        return None
    shapes = _shapes(octets, tags, outline, words)
    if shapes is None:
        return None
    attributes = _attributes(octets, tags.lt[outline.first], tags.gt[outline.first], words.attributes)
    around = _around(data, tags, outline, [shape.example for shape in shapes], words)
    if attributes is None or around is None:
        return None
    document, walked, run_lengths = around
    return document, _Cut(walked, run_lengths, _Fields.of(octets, tags, shapes, words), attributes)


@dataclass(frozen=True, slots=True)
class _Tags:
    """Every tag from the first point to the last: where its `<` and its `>` are in the file; (t,)."""

    lt: IntArray
    gt: IntArray


def _tags(octets: NDArray[np.uint8], begin: int, end: int) -> _Tags | None:
    """The tags of [begin, end), None where `<` and `>` do not take turns or a text is absurdly long."""
    lt, gt = (np.flatnonzero(octets[begin:end] == mark) + begin for mark in b"<>")
    if len(lt) != len(gt) or (lt >= gt).any():
        return None
    text = lt[1:] - gt[:-1]
    return _Tags(lt, gt) if int(text.min(initial=1)) > 0 and int(text.max(initial=1)) <= _LONGEST_TEXT else None


@dataclass(frozen=True, slots=True)
class _Outline:
    """The points (n,) by their shapes.

    `shape` (n,) the index of each one's shape in `sizes`, the numbers of tags; `first` (n,) its opening tag;
    `breaks` the points with something else than blanks before them; `tags` how many tags there are in all.
    """

    shape: IntArray
    sizes: Sequence[int]
    first: IntArray
    breaks: IntArray
    tags: int


def _outline(data: bytes, opening: bytes, closing: bytes) -> _Outline | None:
    """The points told apart by what is left of them without digits and blanks; None for too many shapes."""
    chunks = data.translate(None, _ERASED).split(closing)[:-1]
    if not chunks:
        return None
    chunks[0] = chunks[0][max(chunks[0].find(opening), 0) :]
    shapes: dict[bytes, int] = {}
    told: dict[bytes, tuple[int, int, int, bool]] = {}
    for chunk in dict.fromkeys(chunks):
        at = chunk.find(opening)
        if at < 0 or b"<!" in chunk or b"<?" in chunk:
            return None
        point = chunk[at:]
        if b"&" in point or not point.isascii():
            return None
        shape = shapes.setdefault(point, len(shapes))
        if shape >= _MAX_SHAPES:
            return None
        told[chunk] = (shape, chunk.count(b"<", 0, at), chunk.count(b"<") + 1, at > 0)
    table = np.array(list(told.values()), np.int64)
    row = {chunk: i for i, chunk in enumerate(told)}
    of_point = np.fromiter(map(row.__getitem__, chunks), np.int64, len(chunks))
    shape_of, before, size, broken = table[of_point].T
    ends = np.cumsum(size)
    broken[0] = 1
    sizes = [shape.count(b"<") + 1 for shape in shapes]
    return _Outline(shape_of, sizes, ends - size + before, np.flatnonzero(broken), int(ends[-1]))


@dataclass(frozen=True, slots=True)
class _Shape:
    """Points of one shape: the bytes of one of them, their indices (m,), and opening tags (m,) by field code."""

    example: bytes
    owner: IntArray
    fields: Sequence[tuple[int, IntArray]]


def _shapes(octets: NDArray[np.uint8], tags: _Tags, outline: _Outline, words: Vocabulary) -> list[_Shape] | None:
    """The shapes; None unless all points of each have the very same tags, with plain values between them."""
    names, lengths = words.codes(), tags.gt - tags.lt
    shapes = []
    for index, size in enumerate(outline.sizes):
        owner = np.flatnonzero(outline.shape == index)
        first = outline.first[owner]
        example = octets[tags.lt[first[0]] : tags.gt[first[0] + size - 1] + 1].tobytes()
        found = list(_TAG.finditer(example))
        if len(found) != size:
            return None
        fields = _fields_of(found, names)
        if fields is None:
            return None
        # A point's own attributes are values; they are checked where they are read.
        fixed = range(1 if words.attributes else 0, size)
        each = lengths[first[:, None] + np.arange(fixed.start, size)]
        if (each != each[0]).any():
            return None
        # Of one length and alike without the erased letters: the same, unless some were erased.
        doubtful = [i for i in fixed if found[i][0].translate(None, _ERASED) != found[i][0]]
        if not all(_are_same(octets, tags.lt[first + i], len(found[i][0])) for i in doubtful):
            return None
        shapes.append(_Shape(example, owner, [(code, first + i) for code, i in fields]))
    return shapes


def _fields_of(found: Sequence[re.Match[bytes]], names: Mapping[str, int]) -> list[tuple[int, int]] | None:
    """Code and tag of each field of a point; None for points and openers inside, or elements inside of a field."""
    codes = [names.get(tag[2].decode("ascii"), 0) for tag in found]
    inner = codes[1:-1]
    if codes[0] != POINT or codes[-1] != POINT or found[0][3] or any(0 < code < FIRST_FIELD for code in inner):
        return None
    fields = [(code, i) for i, code in enumerate(codes) if code >= FIRST_FIELD and not found[i][1] and not found[i][3]]
    return fields if all(found[i + 1][1] for _, i in fields) else None


def _are_same(octets: NDArray[np.uint8], at: IntArray, length: int) -> bool:
    """Whether the same bytes stand at all these places, eight at a time."""
    words = words_of(octets)
    for offset in range(0, length, 8):
        differing = words[at + offset] ^ words[at[0] + offset]
        if offset + 8 > length:
            differing &= np.uint64((1 << 8 * (length - offset)) - 1)
        if differing.any():
            return False
    return True


def _around(
    data: bytes, tags: _Tags, outline: _Outline, examples: Sequence[bytes], words: Vocabulary
) -> tuple[Document, Walk, IntArray] | None:
    """The document without its points but for the examples, its walk, and how many points each of its points is."""
    run_stops = np.append(outline.breaks[1:], len(outline.first))
    last = outline.first[run_stops - 1] + np.array(outline.sizes)[outline.shape[run_stops - 1]] - 1
    starts = tags.lt[outline.first[outline.breaks]].tolist()
    stops = (tags.gt[last] + 1).tolist()
    empty = b"<" + words.point.encode() + b"/>"
    pieces = [data[: starts[0]], empty, *examples]
    for stop, start in zip(stops, starts[1:], strict=False):
        pieces += [data[stop:start], empty]
    pieces.append(data[stops[-1] :])
    try:
        document = parse(b"".join(pieces))
    except FormatError:
        return None  # the tree says it with the right line
    walked = walk(document.root, words)
    if document.partial or len(walked) != len(starts) + len(examples):
        return None
    run_lengths = np.insert(run_stops - outline.breaks, 1, np.zeros(len(examples), np.int64))
    return document, walked, run_lengths


@dataclass(frozen=True, slots=True)
class _Fields:
    """All fields' values, those of one point in document order: code, owner, number and place of the text; (f,)."""

    codes: Sequence[int]
    owners: Sequence[IntArray]
    numbers: Sequence[FloatArray]
    stamps: tuple[IntArray, IntArray, int | None]

    @classmethod
    def of(cls, octets: NDArray[np.uint8], tags: _Tags, shapes: Sequence[_Shape], words: Vocabulary) -> _Fields:
        time = words.codes()[words.time]
        found = [(code, shape.owner, at) for shape in shapes for code, at in shape.fields]
        texts = [field for field in found if field[0] == time]
        values = [field for field in found if field[0] != time]
        at = np.concatenate([_NONE, *(at for _, _, at in texts)])
        stamps = times_at(octets, tags.gt[at] + 1, tags.lt[at + 1])
        owner = np.concatenate([_NONE, *(owner for _, owner, _ in texts)])
        at = np.concatenate([_NONE, *(at for _, _, at in values)])
        # One conversion for all of them: each call costs as much as a thousand numbers.
        numbers = floats_at(octets, tags.gt[at] + 1, tags.lt[at + 1])
        stops = np.cumsum([len(owner) for _, owner, _ in values])
        return cls(
            [code for code, _, _ in values],
            [owner for _, owner, _ in values],
            np.split(numbers, stops[:-1]),
            (owner, *stamps),
        )


_NONE: IntArray = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Cut(Points):
    """Points as found in the bytes; the places of their runs are known from the document around them."""

    around: Walk
    run_lengths: IntArray
    fields: _Fields
    attributes: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return int(self.run_lengths.sum())

    def ordinal(self, *names: str) -> IntArray:
        return np.repeat(self.around.ordinal(*names), self.run_lengths)

    def numbers(self, names: Iterable[str]) -> tuple[IntArray, FloatArray]:
        wanted = {self.around.names[name] for name in names}
        at = [i for i, code in enumerate(self.fields.codes) if code in wanted]
        if len(at) == 1:
            return self.fields.owners[at[0]], self.fields.numbers[at[0]]
        owner = np.concatenate([_NONE, *(self.fields.owners[i] for i in at)])
        return owner, np.concatenate([np.zeros(0), *(self.fields.numbers[i] for i in at)])

    def stamps(self) -> tuple[IntArray, IntArray, int | None]:
        return self.fields.stamps

    def attribute(self, name: str) -> FloatArray:
        return self.attributes[name]


def _attributes(
    octets: NDArray[np.uint8], lt: IntArray, gt: IntArray, names: tuple[str, ...]
) -> dict[str, FloatArray] | None:
    """The points' attributes as columns; None unless every point has just these, in one order and one spelling."""
    if not names:
        return {}
    quotes = np.flatnonzero(octets[lt[0] : gt[-1]] == ord('"')) + lt[0]
    home = np.searchsorted(lt, quotes) - 1
    quotes = quotes[quotes < gt[home]]
    if len(quotes) != 2 * len(names) * len(lt):
        return None
    table = quotes.reshape(len(lt), -1)
    if not (table[:, 0] > lt).all() or not (table[:, -1] < gt).all():
        return None
    # Everything but the values must be, letter for letter, what it is in the first point, and plain there.
    edges = np.column_stack([lt - 1, table, gt])
    for i in range(0, edges.shape[1], 2):
        start, length = edges[:, i] + 1, edges[:, i + 1] - edges[:, i]
        if (length != length[0]).any() or int(length[0]) > _LONGEST_BETWEEN_ATTRIBUTES:
            return None
        texts = octets[start[:, None] + np.arange(int(length[0]))]
        if (texts != texts[0]).any():
            return None
    tag = octets[lt[0] : gt[0] + 1].tobytes()
    if not _TAG_WITH_ATTRIBUTES.fullmatch(tag.decode("ascii")):
        return None
    spelled = re.findall(rb'\s([\w:.-]+)\s*="', tag)
    if sorted(spelled) != sorted(name.encode() for name in names):
        return None
    return {
        name.decode(): floats_at(octets, table[:, 2 * i] + 1, table[:, 2 * i + 1]) for i, name in enumerate(spelled)
    }
