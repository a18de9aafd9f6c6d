"""What people write beside their files: `<name>.yaml` about one activity, `profile.yaml` about themselves."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from perf_pipeline.formats.model import CorruptFileError, EmptyFileError, FormatError, HostileFileError

MAX_BYTES = 64_000
_MAX_DEPTH = 20
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What somebody says about one activity: overrides the file's own word where not None."""

    name: str | None = None
    notes: str | None = None
    type: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """What an athlete says about themselves; None where they do not."""

    sex: str | None = None
    birth_date: dt.date | None = None
    timezone: str | None = None
    display_name: str | None = None
    warnings: tuple[str, ...] = ()


def read_sidecar(data: bytes) -> Sidecar:
    """The sidecar in a YAML mapping; FormatError that names the key of a wrong value, warnings for unknown keys."""
    known: dict[str, Callable[[str, Any], Any]] = {"name": _text, "notes": _text, "type": _text}
    return Sidecar(**_values(mapping_of(data), known))


def read_profile(data: bytes) -> Profile:
    """The profile in a YAML mapping; FormatError that names the key of a wrong value, warnings for unknown keys."""
    known: dict[str, Callable[[str, Any], Any]] = {
        "sex": _sex,
        "birth_date": _date,
        "timezone": _timezone,
        "display_name": _text,
    }
    return Profile(**_values(mapping_of(data), known))


def storable(text: str) -> str:
    """The text without what a database refuses or a screen obeys: control characters, halves of surrogate pairs."""
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode()


def is_yaml_name(name: str) -> bool:
    """Whether a name claims to be YAML."""
    return name.lower().endswith((".yaml", ".yml"))


def is_profile_name(name: str) -> bool:
    """Whether a name is that of a profile, in whatever folder."""
    return name.replace("\\", "/").rpartition("/")[2].lower() in {"profile.yaml", "profile.yml"}


def _values(given: Mapping[str, Any], known: Mapping[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    values = {key: read(key, given[key]) for key, read in known.items() if given.get(key) is not None}
    unknown = sum(1 for key in given if key not in known)
    # Keys are contents: a slip of the pen may put a value there, so short plain words only are repeated.
    named = sorted(key for key in given if key not in known and key.isidentifier() and len(key) <= 40)
    if unknown:
        values["warnings"] = (f"{unknown} unknown keys: {', '.join(named[:20]) or 'not plain words'}",)
    return values


def mapping_of(data: bytes) -> dict[str, Any]:
    """The YAML mapping in the bytes, by bounds of size, depth and kind; the FormatError family."""
    if not data.strip():
        raise EmptyFileError("the file has no bytes")
    if len(data) > MAX_BYTES:
        raise HostileFileError(f"more than {MAX_BYTES} bytes of YAML")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptFileError("not UTF-8", offset=error.start) from None
    try:
        _refuse_tricks(text)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise CorruptFileError("not YAML", line=mark.line + 1 if mark else None) from None
    except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError, RecursionError):
        # PyYAML makes dates and numbers while loading, and lets their errors through.
        raise CorruptFileError("a value that YAML cannot make") from None
    if not isinstance(content, dict):
        raise CorruptFileError("not a mapping of keys to values")
    return {str(key): value for key, value in content.items()}


def _refuse_tricks(text: str) -> None:
    """Aliases multiply a small file into a large one, and nesting exhausts the stack; neither has a use here."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise HostileFileError("YAML aliases are not accepted")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise HostileFileError("YAML nested too deeply")


def _text(key: str, value: Any) -> str:
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return storable(str(value)).strip()
    raise FormatError(f"{key} is not a text")


def _sex(key: str, value: Any) -> str:
    words = {"f": "female", "female": "female", "m": "male", "male": "male"}
    word = words.get(str(value).strip().lower())
    if word is None:
        raise FormatError(f"{key} is neither female nor male")
    return word


def _date(key: str, value: Any) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value).strip())
    except ValueError:
        raise FormatError(f"{key} is not a date such as 1990-12-31") from None


def _timezone(key: str, value: Any) -> str:
    name = str(value).strip()
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise FormatError(f"{key} is not a time zone such as Europe/Berlin") from None
    return name
