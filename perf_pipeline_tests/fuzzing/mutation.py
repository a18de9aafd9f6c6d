"""Small changes to files that a reader should survive, made with their structure in mind. A seed gives the same ones."""

# ruff: noqa: E501 - tables of words and files are read across

from __future__ import annotations

import gzip
import io
import re
import struct
import warnings
import zipfile
from collections.abc import Callable, Sequence
from random import Random

from fastcrc import crc16

Mutate = Callable[[bytes, Random, Sequence[bytes]], bytes]
"""The file, the dice, and other files of the kind to borrow from."""

MAX_BYTES = 60_000
"""What grows past that is cut: size has tests of its own, and a fuzzer's time is better spent on many files."""

_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x0FFF_FFFF, 0x1000_0000, 0x7FFF_FFFF, 0x8000_0000,
          0xFFFF_FFFE, 0xFFFF_FFFF)  # fmt: skip


def noise(data: bytes, dice: Random, others: Sequence[bytes]) -> bytes:
    """One to four changes that know nothing of any format."""
    made = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(made) + 1)
        length = min(1 << dice.randrange(9), len(made) - at)
        match dice.randrange(8):
            case 0 if made:
                made[at % len(made)] ^= 1 << dice.randrange(8)
            case 1 if made:
                made[at % len(made)] = dice.choice(_EDGES) & 0xFF
            case 2:
                made[at:at] = dice.randbytes(1 + dice.randrange(8))
            case 3:
                del made[at : at + length]
            case 4:
                made[at:at] = made[at : at + length]
            case 5:
                width = dice.choice((2, 4))
                made[at : at + width] = dice.choice(_EDGES).to_bytes(4, dice.choice(("little", "big")))[-width:]
            case 6 if dice.random() < 0.3:
                del made[at:]
            case _ if others:
                other = dice.choice(others)
                start = dice.randrange(len(other) + 1)
                made[at : at + length] = other[start : start + (1 << dice.randrange(9))]
    return bytes(made[:MAX_BYTES])


# --- FIT ---------------------------------------------------------------------------------------------------------------


def mend_fit(data: bytes) -> bytes:
    """The file with size and checksums as they should be, so that a reader looks at what is inside."""
    if len(data) < 14 or data[8:12] != b".FIT":
        return data
    head = data[0] if 12 <= data[0] <= len(data) else 14
    body = data[head:-2] if len(data) > head + 2 else b""
    header = bytearray(data[:head])
    header[4:8] = len(body).to_bytes(4, "little")
    if head >= 14:
        header[12:14] = struct.pack("<H", crc16.arc(bytes(header[:12])))
    whole = bytes(header) + body
    return whole + struct.pack("<H", crc16.arc(whole))


def fit_messages(data: bytes) -> list[bytes]:
    """The definition and data messages of the first part of a FIT file, as far as they can be told apart."""
    head = data[0] if data else 0
    at, end = head, min(head + int.from_bytes(data[4:8], "little"), len(data))
    sizes: dict[int, int] = {}
    found = []
    while at < end:
        byte = data[at]
        if byte & 0xC0 == 0x40:
            stop = at + 6 + 3 * (data[at + 5] if at + 5 < end else 0)
            size = 1 + sum(data[at + 7 : stop : 3])
            if byte & 0x20 and stop < end:
                developers = stop + 1
                stop = developers + 3 * data[stop]
                size += sum(data[developers + 1 : stop : 3])
            sizes[byte & 15] = size
        else:
            local = byte >> 5 & 3 if byte & 0x80 else byte & 15
            stop = at + sizes.get(local, end - at)
        found.append(data[at:stop])
        at = stop
    return found


def fit(data: bytes, dice: Random, others: Sequence[bytes]) -> bytes:
    """A FIT file changed by messages and fields, its checksums mostly mended."""
    if dice.random() < 0.25:
        changed = noise(data, dice, others)
        return mend_fit(changed) if dice.random() < 0.7 else changed
    messages = fit_messages(data)
    if not messages:
        return noise(data, dice, others)
    for _ in range(dice.randint(1, 4)):
        _change_messages(messages, dice, others)
    changed = data[: data[0]] + b"".join(messages) + b"\0\0"
    if dice.random() < 0.9:
        changed = mend_fit(changed[: MAX_BYTES - 2] + b"\0\0")
    if others and dice.random() < 0.05:
        changed += dice.choice(others)
    return changed[:MAX_BYTES]


