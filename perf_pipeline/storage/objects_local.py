"""Objects in a directory."""

from __future__ import annotations

import builtins
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from perf_pipeline.storage.errors import (
    InvalidKeyError,
    ObjectMissingError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
)
from perf_pipeline.storage.objects import ObjectInfo, ObjectStore, checked_key, checked_prefix

PARTIAL_PREFIX, PARTIAL_SUFFIX = ".~", ".part"
"""A file half written: hidden, and never met by `*.parquet`."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_partial(name: str) -> bool:
    return name.startswith(PARTIAL_PREFIX) and name.endswith(PARTIAL_SUFFIX)


class LocalObjectStore(ObjectStore):
    """Objects in a directory. Symbolic links are no objects, and are never followed out of the root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        with self._errors(str(self.root)):
            self.root.mkdir(parents=True, exist_ok=True)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        folder = checked_prefix(prefix)
        self._require_root()
        found: builtins.list[ObjectInfo] = []
        with self._errors(folder or str(self.root)):
            self._walk(self._path(folder), folder, found)
        found.sort(key=lambda info: info.key)
        return iter(found)

    def list_folders(self, prefix: str = "") -> builtins.list[str]:
        folder = checked_prefix(prefix)
        self._require_root()
        with self._errors(folder or str(self.root)):
            try:
                with os.scandir(self._path(folder)) as entries:
                    return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def get(self, key: str) -> bytes:
        path = self._path(checked_key(key))
        with self._errors(key, reading=True):
            return path.read_bytes()

    def put(self, key: str, data: bytes) -> None:
        path = self._path(checked_key(key))
        with self._errors(key):
            with self._partial(path, data) as partial:
                partial.replace(path)
            _sync_folder(path.parent)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        path = self._path(checked_key(key))
        with self._errors(key):
            with self._partial(path, data) as partial:
                try:
                    # A hard link, unlike a rename, refuses a name that is taken.
                    os.link(partial, path)
                except FileExistsError:
                    return False
            _sync_folder(path.parent)
            return True

    def find(self, key: str) -> ObjectInfo | None:
        path = self._path(checked_key(key))
        with self._errors(key):
            try:
                status = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                self._require_root()
                return None
            return _info(key, status) if stat.S_ISREG(status.st_mode) else None

    def delete(self, key: str) -> None:
        path = self._path(checked_key(key))
        with self._errors(key):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                self._require_root()

    def move(self, source: str, target: str) -> None:
        here, there = self._path(checked_key(source)), self._path(checked_key(target))
        with self._errors(source, reading=True):
            if not here.is_file():
                raise FileNotFoundError(errno.ENOENT, "no such object", str(here))
            self._require_root()
            there.parent.mkdir(parents=True, exist_ok=True)
            here.replace(there)
            _sync_folder(there.parent)
            _sync_folder(here.parent)

    def url(self, key: str = "") -> str:
        return str(self.root / key) if key else str(self.root)

    def remove_empty_folders(self, prefix: str) -> None:
        top = self._path(checked_prefix(prefix))
        for folder, _, _ in os.walk(top, topdown=False):
            if Path(folder) != self.root:
                with suppress(OSError):  # not empty (any more), which is the point
                    Path(folder).rmdir()

    def sweep(self, prefix: str = "", *, older_than_seconds: float = 3600.0) -> int:
        limit = time.time() - older_than_seconds
        swept = 0
        for folder, _, names in os.walk(self._path(checked_prefix(prefix))):
            for name in filter(is_partial, names):
                path = Path(folder, name)
                with suppress(FileNotFoundError), self._errors(name):
                    if path.lstat().st_mtime < limit:
                        path.unlink()
                        swept += 1
        return swept

    def _path(self, key: str) -> Path:
        path = self.root / key
        # A link planted in the store must not let a key out of it.
        real_root, real_parent = os.path.realpath(self.root), os.path.realpath(path.parent if key else path)
        if os.path.commonpath([real_root, real_parent]) != real_root or (key and path.is_symlink()):
            raise InvalidKeyError(f"the key {key!r} leads out of {self.root}")
        return path

    def _require_root(self) -> None:
        if not self.root.is_dir():
            raise StorageUnavailableError(
                f"the storage directory {self.root} is not there",
                "Mount or make it, or set PERF_STORAGE_URL to where it is",
            )

    def _walk(self, folder: Path, prefix: str, found: builtins.list[ObjectInfo]) -> None:
        try:
            with os.scandir(folder) as scan:
                entries = list(scan)
        except (FileNotFoundError, NotADirectoryError):
            # Absent, or gone since its parent was read; a root that vanished meanwhile is no empty listing.
            self._require_root()
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                self._walk(folder / entry.name, f"{prefix}{entry.name}/", found)
            elif entry.is_file(follow_symlinks=False) and not is_partial(entry.name):
                with suppress(FileNotFoundError):
                    found.append(_info(prefix + entry.name, entry.stat(follow_symlinks=False)))

    @contextmanager
    def _partial(self, path: Path, data: bytes) -> Iterator[Path]:
        self._require_root()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.parent / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}{PARTIAL_SUFFIX}"
        try:
            with partial.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield partial
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()

    @contextmanager
    def _errors(self, key: str, *, reading: bool = False) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            raise self._translated(error, key, reading=reading) from error

    def _translated(self, error: OSError, key: str, *, reading: bool) -> StorageError:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        if error.errno in _FULL:
            return StorageFullError(
                f"no room left in {self.root} for {key!r}", "Free some space, then run again: nothing is lost", reason
            )
        if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError) and reading:
            self._require_root()
            return ObjectMissingError(key)
        if error.errno == errno.ENAMETOOLONG:
            return InvalidKeyError(f"the key {key[:80]!r} is too long for {self.root}")
        if isinstance(error, IsADirectoryError | NotADirectoryError | FileExistsError):
            return InvalidKeyError(f"the key {key!r} collides with a folder or file of that name in {self.root}")
        if isinstance(error, PermissionError):
            remedy = "Give the user that runs perf-pipeline the right to read and write there"
        else:
            remedy = "Check the disk and the mount, or set PERF_STORAGE_URL to another place"
        return StorageUnavailableError(f"cannot use {key!r} in {self.root}", remedy, reason)


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(
        key,
        status.st_size,
        datetime.fromtimestamp(status.st_mtime, UTC),
        f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}",
    )


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    with suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
