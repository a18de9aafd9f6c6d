"""The one parser for XML from strangers: no DTD, no entity, no network, bounded in every direction.

It is lenient where nothing is lost (encodings, byte-order marks, undeclared prefixes) and salvages what stands before
a break, saying so.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from perf_pipeline.formats.model import CorruptFileError, EmptyFileError, HostileFileError

MAX_BYTES = 200_000_000
MAX_MARKS = 12_000_000
"""Bound on `<` and `=` together: every element and attribute costs about a hundred bytes of tree."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLANK = b" \t\r\n\x00"
# Encodings in which a byte of ASCII always means itself, so that the prolog can be read before decoding.
_PLAIN = re.compile(r"utf-?8|(us-)?ascii|iso-?8859-?\d+|latin-?\d|windows-125\d|cp125\d|koi8-[ru]")
# What else exporters have written; Python decodes these before anything looks inside.
_DECODED = re.compile(r"gb2312|gbk|gb18030|big5|shift_jis|euc-(jp|kr|tw)")
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_DECLARATION = re.compile(rb"<\?xml\b[^>]*\?>")
_ROOT = re.compile(rb"<([^\s<>/!?\"'=&]{1,200})")
_PREFIX_UNDECLARED = 201  # libxml2's XML_NS_ERR_UNDEFINED_NAMESPACE: loses nothing
_FATAL = 3
_CUT_INSIDE_TEXT = re.compile(rb"<[^/!?][^>]*[^/>]>|<[^/!?>]>")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed tree; `partial` where something after or inside was lost, as `warnings` says."""

    root: Any
    partial: bool = False
    warnings: tuple[str, ...] = ()


def looks_like_xml(data: bytes) -> bool:
    """Whether the first visible character is `<`, in any encoding with a byte-order mark or ASCII inside."""
    head = data[:4096]
    for mark, _ in _BOMS:
        if head.startswith(mark):
            head = head[len(mark) :]
            break
    return head.lstrip(_BLANK).startswith(b"<")


def root_name(data: bytes) -> str | None:
    """Local name of the root element, None where there is none; HostileFileError where a DOCTYPE stands before it."""
    content, _ = _plain(data)
    return _scan_prolog(content)


def parse(data: bytes) -> Document:
    """The tree of `data`: EmptyFileError, HostileFileError or CorruptFileError where there is none to have."""
    if not data:
        raise EmptyFileError("the file has no bytes")
    content, encoding = _plain(data)
    if _scan_prolog(content) is None:
        raise CorruptFileError("no XML element in the file")
    if content.count(b"<") + content.count(b"=") > MAX_MARKS:
        raise HostileFileError("too many XML elements and attributes")
    try:
        root = etree.fromstring(content, _parser(encoding))
    except etree.XMLSyntaxError as error:
        return _salvage(content, encoding, error)
    return Document(_without_dtd(root))


def _parser(encoding: str | None, *, recover: bool = False) -> etree.XMLParser:
    return etree.XMLParser(
        encoding=encoding,
        recover=recover,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        remove_blank_text=True,
        collect_ids=False,
    )


def _plain(data: bytes) -> tuple[bytes, str | None]:
    """The bytes with ASCII meaning itself and no blank before the declaration, and the encoding to insist on."""
    if len(data) > MAX_BYTES:
        raise HostileFileError(f"more than {MAX_BYTES} bytes of XML")
    for mark, name in _BOMS:
        if data.startswith(mark):
            if name == "utf-8":
                return data[len(mark) :].lstrip(_BLANK), "utf-8"
            return _to_utf8(data, name), "utf-8"
    if data[:256].lstrip(_BLANK).startswith(b"<\x00"):
        return _to_utf8(data, _unmarked(data)), "utf-8"
    content = data if data.startswith(b"<") else data.lstrip(_BLANK)
    declared = _DECLARED.match(content)
    if declared is None:
        return content, None
    name = declared[1].decode("ascii").lower()
    if _PLAIN.fullmatch(name):
        return content, None
    # A declaration that cannot be true of these bytes (UTF-16 is the usual one) gives way to UTF-8.
    return (_to_utf8(content, name) if _DECODED.fullmatch(name) else content), "utf-8"


def _unmarked(data: bytes) -> str:
    """Which of the wide encodings it is: where in its character the `<` stands tells the order of the bytes."""
    at = data.index(b"<")
    if data[at + 1 : at + 4] == b"\x00\x00\x00":
        return "utf-32-le"
    if at >= 3 and data[at - 3 : at] == b"\x00\x00\x00":
        return "utf-32-be"
    return "utf-16-be" if at % 2 else "utf-16-le"


def _to_utf8(data: bytes, encoding: str) -> bytes:
    return data.decode(encoding, "replace").lstrip("\ufeff \t\r\n\x00").encode("utf-8", "replace")


def _scan_prolog(content: bytes) -> str | None:
    """Local name of the first element; hops over declaration, instructions and comments."""
    at = 0
    while (at := content.find(b"<", at)) >= 0:
        if content.startswith(b"<?", at):
            end = content.find(b"?>", at)
        elif content.startswith(b"<!--", at):
            end = content.find(b"-->", at + 4)
        elif content[at : at + 9].upper() == b"<!DOCTYPE":
            raise HostileFileError("the file declares a DOCTYPE", offset=at)
        elif root := _ROOT.match(content, at):
            return root[1].decode("utf-8", "replace").rpartition(":")[2]
        else:
            end = at
        if end < 0:
            return None
        at = end + 1
    return None


def _salvage(content: bytes, encoding: str | None, error: etree.XMLSyntaxError) -> Document:
    """Second try: what libxml2 can recover, honest about whether anything was lost."""
    if encoding is None and not _is_declared_encoding(content):
        # A wrong or absent declaration: Windows-1252 reads every byte, and numbers and times are ASCII.
        content, encoding = content.decode("cp1252", "replace").encode(), "utf-8"
    parser = _parser(encoding, recover=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        root = None
    line = _line_of(error)
    if root is None:
        raise CorruptFileError("not well-formed XML", line=line)
    _without_dtd(root)
    _drop_prefixes(root)
    losses = [e for e in parser.error_log if e.level >= _FATAL and e.type != _PREFIX_UNDECLARED]
    if not losses:
        return Document(root)
    if _CUT_INSIDE_TEXT.fullmatch(_last_tag(content)):
        _blank_last_text(root)
    where = f" at line {losses[0].line}" if losses[0].line else ""
    return Document(root, partial=True, warnings=(f"not well-formed XML{where}: kept what could be read",))


def _is_declared_encoding(content: bytes) -> bool:
    declared = _DECLARED.match(content)
    try:
        codec = codecs.lookup(declared[1].decode("ascii") if declared else "utf-8")
        content.decode(codec.name)
    except (LookupError, UnicodeDecodeError, ValueError):
        return False
    return True


def _last_tag(content: bytes) -> bytes:
    at = content.rfind(b"<")
    end = content.find(b">", at)
    return content[at : end + 1] if end >= 0 else b""


def _blank_last_text(root: Any) -> None:
    # The break cut a value short: `<hr>14` may have been 148.
    last = root
    while len(last):
        last = last[-1]
    if isinstance(last.tag, str):
        last.text = None
    else:
        last.tail = None  # an entity that nothing stands for: the value goes on behind it


def _drop_prefixes(root: Any) -> None:
    for element in root.iter(etree.Element):
        tag = element.tag
        if ":" in tag and not tag.startswith("{"):
            with contextlib.suppress(ValueError):  # what is behind the colon is no name: nobody asks for it
                element.tag = tag.rpartition(":")[2]


def _line_of(error: etree.XMLSyntaxError) -> int | None:
    line = error.lineno
    return int(line) if line else None


def _without_dtd(root: Any) -> Any:
    # The prolog was scanned already; this holds even if an encoding outwitted the scan.
    if root.getroottree().docinfo.internalDTD is not None:
        raise HostileFileError("the file declares a DOCTYPE")
    return root