def _change_messages(messages: list[bytes], dice: Random, others: Sequence[bytes]) -> None:
    at = dice.randrange(len(messages))
    match dice.randrange(8):
        case 0 if len(messages) > 1:
            del messages[at]
        case 1:
            messages[at:at] = [messages[at]] * (1 << dice.randrange(5))
        case 2:
            to = dice.randrange(len(messages))
            messages[at], messages[to] = messages[to], messages[at]
        case 3 if others:
            borrowed = fit_messages(dice.choice(others))
            if borrowed:
                start = dice.randrange(len(borrowed))
                messages[at:at] = borrowed[start : start + 1 + dice.randrange(4)]
        case 4:
            definitions = [i for i, m in enumerate(messages) if m and m[0] & 0xC0 == 0x40]
            if definitions:
                at = dice.choice(definitions)
                messages[at] = _change_definition(messages[at], dice)
        case 5 if messages[at] and messages[at][0] & 0xC0 == 0:
            # The same message with its time in the header.
            messages[at] = bytes([0x80 | (messages[at][0] & 3) << 5 | dice.randrange(32)]) + messages[at][1:]
        case _:
            messages[at] = _change_bytes(messages[at], dice)


def _change_definition(message: bytes, dice: Random) -> bytes:
    made = bytearray(message)
    fields = (len(made) - 6) // 3
    field = 6 + 3 * dice.randrange(fields) if fields > 0 else 0
    match dice.randrange(7) if field else 0:
        case 0 if len(made) > 4:
            made[3:5] = struct.pack(
                "<H", dice.choice((0, 18, 19, 20, 21, 23, 30, 78, 101, 132, 162, 206, 211, 275, 370))
            )
        case 1:
            made[field] = dice.choice((253, 254, 0, 1, 2, 3, 5, 7, 8, 9, 10, 29, 30, dice.randrange(256)))
        case 2:
            made[field + 1 : field + 2] = bytes([dice.choice((0, 1, 2, 3, 4, 5, 8, 16, 255))])
        case 3:
            made[field + 2 : field + 3] = bytes(
                [dice.choice((0, 1, 2, 0x83, 0x84, 0x85, 0x86, 7, 0x88, 0x89, 10, 13, 0x8E, 255))]
            )
        case 4:
            made[2] ^= 1
        case 5:
            made[field:field] = made[field : field + 3]
            made[5] = (made[5] + 1) & 0xFF
        case 6:
            made[0] ^= dice.choice((0x20, 1, 2, 4))
    return bytes(made)


def _change_bytes(message: bytes, dice: Random) -> bytes:
    if len(message) < 2:
        return message
    at = 1 + dice.randrange(len(message) - 1)
    width = min(dice.choice((1, 2, 4, 8)), len(message) - at)
    value = dice.choice((*_EDGES, dice.getrandbits(32)))
    order = dice.choice(("little", "big"))
    return message[:at] + value.to_bytes(8, order)[:width] + message[at + width :]


# --- XML ---------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(rb"<[^>]*>|[^<]+")
_TEXTS = (
    b"", b" ", b"0", b"-0", b"1e308", b"1e309", b"-1e400", b"nan", b"inf", b"0x10", b"1_000", b"9" * 400, b"1,5", b"180", b"-90.0001",
    b"2020-01-01T00:00:00Z", b"2020-01-01T00:00:00", b"0000-01-01T00:00:00Z", b"9999-12-31T23:59:59.999Z", b"0001-01-01T00:00:00+14:00",
    b"1969-12-31T23:59:59Z", b"2020-02-30T25:61:61Z", b"2020-01-01T24:00:00Z", b"2020-01-01T00:00:60Z", b"2020-01-01T00:00:00.123456789012Z",
    b"2020-01-01T00:00:00+99:99", b"2020-W01-1T00:00:00Z", b"20200101T000000Z", b"-2020-01-01T00:00:00Z", b"12020-01-01T00:00:00Z",
    "２０２０-01-01T00:00:00Z".encode(), "١٢".encode(), b"&#0;", b"&amp;", b"&x;", b"\x00", b"\xff", b"Running", b"cycling", b"9", b"1",
)  # fmt: skip
_INSERTS = (
    b"<!--x-->", b"<![CDATA[1]]>", b"<?p x?>", b"<x>", b"</x>", b"<x/>", b"<trkseg>", b"</trkseg>", b"<trkpt>", b"<trkpt lat='1' lon='2'/>",
    b"<Track>", b"</Track>", b"<Lap>", b"<Activity>", b"<hr>1</hr>", b"<time>2020-01-01T00:00:00Z</time>", b"<ns3:TPX>", b"<!DOCTYPE x>",
    b"<Trackpoint><Time>2020-01-01T00:00:00Z</Time></Trackpoint>", b"<Value>", b"</Value>", b"<", b">", b"]]>", b"<x:></x:>",
)  # fmt: skip
_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-8-sig", "cp037")


def xml(data: bytes, dice: Random, others: Sequence[bytes]) -> bytes:
    """An XML file changed by tags and texts; now and then written in another encoding."""
    if dice.random() < 0.2:
        return noise(data, dice, others)
    tokens = _TOKEN.findall(data)
    if not tokens:
        return noise(data, dice, others)
    for _ in range(dice.randint(1, 5)):
        _change_tokens(tokens, dice, others)
    changed = b"".join(tokens)[:MAX_BYTES]
    if dice.random() < 0.05:
        text = changed.decode("utf-8", "replace")
        changed = text.encode(dice.choice(_ENCODINGS), "replace")
    return changed


