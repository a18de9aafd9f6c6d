"""The Dockerfile, read: what it copies exists, what it runs works, who runs it is not root."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "Dockerfile").read_text()
BIN = Path(sys.executable).parent


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments), comments left out and continued lines joined."""
    plain = "\n".join(line for line in TEXT.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n", " ", plain)
    return [(line.split(None, 1)[0].upper(), line.split(None, 1)[1].strip()) for line in joined.splitlines() if line]


def last(name: str) -> str:
    return [arguments for instruction, arguments in instructions() if instruction == name][-1]


def ignored() -> set[str]:
    path = ROOT / ".dockerignore"
    return {line.strip() for line in path.read_text().splitlines()} if path.exists() else set()


COPIED = [
    source
    for instruction, arguments in instructions()
    if instruction in {"COPY", "ADD"} and "--from=" not in arguments
    for source in shlex.split(arguments)[:-1]
    if not source.startswith("--")
]


@pytest.mark.parametrize("source", COPIED)
def test_what_is_copied_into_the_image_exists_and_is_not_ignored(source):
    assert list(ROOT.glob(source)), source
    assert source.removeprefix("./").rstrip("/").split("/")[0] not in ignored()


def test_the_package_the_lock_and_the_workspace_are_copied():
    assert {"perf_pipeline", "dbt_like_sql", "requirements.lock", "pyproject.toml", "workspace.yaml"} <= set(COPIED)


def test_the_user_is_not_root_and_is_made_before():
    names = [name for name, _ in instructions()]
    user = last("USER")
    assert user not in {"root", "0"}
    assert any(name == "RUN" and re.search(rf"useradd .*\b{user}\b", arguments) for name, arguments in instructions())
    assert "CMD" not in names[: len(names) - 1 - names[::-1].index("USER")]


def test_the_packages_come_from_the_lock_with_hashes_and_the_lock_has_them():
    installs = [a for name, a in instructions() if name == "RUN" and "pip install" in a]
    assert any('--require-hashes -r "$LOCK"' in " ".join(a.split()) for a in installs)
    assert last("ARG") == "LOCK=requirements.lock"
    assert all("--no-deps" in a or "--require-hashes" in a for a in installs)
    lock = (ROOT / "requirements.lock").read_text()
    packages = re.findall(r"^[a-z0-9][\w.-]*(?:\[[\w,-]+\])?==", lock, re.MULTILINE)
    assert len(packages) > 50
    assert lock.count("--hash=sha256:") >= len(packages)


def test_the_command_it_runs_exists_and_takes_these_options():
    command = json.loads(last("CMD"))
    explained = subprocess.run(
        [str(BIN / command[0]), command[1], "--help"], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    for option in (word for word in command if word.startswith("--")):
        assert option in explained


def test_the_image_has_the_python_that_the_package_asks_for():
    wanted = re.search(r'requires-python = ">=(\d+)\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert wanted is not None
    for base in (arguments for name, arguments in instructions() if name == "FROM"):
        found = re.match(r"python:(\d+)\.(\d+)", base)
        assert found is not None
        assert (int(found[1]), int(found[2])) >= (int(wanted[1]), int(wanted[2]))
