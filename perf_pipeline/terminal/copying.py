"""Copying given files into the inbox. The given folder is left as it is."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from perf_pipeline.pipeline import layout
from perf_pipeline.storage.errors import InvalidKeyError
from perf_pipeline.storage.objects import ObjectStore

CONTAINER_MAGIC = (b"\x1f\x8b", b"PK")
"""Beginnings of gzip and zip: what arrives of such a file has other bytes than the file."""

KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(slots=True)
class Copied:
    """What was copied, by name below the athlete's inbox: the SHA-256 of plain files, the names of containers.

    `unreadable` maps what could not be read to the reason.
    """

    plain: dict[str, str] = field(default_factory=dict)
    containers: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def given(self) -> int:
        return len(self.plain) + len(self.containers) + len(self.unreadable)


def files_below(path: Path) -> tuple[list[tuple[str, Path]], dict[str, str]]:
    """(name, path) of everything at or below the path that is not a folder, sorted; and folders that cannot be read."""
    if not path.is_dir():
        return [(shown(path.name), path)], {}
    found: list[tuple[str, Path]] = []
    unreadable: dict[str, str] = {}

    def note(error: OSError) -> None:
        unreadable[shown(error.filename)] = error.strerror or str(error)

    for folder, folders, names in os.walk(path, onerror=note):
        folders.sort()
        # A link to a folder is not followed (it may lead anywhere, or back here): it is named as what it is.
        links = [name for name in folders if Path(folder, name).is_symlink()]
        found += [(shown(Path(folder, n).relative_to(path).as_posix()), Path(folder, n)) for n in (*names, *links)]
    return sorted(found), unreadable


def shown(path: str | Path) -> str:
    """The path as text that every terminal and JSON can take."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def read(path: Path) -> bytes:
    """The bytes of a regular file; raises `OSError` for anything else, and never waits for a writer of a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(_what_it_is(mode))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _what_it_is(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a link to a folder, which is not followed; give that folder itself"
    return next((f"{words}, not a file" for is_kind, words in KINDS if is_kind(mode)), "not a file")


def _reason(path: Path, error: OSError) -> str:
    if path.is_symlink() and not path.exists():
        return "a link to a file that is not there"
    if path.is_socket():
        return "a socket, not a file"
    return error.strerror or str(error)


def copy_in(store: ObjectStore, handle: str, path: Path, progress: Callable[[int, int], None]) -> Copied:
    """Copies the files into the athlete's inbox.

    Raises `StorageError` where the storage cannot take them; a file that cannot be read is named and left out.
    """
    given, unreadable = files_below(path)
    copied = Copied(unreadable=unreadable)
    for done, (name, file) in enumerate(given, 1):
        try:
            data = read(file)
            _put(store, handle, name, data, copied)
        except OSError as error:
            copied.unreadable[shown(file)] = _reason(file, error)
        except InvalidKeyError as error:
            copied.unreadable[shown(file)] = str(error)  # a name that no storage can hold
        progress(done, len(given))
    return copied


def _put(store: ObjectStore, handle: str, name: str, data: bytes, copied: Copied) -> None:
    """Puts the file without ever replacing another one of that name which still waits in the inbox."""
    digest = hashlib.sha256(data).hexdigest()
    if not store.put_if_absent(layout.inbox(handle, name), data) and store.get(layout.inbox(handle, name)) != data:
        name = f"{digest[:16]}/{name}"
        store.put(layout.inbox(handle, name), data)
    if data.startswith(CONTAINER_MAGIC):
        copied.containers.append(name)
    else:
        copied.plain[name] = digest
