"""The second reading: the same bytes through fitparse, gpxpy and tcxreader, in the same model.

It is here to disagree with: `formats.agreement` compares it with our own readers, and where ours refuse a file this one
is asked before the file goes to quarantine. It is slow and drops what these libraries drop; nothing else may
rely on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from perf_pipeline.formats.model import (
    ActivityFile,
    CorruptFileError,
    EmptyFileError,
    FormatError,
    HostileFileError,
    UnknownFormatError,
)

_T = TypeVar("_T")
_MAX_BYTES = 256 << 20
_HEAD = 4096
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_DECLARED_ENCODING = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_FORBIDDEN = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_ROOT = re.compile(r"<(?:[\w.-]+:)?(gpx|TrainingCenterDatabase)[\s>/]", re.IGNORECASE)
_ENCODINGS = frozenset(
    {
        "utf-8",
        "utf8",
        "us-ascii",
        "ascii",
        "iso-8859-1",
        "latin1",
        "latin-1",
        "iso-8859-15",
        "windows-1252",
        "utf-16",
    }
)


def read_reference(data: bytes) -> ActivityFile:
    """Everything that the public libraries make of the unpacked bytes of one FIT, GPX or TCX file.

    Raises EmptyFileError, UnknownFormatError, HostileFileError (a DOCTYPE) or CorruptFileError; nothing else.
    """
    if not data:
        raise EmptyFileError("the file is empty")
    if len(data) > _MAX_BYTES:
        raise HostileFileError(f"more than {_MAX_BYTES >> 20} MiB")
    if data[8:12] == b".FIT":
        from perf_pipeline.formats.reference_fit import read_fit

        return _guarded("fitparse", read_fit, data)
    text = safe_xml_text(data)
    root = _ROOT.search(text[:_HEAD])
    if root is None:
        raise UnknownFormatError("neither FIT, GPX nor TCX")
    if root.group(1).lower() == "gpx":
        from perf_pipeline.formats.reference_gpx import read_gpx

        return _guarded("gpxpy", read_gpx, text)
    from perf_pipeline.formats.reference_tcx import read_tcx

    return _guarded("tcxreader", read_tcx, text)


def safe_xml_text(data: bytes) -> str:
    """The document as text without its XML declaration, from an encoding that cannot hide a DOCTYPE.

    The libraries then see UTF-8 whatever the file was written in: what was searched is what they parse.
    Raises UnknownFormatError where the bytes are no text, HostileFileError at a DOCTYPE or an ENTITY.
    """
    text = _decode(data)
    if _FORBIDDEN.search(text):
        raise HostileFileError("a DOCTYPE or ENTITY declaration")
    return _DECLARATION.sub("", text, count=1).lstrip()


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif data[:1] == b"\x00":
        encoding = "utf-16-be"
    elif data[1:2] == b"\x00":
        encoding = "utf-16-le"
    else:
        declared = _DECLARED_ENCODING.search(data[:_HEAD])
        name = declared.group(1).decode("ascii").lower() if declared else "utf-8"
        # Eight-bit bytes that say they are UTF-16 were recoded by someone who left the declaration alone.
        encoding = "utf-8-sig" if name in {"utf-8", "utf8", "utf-16"} else name
        if name not in _ENCODINGS:
            raise UnknownFormatError("text in an encoding that we do not read")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnknownFormatError("neither FIT nor text", offset=error.start) from None


def _guarded(library: str, read: Callable[[_T], ActivityFile], source: _T) -> ActivityFile:
    """Turn what a library raises into our error: its messages quote contents, so only the type is told."""
    try:
        return read(source)
    except FormatError:
        raise
    except Exception as error:  # noqa: BLE001  # what a third party raises is not for us to know
        line = getattr(error, "lineno", None)
        reason = f"{library} refused it: {type(error).__name__}"
        raise CorruptFileError(reason, line=line if isinstance(line, int) else None) from None
