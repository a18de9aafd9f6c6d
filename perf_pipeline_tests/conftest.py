"""Fixtures that every room of the tests may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpus_dir() -> Path:
    """The folder of real files, or a skip that says how to get it."""
    folder = os.environ.get("PERF_TEST_CORPUS")
    if not folder:
        pytest.skip("PERF_TEST_CORPUS is not set: no folder of real files to read")
    path = Path(folder)
    if not path.is_dir():
        pytest.skip(f"PERF_TEST_CORPUS names {folder}, which is not a folder")
    return path
