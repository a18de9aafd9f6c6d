"""The version of a stage's code: a hash of its source and of everything of ours that it imports.

Nobody bumps a constant: an edit to a helper three imports away changes the version of every stage that uses it, and of
no other. Comments, docstrings and layout do not count (the syntax tree is hashed, not the text).
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

from perf_pipeline.pipeline.code_digests import PACKAGE, Digest, Digests, own_digests


def code_version(*modules: str, root: Path | None = None) -> str:
    """Hash (16 hex digits) of the modules named and of all of ours that they import, directly or not.

    `root` is the folder that holds the package, for tests that edit a copy of it.
    """
    if root is None:
        return _own_version(modules)
    digests = Digests()
    return _version_of(modules, lambda module: _digest_of(module, root, digests))


@cache
def _own_version(modules: tuple[str, ...]) -> str:
    """The version of the code that runs: what is on disk may be another by now, and a run asks for it fifty times."""
    version = _version_of(modules, _own_digest)
    own_digests().keep()
    return version


@cache
def _own_digest(module: str) -> Digest | None:
    return _digest_of(module, _package_root(), own_digests())


def _version_of(modules: tuple[str, ...], digest_of: Callable[[str], Digest | None]) -> str:
    seen: dict[str, str] = {}
    queue = list(modules)
    while queue:
        module = queue.pop()
        if module in seen:
            continue
        found = digest_of(module)
        if found is None:
            continue
        seen[module], imports = found
        queue.extend(imports)
    if not seen:
        raise ModuleNotFoundError(f"no source for {modules}")
    joined = "\n".join(f"{name} {seen[name]}" for name in sorted(seen))
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


@cache
def _package_root() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(PACKAGE)
    return Path(spec.origin).parent.parent


def _digest_of(module: str, base: Path, digests: Digests) -> Digest | None:
    """The digest of the module's file; None for what is no module, such as a name imported from one."""
    stem = base.joinpath(*module.split("."))
    for candidate in (stem.with_suffix(".py"), stem / "__init__.py"):
        if candidate.is_file():
            return digests.of(candidate.read_bytes())
    return None
