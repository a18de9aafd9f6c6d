"""Ids are UUIDv5 of content, so that a rebuild gives the same ids."""

from __future__ import annotations

import hashlib
import uuid

NAMESPACE = uuid.UUID("6f1c1a0e-63c5-5c0b-9d5e-7e3c1f0a2b4d")
_NAMESPACE = NAMESPACE.bytes
_KEPT_BITS = ~((0xF000 << 64) | (0xC000 << 48))
_VERSION_5 = (5 << 76) | (0x8000 << 48)


def content_id(*parts: object) -> uuid.UUID:
    """The id of a thing from what it is made of (the parts are joined by U+001F, which no name of ours holds)."""
    name = "\x1f".join(map(str, parts)).encode()
    digest = hashlib.sha1(_NAMESPACE + name, usedforsecurity=False).digest()
    # As uuid.uuid5 does it, at half the cost: an activity has dozens of efforts.
    return uuid.UUID(int=int.from_bytes(digest[:16]) & _KEPT_BITS | _VERSION_5)


def profile_id_of(handle: str) -> uuid.UUID:
    return content_id("profile", handle)


def source_file_id_of(profile_id: uuid.UUID, sha256: str) -> uuid.UUID:
    return content_id("source_file", profile_id, sha256)


def arrival_id_of(profile_id: uuid.UUID, name: str, sha256: str) -> uuid.UUID:
    return content_id("arrival", profile_id, name, sha256)


def activity_id_of(profile_id: uuid.UUID, sha256: str, session_index: int) -> uuid.UUID:
    return content_id("activity", profile_id, sha256, session_index)
