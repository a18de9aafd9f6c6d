"""The examples in the docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from perf_pipeline import physiology

MODULES = [f"perf_pipeline.physiology.{m.name}" for m in pkgutil.iter_modules(physiology.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
