"""The version of a stage's code: a hash of its source and of everything of ours that it imports.

Nobody bumps a constant: an edit to a helper three imports away changes the version of every stage that uses it, and of
no other. Comments, docstrings and layout do not count (the syntax tree is hashed, not the text).
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from functools import cache
from pathlib import Path

PACKAGE = "perf_pipeline"


def code_version(*modules: str, root: Path | None = None) -> str:
    """Hash (16 hex digits) of the modules named and of all of ours that they import, directly or not.

    `root` is the folder that holds the package, for tests that edit a copy of it.
    """
    return _version_of(modules, root) if root else _own_version(modules)


@cache
def _own_version(modules: tuple[str, ...]) -> str:
    """The version of the code that runs: what is on disk may be another by now, and a run asks for it fifty times."""
    return _version_of(modules, _package_root())


def _version_of(modules: tuple[str, ...], base: Path) -> str:
    seen: dict[str, str] = {}
    queue = list(modules)
    while queue:
        module = queue.pop()
        if module in seen:
            continue
        path = _file_of(module, base)
        if path is None:
            continue
        digest, imports = _digest(path, path.stat().st_mtime_ns)
        seen[module] = digest
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


def _file_of(module: str, base: Path) -> Path | None:
    stem = base.joinpath(*module.split("."))
    for candidate in (stem.with_suffix(".py"), stem / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _digest(path: Path, _modified_ns: int) -> tuple[str, tuple[str, ...]]:
    tree = ast.parse(path.read_bytes())
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
