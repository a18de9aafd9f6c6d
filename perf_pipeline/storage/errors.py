"""What can go wrong with storage and database: each error names the thing and the remedy, and holds no secret."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^/@\s]*@")
_SECRET_PARAMETER = re.compile(
    r"(?i)\b(password|secret|token|key|aws_secret_access_key|signature)=[^&\s]+",
)


def without_secrets(text: str) -> str:
    """The text with user names, passwords and keys of URLs taken out.

    >>> without_secrets("postgresql://me:hush@db:5432/perf?password=hush")
    'postgresql://db:5432/perf?password=***'
    """
    return _SECRET_PARAMETER.sub(r"\1=***", _CREDENTIALS.sub(r"\g<scheme>", text))


def _one_line(cause: BaseException | str | None) -> str | None:
    """What the cause says, on one line and without secrets."""
    if cause is None:
        return None
    said = " ".join(str(cause).split())
    return without_secrets(said or type(cause).__name__)[:500]


class StorageError(Exception):
    """Storage or database did not do what was asked.

    `what` names the thing and what is wrong with it, `remedy` what to do about it, `cause` what the layer below said.
    """

    def __init__(self, what: str, remedy: str = "", cause: BaseException | str | None = None) -> None:
        self.what = without_secrets(what)
        self.remedy = remedy
        self.cause = _one_line(cause)
        message = self.what if self.cause is None else f"{self.what} ({self.cause})"
        super().__init__(f"{message}. {remedy}" if remedy else message)

    def __reduce__(self) -> tuple[object, ...]:
        # Errors come back from worker processes, so they are rebuilt from their fields.
        return (type(self), (self.what, self.remedy, self.cause))


class StorageUnavailableError(StorageError):
    """The object store cannot be reached, or does not let us in."""


class ObjectMissingError(StorageError):
    """There is no such object, in a store that otherwise answers."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"there is no object {key!r}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.key,))


class InvalidKeyError(StorageError):
    """The key would lead out of the store, or cannot be a name."""


class StorageFullError(StorageError):
    """There is no room left."""


class CorruptStreamsError(StorageError):
    """A Parquet object of ours cannot be read back."""


class DatabaseUnavailableError(StorageError):
    """The database cannot be reached, does not let us in, or the embedded server does not start."""


class WrongUrlError(StorageError):
    """A URL that names no store or database of a kind that we know."""


class LeaseLostError(StorageError):
    """Another worker has taken over this athlete: nothing of this one may be committed any more."""


class AthleteBusyError(StorageError):
    """Another worker is at work on this athlete."""
