"""Secrets in the tracked files, and known vulnerabilities of the locked packages. Run by `make audit`.

    python .ci/audit.py secrets        exit code 1 where a file holds what looks like a secret and is not accepted
    python .ci/audit.py accept         accept what is there now (hashes go to .ci/accepted_secrets.json)
    python .ci/audit.py dependencies   exit code 1 where a locked version is known to be vulnerable

Advisories that cannot be asked for are no failure of the change under test: that is said, and nothing is claimed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
ACCEPTED_SECRETS = Path(".ci") / "accepted_secrets.json"
ACCEPTED_ADVISORIES: dict[str, str] = {}
"""Advisories that do not concern us: id, and why not."""
LOCKS = ("requirements.lock", "requirements-cluster.lock")
"""What is installed where the pipeline runs; the tools of developers are not."""
BIN = Path(sys.executable).parent

Found = set[tuple[str, str, str]]


def main() -> int:
    """Does what is asked and says what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["secrets", "accept", "dependencies"])
    parser.add_argument("--root", type=Path, default=ROOT)
    options = parser.parse_args()
    if options.what == "dependencies":
        words, failed = verdict(advisories(options.root), ACCEPTED_ADVISORIES)
    elif options.what == "accept":
        found = scan(options.root)
        (options.root / ACCEPTED_SECRETS).write_text(json.dumps(sorted(found), indent=1) + "\n")
        words, failed = [f"secrets: {len(found)} accepted"], False
    else:
        words, failed = news(scan(options.root), accepted(options.root))
    print(*words, sep="\n")  # noqa: T201 - what CI shows
    return int(failed)


def scan(root: Path) -> dict[tuple[str, str, str], int]:
    """What looks like a secret in the files that git tracks: (file, kind, hash of it), and its line; asks nobody."""
    command = [BIN / "detect-secrets", "scan", "--no-verify", "--exclude-files", re.escape(str(ACCEPTED_SECRETS))]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return {
        (path, one["type"], one["hashed_secret"]): one["line_number"]
        for path, some in json.loads(done.stdout)["results"].items()
        for one in some
    }


def accepted(root: Path) -> Found:
    """What somebody has looked at and found to be none: examples, and passwords of tests."""
    path = root / ACCEPTED_SECRETS
    return {tuple(one) for one in json.loads(path.read_text())} if path.exists() else set()


def news(found: dict[tuple[str, str, str], int], known: Found) -> tuple[list[str], bool]:
    """What to say of the secrets found, and whether that is a failure."""
    fresh = {key: line for key, line in found.items() if key not in known}
    words = [f"secret? {path}:{line}: {kind}" for (path, kind, _), line in sorted(fresh.items())]
    if fresh:
        words.append("Take it out and revoke it; where it is none: make audit-accept")
    return [*words, f"secrets: {len(fresh)} found, {len(found) - len(fresh)} known to be none"], bool(fresh)


def advisories(root: Path) -> list[dict[str, Any]]:
    """Each locked package as pip-audit tells of it; an empty list where it could not ask at all."""
    told: dict[str, dict[str, Any]] = {}
    for lock in LOCKS:
        command = [BIN / "pip-audit", "--requirement", lock, "--require-hashes", "--disable-pip", "--format", "json",
                   "--progress-spinner", "off", "--timeout", "15"]  # fmt: skip
        done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
        if not done.stdout.startswith("{"):
            return []
        told.update({f"{one['name']} {one.get('version', '')}": one for one in json.loads(done.stdout)["dependencies"]})
    return list(told.values())


def verdict(packages: list[dict[str, Any]], known: dict[str, str]) -> tuple[list[str], bool]:
    """What to say of the packages, and whether that is a failure.

    pip-audit finds "no known vulnerabilities" also where its service knows none of the packages: those do not count.
    """
    asked = [one for one in packages if "skip_reason" not in one]
    words, failed = [], False
    for package in asked:
        for one in package.get("vulns", ()):
            names = {one["id"], *one.get("aliases", ())}
            if names & known.keys():
                continue
            fixed = ", ".join(one.get("fix_versions", ())) or "no version yet"
            words.append(f"vulnerable: {package['name']} {package['version']}: {one['id']} (mended in {fixed})")
            failed = True
    if len(asked) < max(len(packages), 1):
        words.append(
            f"dependencies: NOT AUDITED: {len(packages) - len(asked)} of {len(packages)} packages; the "
            "advisory service cannot be reached from here. Run make audit where it can"
        )
    return [*words, f"dependencies: {len(asked)} audited, {len(words) if failed else 0} findings"], failed


if __name__ == "__main__":
    raise SystemExit(main())
