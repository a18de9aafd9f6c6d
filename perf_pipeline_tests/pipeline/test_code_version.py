"""What makes a stage's code another one: an edit anywhere in what it imports, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import perf_pipeline
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.month_tasks import STAGE_MODULES

EFFORTS = "perf_pipeline.pipeline.stages.efforts"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that may be edited."""
    source = Path(perf_pipeline.__file__).parent
    shutil.copytree(source, tmp_path / "perf_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def edit(root: Path, module: str, old: str, new: str) -> None:
    path = root / "perf_pipeline" / module
    text = path.read_text()
    assert old in text, f"{module} no longer holds {old!r}"
    path.write_text(text.replace(old, new, 1))
    later = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(later, later))


def toy(root: Path, **modules: str) -> None:
    for name, text in modules.items():
        path = root / "perf_pipeline" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def test_a_copy_of_the_code_has_the_version_of_the_original(copy: Path) -> None:
    assert code_version(EFFORTS, root=copy) == code_version(EFFORTS)


def test_an_edit_three_imports_away_changes_the_version(tmp_path: Path) -> None:
    chain = {
        "a": "from perf_pipeline.b import f", "b": "import perf_pipeline.c", "d": "FACT = 1",
        "c": "def late():\n    from perf_pipeline import d\n    return d.FACT",
    }  # fmt: skip
    toy(tmp_path, **chain)
    before = code_version("perf_pipeline.a", root=tmp_path)
    toy(tmp_path, d="FACT = 2")
    os.utime(tmp_path / "perf_pipeline" / "d.py", (1, 1))
    assert code_version("perf_pipeline.a", root=tmp_path) != before


def test_an_edit_of_a_table_of_bounds_changes_the_stages_that_read_it_and_no_other(copy: Path) -> None:
    before = {stage: code_version(*modules, root=copy) for stage, modules in STAGE_MODULES.items()}
    edit(
        copy,
        "physiology/bounds.py",
        "from __future__ import annotations",
        "from __future__ import annotations\nNEW = 1",
    )
    after = {stage: code_version(*modules, root=copy) for stage, modules in STAGE_MODULES.items()}
    changed = {stage for stage in before if before[stage] != after[stage]}
    assert changed == {"activities", "activity_efforts", "mean_maximal_curves", "activity_signals", "activity_metrics"}


def test_an_edit_of_a_reader_changes_the_streams(copy: Path) -> None:
    modules = STAGE_MODULES["activity_streams"]
    before = code_version(*modules, root=copy)
    edit(
        copy, "formats/fit_scan.py", "from __future__ import annotations", "from __future__ import annotations\nNEW = 1"
    )
    assert code_version(*modules, root=copy) != before


def test_an_edit_of_how_sports_are_inferred_changes_every_stage_that_a_sport_decides(copy: Path) -> None:
    before = {stage: code_version(*modules, root=copy) for stage, modules in STAGE_MODULES.items()}
    edit(copy, "physiology/sport_inference.py", "LEAST_CONFIDENCE = 0.9", "LEAST_CONFIDENCE = 0.8")
    after = {stage: code_version(*modules, root=copy) for stage, modules in STAGE_MODULES.items()}
    changed = {stage for stage in before if before[stage] != after[stage]}
    assert changed == {"activities", "activity_efforts", "mean_maximal_curves", "activity_signals", "activity_metrics"}


def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path) -> None:
    toy(tmp_path, a='"""One."""\ndef f(x):\n    """Two."""\n    return (x + 1)\n')
    before = code_version("perf_pipeline.a", root=tmp_path)
    toy(tmp_path, a='"""Other."""\n\n# why\ndef f( x ):\n    """Else."""\n    return x+1  # so\n')
    os.utime(tmp_path / "perf_pipeline" / "a.py", (1, 1))
    assert code_version("perf_pipeline.a", root=tmp_path) == before


def test_what_nobody_imports_does_not_count(tmp_path: Path) -> None:
    toy(tmp_path, a="X = 1", b="Y = 1")
    before = code_version("perf_pipeline.a", root=tmp_path)
    toy(tmp_path, b="Y = 2")
    assert code_version("perf_pipeline.a", root=tmp_path) == before


def test_modules_that_import_each_other_have_a_version(tmp_path: Path) -> None:
    toy(tmp_path, a="import perf_pipeline.b", b="import perf_pipeline.a")
    assert code_version("perf_pipeline.a", root=tmp_path) == code_version("perf_pipeline.b", root=tmp_path)


def test_a_module_without_source_is_an_error_and_not_a_version(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        code_version("perf_pipeline.nowhere", root=tmp_path)
