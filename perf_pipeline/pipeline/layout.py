"""Where things lie in object storage: every key is made here."""

from __future__ import annotations

import re

from perf_pipeline.storage.errors import InvalidKeyError
from perf_pipeline.storage.objects import checked_key

INBOX = "inbox"
HANDLE = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def is_handle(text: str) -> bool:
    """Whether the text may name an athlete."""
    return HANDLE.fullmatch(text) is not None


def folder(top: str, handle: str) -> str:
    """The athlete's folder below a top one of ours: archive, quarantine, streams, sessions, staging."""
    return f"{top}/athlete={handle}"


def inbox(handle: str, name: str = "") -> str:
    return f"{INBOX}/{handle}/{name}"


def archive(handle: str, month: str, sha256: str, extension: str) -> str:
    return f"archive/athlete={handle}/month={month}/{sha256}.{extension}"


def journal(handle: str, kind: str = "", entry: str = "") -> str:
    """An entry of the athlete's journal, the folder of a kind, or that of all kinds."""
    place = f"archive/athlete={handle}/journal/{kind}"
    return f"{place}/{entry}.jsonl" if entry else place


def quarantine(handle: str, sha256: str, extension: str) -> str:
    return f"quarantine/athlete={handle}/{sha256}.{extension}"


def streams(handle: str, month: str) -> str:
    return f"streams/athlete={handle}/month={month}/streams.parquet"


def sessions(handle: str, month: str) -> str:
    return f"sessions/athlete={handle}/month={month}/sessions.parquet"


def report(handle: str, extension: str) -> str:
    return f"reports/athlete={handle}/report.{extension}"


def outbox(handle: str, name: str = "") -> str:
    """An adapted workout for devices and trainers, or the folder of them all."""
    return f"outbox/{handle}/workouts/{name}"


def curves(handle: str, month: str) -> str:
    return f"curves/athlete={handle}/month={month}/curves.parquet"


def signals(handle: str, month: str) -> str:
    return f"signals/athlete={handle}/month={month}/signals.parquet"


def staging(handle: str, token: str = "", key: str = "") -> str:
    """A name of its own for an object that no row names yet."""
    return f"staging/athlete={handle}/{token}/{key}" if token else f"staging/athlete={handle}/"


def attempts(handle: str, token: str = "") -> str:
    """Where a run says that it reads the athlete's files in its own process, or the folder of those who do."""
    return f"attempts/athlete={handle}/{token}"


def split_inbox(key: str) -> tuple[str, str] | None:
    """(athlete, name) of an inbox key; None for an object outside every athlete's folder, or that no key can name."""
    try:
        parts = checked_key(key).split("/", 2)
    except InvalidKeyError:
        return None  # a listing may show what cannot be asked for: names that are no text, S3 keys with empty parts
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == INBOX and parts[2] else None
