"""The track points of plainly written XML straight from its bytes, with lxml for everything around them.

Nearly all of a GPX or TCX file is points, written by machines in one shape. Their tags are found, checked for
well-formedness and decoded on whole arrays, several times faster than a tree can be built; what remains of the file,
with one empty point standing for each run of them, goes through the safe parser. Whatever is not plain (comments,
CDATA, entities, single quotes, other encodings, a tag out of place) is left to the tree: `cut` gives None, and the
results of both ways are equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.model import FormatError
from perf_pipeline.formats.xml_columns import floats_at, times_at
from perf_pipeline.formats.xml_points import FIRST_FIELD, POINT, Points, Vocabulary, Walk, is_one_of, walk
from perf_pipeline.formats.xml_safety import Document, parse

if TYPE_CHECKING:
    from perf_pipeline.formats.model import FloatArray, IntArray

_LT, _GT, _SLASH, _COLON = (ord(c) for c in "<>/:")
_LONGEST_NAME = 32
_PAD = b"\0" * (_LONGEST_NAME + 16)
_NAME = re.compile(r"(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)", re.ASCII)
_TAG_WITH_ATTRIBUTES = re.compile(r'<[\w:.-]+(?:\s+[A-Za-z_][\w.-]*(?::[\w.-]+)?\s*=\s*"[^"<>&]*")+\s*/?>', re.ASCII)
_MAX_DISTINCT_TAGS = 200
# What to keep of each word of a name, by the name's length.
_MASKS = [
    np.array([(1 << 8 * min(max(n - i, 0), 8)) - 1 for n in range(_LONGEST_NAME + 1)], np.uint64)
    for i in range(0, _LONGEST_NAME, 8)
]
# Odd constants that spread the bits of a name's words over the slots; two sets, should names collide in one.
_SPREADERS = (
    np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64),
    np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], np.uint64),
)
_SLOT_BITS = 16


def read_points(data: bytes, words: Vocabulary) -> tuple[Document, Points]:
    """The document and its points, by the fast way where the file is plain; errors are those of `parse`.

    By the fast way the document has one empty point for each run of them.
    """
    fast = cut(data, words)
    if fast is not None:
        return fast
    document = parse(data)
    return document, walk(document.root, words)


def cut(data: bytes, words: Vocabulary) -> tuple[Document, Points] | None:
    """Points from the bytes and a document of the rest, None where the file is not plain enough."""
    opening, closing = b"<" + words.point.encode(), b"</" + words.point.encode() + b">"
    begin, end = data.find(opening), data.rfind(closing) + len(closing)
    if begin < 0 or end <= begin + len(closing):
        return None
    region = data[begin:end]
    if not _is_plain(data, region):
        return None
    tokens = _tokens(region)
    coded = _codes(region, tokens, words.codes()) if tokens is not None else None
    if tokens is None or coded is None:
        return None
    found = _points(region, tokens, coded, words)
    if found is None:
        return None
    first, last = found
    return _assemble(data, begin, region, tokens, coded, (first, last), words)


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Every tag of a region: `<` and `>` at, whether it closes, is empty or has attributes, nesting after it; (t,)."""

    lt: IntArray
    gt: IntArray
    closes: NDArray[np.bool_]
    empty: NDArray[np.bool_]
    attributed: NDArray[np.bool_]
    depth: IntArray


@dataclass(frozen=True, slots=True)
class _Coded:
    """Name of every tag: `same_as` (t,) the index of a tag of that very name, `codes` (t,) its local name's code."""

    same_as: IntArray
    codes: NDArray[np.int16]
    names: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Cut(Points):
    """Points as found in the bytes; the places of their runs are known from the document around them."""

    around: Walk
    run_lengths: IntArray
    codes: NDArray[np.int16]
    owner: IntArray
    starts: IntArray
    stops: IntArray
    octets: NDArray[np.uint8]
    attributes: Mapping[str, FloatArray]
    count: int

    def __len__(self) -> int:
        return self.count

    def ordinal(self, *names: str) -> IntArray:
        return np.repeat(self.around.ordinal(*names), self.run_lengths)

    def numbers(self, names: Iterable[str]) -> tuple[IntArray, FloatArray]:
        at = np.flatnonzero(is_one_of(self.codes, self.around.names, names))
        return self.owner[at], floats_at(self.octets, self.starts[at], self.stops[at])

    def stamps(self, name: str) -> tuple[IntArray, IntArray, int | None]:
        at = np.flatnonzero(is_one_of(self.codes, self.around.names, (name,)))
        return self.owner[at], *times_at(self.octets, self.starts[at], self.stops[at])

    def attribute(self, name: str) -> FloatArray:
        return self.attributes[name]


