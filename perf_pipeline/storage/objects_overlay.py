"""A store laid over another one that is only read: what is written goes to a folder beside it.

For work that must see the archive and change nothing in it, such as a rebuild that is compared with what is there.
"""

from __future__ import annotations

import builtins
import heapq
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from perf_pipeline.storage.errors import ObjectMissingError, WrongUrlError
from perf_pipeline.storage.objects import ObjectInfo, ObjectStore
from perf_pipeline.storage.objects_local import LocalObjectStore

SCHEME = "overlay:"
_GONE = ".gone"


def overlay_url(folder: Path, base_url: str, tops: builtins.list[str]) -> str:
    """The URL of a store over `base_url`, of which the folders `tops` are seen, with its own objects in `folder`."""
    return f"{SCHEME}{quote(str(folder))}?base={quote(base_url, safe='')}&tops={','.join(tops)}"


class OverlayObjectStore(ObjectStore):
    """Objects of `folder` before those of the base; a base object that was deleted here is hidden here alone."""

    def __init__(self, folder: Path, base: ObjectStore, tops: tuple[str, ...]) -> None:
        self.own = LocalObjectStore(folder)
        self.base = base
        self.tops = tops

    @staticmethod
    def parsed(url: str) -> OverlayObjectStore:
        from urllib.parse import unquote

        parts = urlsplit(url)
        told = parse_qs(parts.query)
        if not parts.path or "base" not in told:
            raise WrongUrlError(
                f"the storage URL {url!r} names no store to lie over", "Give a directory or s3://bucket"
            )
        tops = tuple(told.get("tops", [""])[0].split(","))
        return OverlayObjectStore(Path(unquote(parts.path)), ObjectStore.from_url(told["base"][0]), tops)

    def prepare(self) -> None:
        self.own.prepare()

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        seen = self.base.list(prefix) if self._shown(prefix) else iter(())
        under = (item for item in seen if self._under(item.key))
        last = None
        for item in heapq.merge(self.own.list(prefix), under, key=lambda item: item.key):
            if item.key != last and not item.key.startswith(f"{_GONE}/"):
                yield item
            last = item.key

    def list_folders(self, prefix: str = "") -> builtins.list[str]:
        below = self.base.list_folders(prefix) if self._shown(prefix) else []
        return sorted({*below, *self.own.list_folders(prefix)} - {_GONE})

    def get(self, key: str) -> bytes:
        try:
            return self.own.get(key)
        except ObjectMissingError:
            if not self._under(key):
                raise
        return self.base.get(key)

    def put(self, key: str, data: bytes) -> None:
        self.own.put(key, data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        return not self.exists(key) and self.own.put_if_absent(key, data)

    def find(self, key: str) -> ObjectInfo | None:
        return self.own.find(key) or (self.base.find(key) if self._under(key) else None)

    def delete(self, key: str) -> None:
        self.own.delete(key)
        if self._under(key):
            self.own.put(f"{_GONE}/{key}", b"")

    def move(self, source: str, target: str) -> None:
        self.own.move(source, target)

    def remove_empty_folders(self, prefix: str) -> None:
        self.own.remove_empty_folders(prefix)

    def url(self, key: str = "") -> str:
        return self.own.url(key)

    def _shown(self, prefix: str) -> bool:
        return prefix.split("/", maxsplit=1)[0] in {"", *self.tops}

    def _under(self, key: str) -> bool:
        """Whether the base's object of that key is seen."""
        return key.split("/", maxsplit=1)[0] in self.tops and self.own.find(f"{_GONE}/{key}") is None
