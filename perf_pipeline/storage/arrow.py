"""pyarrow without pandas."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _NoPandas(MetaPathFinder):
    """Finds no pandas."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError("pyarrow is to do without it", name=fullname)
        return None


def do_without_pandas() -> None:
    """Spares this process what pyarrow does with the first value of all: import pandas, to see whether it is a frame.

    That takes a third of a second and 60 MB. Whoever in this process has imported pandas keeps the two together;
    whoever imports it later has both, but neither's conversion to the other.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([])  # pyarrow looks for pandas once
    finally:
        sys.meta_path.remove(finder)
