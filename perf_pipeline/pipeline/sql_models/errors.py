"""What is wrong with a model, and where."""

from __future__ import annotations


class ModelError(Exception):
    """A model that cannot be built; `path` is below the folder of the models, `line` counts from 1 (0: unknown)."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason
