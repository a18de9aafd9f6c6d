"""Copying given files into the inbox. The given folder is left as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from perf_pipeline.pipeline import layout
from perf_pipeline.storage.objects import ObjectStore


@dataclass(slots=True)
class Copied:
    """Names (below the athlete's inbox) that were copied, and files that could not be read, with the reason."""

    names: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def files_below(path: Path) -> list[tuple[str, Path]]:
    """(name, file) for every regular file at or below the path, sorted by name."""
    if not path.is_dir():
        return [(path.name, path)]
    return sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file())


def copy_in(store: ObjectStore, handle: str, path: Path, progress: Callable[[int, int], None]) -> Copied:
    """Copies the files into the athlete's inbox.

    Raises `StorageError` where the storage cannot take them; a file that cannot be read is named and left out.
    """
    copied = Copied()
    given = files_below(path)
    for done, (name, file) in enumerate(given, 1):
        try:
            data = file.read_bytes()
        except OSError as error:
            copied.unreadable[str(file)] = error.strerror or str(error)
        else:
            store.put(layout.inbox(handle, name), data)
            copied.names.append(name)
        progress(done, len(given))
    return copied
