"""The answer of a model that cannot know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """No number, and why, in plain words."""

    reason: str
