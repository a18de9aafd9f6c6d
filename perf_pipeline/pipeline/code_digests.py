"""What a source file says, as a hash of its syntax tree, and what of ours it imports; kept between processes.

Walking the trees of some 150 files costs a process a second or two, and every process that loads the assets would walk
them again. So what was found is kept beside Python's own bytecode, under the hash of the file's bytes: an edited file
has another one, whatever its date says, and what is kept can only be what this same code found in these same bytes.
Where nothing can be written, or `PYTHONDONTWRITEBYTECODE` forbids it, the trees are walked each time.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PACKAGE = "perf_pipeline"
MOST_KEPT = 2_000
"""Versions of files; beyond that, those that the process at hand has not asked for are let go."""

Digest = tuple[str, tuple[str, ...]]
"""Hash of the tree, names of what may be modules of ours."""


@dataclass
class Digests:
    """Digests by hash of bytes. Those of a `place` (a file) are read from it once, and kept there by `keep`."""

    place: Path | None = None
    _known: dict[str, Digest] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _written: int = 0

    def __post_init__(self) -> None:
        if self.place is not None:
            self._known = _read(self.place)
            self._written = len(self._known)

    def of(self, source: bytes) -> Digest:
        """The digest of this source."""
        key = hashlib.sha256(source).hexdigest()
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = digest(source)
        self._asked.add(key)
        return found

    def keep(self) -> None:
        """Writes down what was found since the last time. That nothing can be written is no error."""
        if self.place is None or len(self._known) == self._written or sys.dont_write_bytecode:
            return
        self._known = {**_read(self.place), **self._known}  # another process may have written meanwhile
        if len(self._known) > MOST_KEPT:
            self._known = {key: self._known[key] for key in self._asked}
        self._written = len(self._known)
        with contextlib.suppress(OSError):
            _write(self.place, self._known)


@cache
def own_digests() -> Digests:
    """Those of the code that runs."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.cached is None:
        return Digests()
    # The tree of a file is another one for another Python, and for another way to hash it.
    way = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    return Digests(Path(spec.cached).with_name(f"code_digests.{platform.python_version()}.{way}.json"))


def digest(source: bytes) -> Digest:
    """Parses the source; comments, docstrings and layout do not count."""
    tree = ast.parse(source)
    imports: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names if alias.name.startswith(PACKAGE + "."))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            imports.add(node.module)
            imports.update(f"{node.module}.{alias.name}" for alias in node.names)
    _strip_docstrings(tree)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(imports))


def _strip_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)] or [ast.Pass()]


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _read(place: Path) -> dict[str, Digest]:
    """What the file holds; nothing where it is not there or not whole."""
    try:
        told, _, text = place.read_text().partition("\n")
        if hashlib.sha256(text.encode()).hexdigest() != told:
            return {}
        return {key: (found, tuple(imports)) for key, (found, imports) in json.loads(text).items()}
    except (OSError, ValueError):
        return {}


def _write(place: Path, digests: dict[str, Digest]) -> None:
    text = json.dumps(digests)
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        fresh.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)