def _is_plain(data: bytes, region: bytes) -> bool:
    """ASCII throughout the points, no entity, comment, CDATA or instruction there, no byte order that hides one."""
    if not region.isascii() or b"&" in region or b"]]>" in region:
        return False
    if b"\x00" in data[:200]:
        return False
    octets = np.frombuffer(region, np.uint8)
    control = octets[np.flatnonzero(octets < 32)]
    return bool(((control == 10) | (control == 13) | (control == 9)).all())


def _tokens(region: bytes) -> _Tokens | None:
    octets = np.frombuffer(region, np.uint8)
    lt, gt = np.flatnonzero(octets == _LT), np.flatnonzero(octets == _GT)
    if len(lt) != len(gt) or not (lt < gt).all() or not (gt[:-1] < lt[1:]).all():
        return None
    lead = octets[lt + 1]
    if ((lead == ord("!")) | (lead == ord("?"))).any():
        return None
    closes = lead == _SLASH
    empty = octets[gt - 1] == _SLASH
    if (closes & empty).any():
        return None
    step = 1 - 2 * closes.astype(np.int8)
    step[empty] = 0
    equals = np.flatnonzero(octets == ord("="))
    home = np.searchsorted(lt, equals) - 1
    attributed = np.zeros(len(lt), bool)
    attributed[home[equals < gt[home]]] = True
    return _Tokens(lt, gt, closes, empty, attributed, np.cumsum(step, dtype=np.int64))


