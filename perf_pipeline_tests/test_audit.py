"""The audit of CI: a key that was put into a tracked file is found, and no claim is made of what could not be asked."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venv-audit" / "bin" / "python"


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(root: Path, what: str) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, ROOT / ".ci" / "audit.py", what, "--root", root]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_planted_key_is_found_until_somebody_has_looked_at_it(tmp_path: Path) -> None:
    if not PYTHON.exists():
        pytest.skip("the tools of the audit are not there: make audit")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".ci").mkdir()
    # Put together here, so that this file holds none.
    (tmp_path / "settings.ini").write_text("aws_access_key_id = " + "AKIA" + "IOSFODNN7ABCDEFG" + "\n")
    (tmp_path / "key.pem").write_text("-----BEGIN " + "RSA PRIVATE KEY-----\nMIIB\n")
    (tmp_path / "note.txt").write_text("nothing to see\n")
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    found = ask(tmp_path, "secrets")
    assert found.returncode == 1
    assert "secret? settings.ini:1: AWS Access Key" in found.stdout
    assert "secret? key.pem:1: Private Key" in found.stdout
    assert "note.txt" not in found.stdout
    assert "IOSFODNN7" not in found.stdout
    assert ask(tmp_path, "accept").returncode == 0
    again = ask(tmp_path, "secrets")
    assert again.returncode == 0
    assert again.stdout == "secrets: 0 found, 2 known to be none\n"


def test_a_known_vulnerability_fails_unless_it_is_said_why_it_does_not_concern_us(audit: ModuleType) -> None:
    package = {
        "name": "old", "version": "1.0",
        "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"]}],
    }  # fmt: skip
    words, failed = audit.verdict([package, {"name": "new", "version": "2", "vulns": []}], {})
    assert failed
    assert words == ["vulnerable: old 1.0: PYSEC-1 (mended in 1.1)", "dependencies: 2 audited, 1 findings"]
    assert audit.verdict([package], {"CVE-1": "not called"}) == (["dependencies: 1 audited, 0 findings"], False)


@pytest.mark.parametrize("told", [[], [{"name": "a", "skip_reason": "not found on PyPI"}]])
def test_what_could_not_be_asked_is_said_and_is_no_failure(audit: ModuleType, told: list[dict[str, str]]) -> None:
    words, failed = audit.verdict(told, {})
    assert not failed
    assert "NOT AUDITED" in words[0]
    assert words[-1] == "dependencies: 0 audited, 0 findings"