def _change_tokens(tokens: list[bytes], dice: Random, others: Sequence[bytes]) -> None:
    if not tokens:
        return
    at = dice.randrange(len(tokens))
    token = tokens[at]
    match dice.randrange(9):
        case 0 if len(tokens) > 1:
            del tokens[at]
        case 1:
            tokens[at:at] = tokens[at : at + (1 << dice.randrange(6))] * dice.randint(1, 3)
        case 2:
            to = dice.randrange(len(tokens))
            tokens[at], tokens[to] = tokens[to], token
        case 3:
            tokens.insert(at, dice.choice(_INSERTS))
        case 4 if others:
            borrowed = _TOKEN.findall(dice.choice(others))
            if borrowed:
                start = dice.randrange(len(borrowed))
                tokens[at:at] = borrowed[start : start + 1 + dice.randrange(12)]
        case 5 if b'"' in token:
            parts = token.split(b'"')
            parts[1 + 2 * dice.randrange(len(parts) // 2)] = dice.choice(_TEXTS)
            tokens[at] = b'"'.join(parts)
        case 6 if len(tokens) > 8 and dice.random() < 0.2:
            del tokens[at:]
        case 7:
            tags = [i for i, t in enumerate(tokens) if t[:1] == b"<"]
            if tags:
                tokens[at] = tokens[dice.choice(tags)]
        case _:
            texts = [i for i, t in enumerate(tokens) if t[:1] != b"<" and not t.isspace()]
            if texts:
                at = dice.choice(texts)
                tokens[at] = dice.choice(_TEXTS) if dice.random() < 0.8 else noise(tokens[at], dice, ())


# --- containers --------------------------------------------------------------------------------------------------------

_NAMES = ("a.fit", "../../etc/passwd", "/abs", "C:\\x", "._a", "__MACOSX/a", "activities.csv", "activities/1.fit.gz", "", "\x00", "é" * 300,
          "x/", "profile.yaml")  # fmt: skip


def container(data: bytes, dice: Random, others: Sequence[bytes]) -> bytes:
    """Packed bytes changed as bytes, or packed anew inside of something else."""
    choice = dice.random()
    if choice < 0.7:
        return noise(data, dice, others)
    inner = noise(data, dice, others) if choice < 0.85 else data
    if dice.random() < 0.4:
        packed = gzip.compress(inner, 1, mtime=0)
        return packed[: dice.randrange(len(packed))] if dice.random() < 0.3 else packed
    sink = io.BytesIO()
    method = dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(sink, "w", method) as archive:
        for content in (inner, *dice.sample(others, min(len(others), dice.randrange(3)))):
            name = dice.choice(_NAMES)
            archive.writestr(zipfile.ZipInfo(name), content)
    packed = sink.getvalue()
    return (noise(packed, dice, others) if dice.random() < 0.5 else packed)[:MAX_BYTES]


# --- texts -------------------------------------------------------------------------------------------------------------

_WORD = re.compile(rb"[\w.+-]+|\s+|.", re.DOTALL)
_WORDS = (
    b"null", b"~", b"true", b"[", b"]", b"{", b"}", b"- ", b": ", b"? ", b"&a", b"*a", b"!!python/object:os.system", b"!!binary", b"!!set",
    b"!!int", b"!!float", b"!!timestamp", b"<<", b'"\\ud800"', b'"\\0"', b"|", b">", b"'", b'"', b"---", b"...", b"%YAML", b"2020-13-45",
    b"0001-01-01", b"9999-12-31", b"1:2:3:4", b"0b1", b"0o7", b"1_0", b".inf", b".nan", b"-.inf", b"1e999", b"9" * 5000, b"\t", b"\n", b"\r",
    b"\x85", b"\xe2\x80\xa8", b"\x00", b"\xff\xfe", b";", b",", b"weight_kg", b"hrv_ms", b"sleep_hours", b"lb", b"../../etc/passwd", b"UTC",
    b"name", b"sex", b"birth_date", b"timezone", b"2020-01-01T00:00:00+25:00", b"-1", b"0", b"1e308", b"nan",
)  # fmt: skip


def text(data: bytes, dice: Random, others: Sequence[bytes]) -> bytes:
    """YAML or a table changed by words."""
    if dice.random() < 0.2:
        return noise(data, dice, others)
    words = _WORD.findall(data) or [data]
    for _ in range(dice.randint(1, 5)):
        at = dice.randrange(len(words) or 1)
        match dice.randrange(5):
            case 0 if len(words) > 1:
                del words[at]
            case 1:
                words[at:at] = words[at : at + (1 << dice.randrange(6))]
            case 2:
                words.insert(at, dice.choice(_WORDS))
            case 3 if others:
                borrowed = _WORD.findall(dice.choice(others))
                words[at:at] = borrowed[: dice.randrange(20)]
            case _:
                words[at] = dice.choice(_WORDS)
    return b"".join(words)[:MAX_BYTES]
