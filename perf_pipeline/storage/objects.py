"""Object storage: one interface to a directory and to S3.

A failed listing is an error and never an empty listing; a put is seen whole or not at all.
"""

from __future__ import annotations

import builtins
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from perf_pipeline.storage.errors import InvalidKeyError, ObjectMissingError, StorageUnavailableError, WrongUrlError

PROBE_PREFIX = ".probe"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object: `size` in bytes, `modified` in UTC, `etag` changes whenever the contents do."""

    key: str
    size: int
    modified: datetime
    etag: str | None = None


def checked_key(key: str) -> str:
    """The key, where it can name an object below the root; raises `InvalidKeyError` where it cannot.

    >>> checked_key("inbox/ann/ride.fit")
    'inbox/ann/ride.fit'
    """
    parts = key.split("/")
    if "\x00" in key:
        raise InvalidKeyError(f"the key {key!r} holds a NUL")
    if not key or key.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        raise InvalidKeyError(f"the key {key!r} is not a plain relative path")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise InvalidKeyError(f"the key {key!r} is not valid text") from None
    return key


def checked_prefix(prefix: str) -> str:
    """The prefix as a folder: empty, or ending with a slash."""
    stripped = prefix.removesuffix("/")
    return f"{checked_key(stripped)}/" if stripped else ""


class ObjectStore(ABC):
    """Objects under keys such as `archive/athlete=ann/month=2026-05/<sha256>.fit`.

    Every method raises `StorageUnavailableError` where the store cannot be used, `ObjectMissingError` where an object
    is asked for that is not there, `StorageFullError` where there is no room, `InvalidKeyError` for a key that leads
    out of the store. A store is picklable, and safe to use from several threads and processes.
    """

    @staticmethod
    def from_url(url: str) -> ObjectStore:
        """The store that a URL names: a directory (bare or `file://`), or `s3://bucket/prefix`; touches nothing."""
        if not url.strip():
            raise WrongUrlError("the storage URL is empty", "Give a directory or s3://bucket/prefix")
        parts = urlsplit(url)
        if parts.scheme == "s3":
            from perf_pipeline.storage.objects_s3 import S3ObjectStore

            if not parts.netloc or "@" in parts.netloc:
                raise WrongUrlError(
                    f"the storage URL {url!r} names no bucket",
                    "Write it as s3://bucket/prefix; credentials belong in the AWS variables",
                )
            return S3ObjectStore(parts.netloc, parts.path.strip("/"))
        from perf_pipeline.storage.objects_local import LocalObjectStore

        if parts.scheme == "overlay":
            from perf_pipeline.storage.objects_overlay import OverlayObjectStore

            return OverlayObjectStore.parsed(url)
        if parts.scheme == "file":
            return LocalObjectStore(Path(unquote(parts.path)))
        if "://" in url:
            raise WrongUrlError(
                f"the storage URL {url!r} is of no kind that we know", "Give a directory or s3://bucket/prefix"
            )
        return LocalObjectStore(Path(url).expanduser().absolute())

    @abstractmethod
    def prepare(self) -> None:
        """Make the root, where that is a directory that is not there yet. A bucket is never made."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """All objects below the folder `prefix`, at any depth, sorted by key; none where the folder is not there."""

    @abstractmethod
    def list_folders(self, prefix: str = "") -> builtins.list[str]:
        """Names of the folders directly below the folder `prefix`, sorted; none where it is not there."""

    @abstractmethod
    def get(self, key: str) -> bytes:
        """The whole object."""

    @abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Write the object so that a reader sees the old bytes or the new, never half."""

    @abstractmethod
    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write the object if the key is free; says whether it was."""

    @abstractmethod
    def find(self, key: str) -> ObjectInfo | None:
        """What there is under the key, or None."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Take the object away; it is fine if it is not there."""

    @abstractmethod
    def move(self, source: str, target: str) -> None:
        """Put the object under another key, atomically at the target, replacing what is there."""

    @abstractmethod
    def url(self, key: str = "") -> str:
        """Where an analyst finds it: a path or an `s3://` URL."""

    def exists(self, key: str) -> bool:
        return self.find(key) is not None

    def info(self, key: str) -> ObjectInfo:
        """What there is under the key; raises `ObjectMissingError`."""
        found = self.find(key)
        if found is None:
            raise ObjectMissingError(key)
        return found

    def delete_many(self, keys: Iterable[str]) -> None:
        """Take all these objects away; it is fine if some are not there."""
        for key in keys:
            self.delete(key)

    def remove_empty_folders(self, prefix: str) -> None:
        """Take away the folders at and below `prefix` that hold nothing (an object store has none)."""
        del prefix

    def sweep(self, prefix: str = "", *, older_than_seconds: float = 3600.0) -> int:
        """Take away what killed writers left half written; says how many files."""
        del prefix, older_than_seconds
        return 0

    def check(self) -> float:
        """Write, read, list and delete a probe; returns the seconds it took."""
        started = time.monotonic()
        key = f"{PROBE_PREFIX}/{secrets.token_hex(8)}"
        data = secrets.token_bytes(64)
        self.put(key, data)
        try:
            if self.get(key) != data or key not in {found.key for found in self.list(PROBE_PREFIX)}:
                raise StorageUnavailableError(
                    f"{self.url()} does not give back what was written to it", "Check what else writes there"
                )
        finally:
            self.delete(key)
        return time.monotonic() - started

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url()!r})"