def _codes(region: bytes, tokens: _Tokens, names: Mapping[str, int]) -> _Coded | None:
    """The name of each tag, compared as words of eight bytes; None for a name that XML or this way cannot have."""
    padded = region + _PAD
    start = tokens.lt + 1 + tokens.closes
    stop = _name_stops(padded, tokens, start)
    if stop is None:
        return None
    length = stop - start
    if not len(length) or int(length.min()) < 1 or int(length.max()) > _LONGEST_NAME:
        return None
    # Every byte begins a word: an unaligned view, one step a byte.
    words_at = np.ndarray((len(padded) - 8,), "<u8", padded, strides=(1,))
    words = [words_at[start + 8 * i] & _MASKS[i][length] for i in range((int(length.max()) + 7) // 8)]
    same_as = _same_name(words)
    if same_as is None:
        return None
    represents = np.zeros(len(start), bool)
    represents[same_as] = True
    code_of = np.zeros(len(start), np.int16)
    for i in np.flatnonzero(represents).tolist():
        name = _NAME.fullmatch(region[start[i] : stop[i]].decode("ascii"))
        if name is None:
            return None
        code_of[i] = names.get(name[1], 0)
    return _Coded(same_as, code_of[same_as], names)


def _name_stops(padded: bytes, tokens: _Tokens, start: IntArray) -> IntArray | None:
    """Where each tag's name ends; None for attributes that are not plain."""
    octets = np.frombuffer(padded, np.uint8)
    stop = tokens.gt - tokens.empty
    with_attributes = np.flatnonzero(tokens.attributed)
    if not len(with_attributes):
        return stop
    if tokens.closes[with_attributes].any():
        return None
    begin = start[with_attributes]
    blank = octets[begin[:, None] + np.arange(_LONGEST_NAME + 1)] <= 32
    if not blank.any(axis=1).all():
        return None
    stop[with_attributes] = begin + blank.argmax(axis=1)
    return stop


def _same_name(words: list[NDArray[np.uint64]]) -> IntArray | None:
    """For each tag the index of one tag of the same name; None where names collide."""
    index: IntArray = np.arange(len(words[0]))
    for spreaders in _SPREADERS:
        mixed = words[0] * spreaders[0]
        for word, spreader in zip(words[1:], spreaders[1:], strict=False):
            mixed ^= word * spreader
        slot = (mixed ^ (mixed >> np.uint64(29))) * spreaders[1] >> np.uint64(64 - _SLOT_BITS)
        slot = slot.view(np.int64)
        holder = np.empty(1 << _SLOT_BITS, np.int64)
        holder[slot] = index
        same_as: IntArray = holder[slot]
        if all(bool((word == word[same_as]).all()) for word in words):
            return same_as
    return None


def _points(region: bytes, tokens: _Tokens, coded: _Coded, words: Vocabulary) -> tuple[IntArray, IntArray] | None:
    """Opening and closing tag of each point (n,), None unless all points are well-formed and stand side by side."""
    is_point = coded.codes == POINT
    first = np.flatnonzero(is_point & ~tokens.closes)
    last = np.flatnonzero(is_point & tokens.closes)
    if len(first) != len(last) or not len(first) or tokens.empty[first].any():
        return None
    if not (first < last).all() or not (last[:-1] < first[1:]).all():
        return None
    inside = np.zeros(len(tokens.lt) + 1, np.int8)
    inside[first] = 1
    inside[last + 1] -= 1
    within = np.cumsum(inside[:-1]).astype(bool)
    if (within & (coded.codes > POINT) & (coded.codes < FIRST_FIELD)).any():
        return None
    if not _is_nested(tokens, coded, within) or not _tags_are_plain(region, tokens, within, is_point, words):
        return None
    return first, last


def _is_nested(tokens: _Tokens, coded: _Coded, within: NDArray[np.bool_]) -> bool:
    """Whether every tag opened inside of a point is closed by its own name: the next tag of its level."""
    level = tokens.depth + tokens.closes
    paired = np.flatnonzero(~tokens.empty)
    level = level[paired]
    level -= level.min()
    if int(level.max()) > 200:
        return False
    order = paired[np.argsort(level.astype(np.int16), kind="stable")]
    here, following = order[:-1], order[1:]
    opens = within[here] & ~tokens.closes[here]
    good = (
        tokens.closes[following]
        & (coded.same_as[here] == coded.same_as[following])
        & (tokens.depth[here] == tokens.depth[following] + 1)
    )
    # The very last tag of a level has no follower: it must not open anything either.
    return bool(good[opens].all()) and not (within[order[-1]] and not tokens.closes[order[-1]])


def _tags_are_plain(
    region: bytes, tokens: _Tokens, within: NDArray[np.bool_], is_point: NDArray[np.bool_], words: Vocabulary
) -> bool:
    """Whether each tag with attributes inside of a point is written as XML wants it."""
    at = np.flatnonzero(tokens.attributed & within)
    if words.attributes:
        at = at[~is_point[at]]  # the points' own are checked where they are read
    spans = zip(tokens.lt[at].tolist(), tokens.gt[at].tolist(), strict=True)
    distinct = {region[a : b + 1] for a, b in spans}
    if len(distinct) > _MAX_DISTINCT_TAGS:
        return False
    return all(_TAG_WITH_ATTRIBUTES.fullmatch(tag.decode("ascii")) for tag in distinct)


def _attributes(
    octets: NDArray[np.uint8], lt: IntArray, gt: IntArray, names: tuple[str, ...]
) -> dict[str, FloatArray] | None:
    """The points' attributes as columns; None unless every point has just these, in one order and one spelling."""
    if not names:
        return {}
    quotes = np.flatnonzero(octets == ord('"'))
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
        if (length != length[0]).any() or int(length[0]) > _LONGEST_NAME:
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


def _assemble(
    data: bytes,
    begin: int,
    region: bytes,
    tokens: _Tokens,
    coded: _Coded,
    points: tuple[IntArray, IntArray],
    words: Vocabulary,
) -> tuple[Document, Points] | None:
    first, last = points
    octets = np.frombuffer(region + _PAD, np.uint8)
    # A run of points has nothing but blanks between one's end and the next one's beginning.
    breaks = np.flatnonzero(first[1:] != last[:-1] + 1) + 1
    run_starts = np.append(0, breaks)
    run_stops = np.append(breaks, len(first))
    empty = b"<" + words.point.encode() + b"/>"
    pieces, at = [], 0
    for a, b in zip(tokens.lt[first[run_starts]].tolist(), tokens.gt[last[run_stops - 1]].tolist(), strict=True):
        pieces += [data[at : begin + a], empty]
        at = begin + b + 1
    pieces.append(data[at:])
    try:
        document = parse(b"".join(pieces))
    except FormatError:
        return None  # the tree says it with the right line
    if document.partial:
        return None
    around = walk(document.root, words)
    if len(around) != len(run_starts):
        return None
    attributes = _attributes(octets, tokens.lt[first], tokens.gt[first], words.attributes)
    if attributes is None:
        return None
    opened = np.flatnonzero((coded.codes >= FIRST_FIELD) & ~tokens.closes & ~tokens.empty)
    # An opened and not yet closed point makes the count odd.
    passed = np.cumsum(coded.codes == POINT)[opened]
    opened, owner = opened[passed % 2 == 1], passed[passed % 2 == 1] // 2
    if not tokens.closes[opened + 1].all():
        return None  # a value with elements inside
    cut_points = _Cut(
        around=around,
        run_lengths=run_stops - run_starts,
        codes=coded.codes[opened],
        owner=owner,
        starts=tokens.gt[opened] + 1,
        stops=tokens.lt[opened + 1],
        octets=octets,
        attributes=attributes,
        count=len(first),
    )
    return document, cut_points
