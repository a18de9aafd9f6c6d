"""The folder of models, read: order, meanings, and errors that say where."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from perf_pipeline.pipeline.sql_models import ModelError, load_project
from perf_pipeline.pipeline.sql_models.project import fingerprint, models_folder, named
from perf_pipeline.storage.tables import METADATA

ROOT = models_folder().parent
MACHINERY = {"journal_heads", "journal_pending", "athlete_logins", "athlete_outputs", "delivery_services"}
"""Tables that tell nothing to an analyst."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the real folder, to break."""
    copy = tmp_path / "dbt_like_sql"
    shutil.copytree(models_folder(), copy)
    return copy


def write(folder: Path, name: str, text: str, where: str = "marts") -> None:
    (folder / "models" / where / f"{name}.sql").write_text(text)


def test_each_model_comes_after_those_that_it_refers_to() -> None:
    order = list(load_project().models)
    for name, model in load_project().models.items():
        assert all(order.index(other) < order.index(name) for other in model.refs)


def test_every_table_has_a_staging_model() -> None:
    read = {table for model in load_project().models.values() if model.schema == "staging" for table in model.sources}
    assert read | MACHINERY == set(METADATA.tables) | MACHINERY


def test_marts_read_staging_models() -> None:
    for model in load_project().models.values():
        if model.schema == "marts":
            # One exception, for speed: activity_feed has filtered its activities already.
            assert not model.sources or (model.name, model.sources) == ("activity_feed", ("activity_metrics",))


def test_a_reference_to_nothing_names_file_and_line(folder: Path) -> None:
    write(folder, "wrong", "select 1 as x\n\nfrom {{ ref('stg_activites') }}\n")
    with pytest.raises(ModelError, match=r"^models/marts/wrong\.sql:3: ref\('stg_activites'\) names no model$"):
        load_project(folder)


def test_a_source_that_is_no_table_names_file_and_line(folder: Path) -> None:
    write(folder, "wrong", "select 1 as x\nfrom {{ source('warehouse', 'activites') }}\n")
    with pytest.raises(ModelError, match=r"wrong\.sql:2: source\('warehouse', 'activites'\) names no table"):
        load_project(folder)


def test_a_circle_is_told_with_its_members_and_the_line_of_one(folder: Path) -> None:
    write(folder, "first", "-- a\nselect * from {{ ref('third') }}")
    write(folder, "second", "-- b\nselect * from {{ ref('first') }}")
    write(folder, "third", "-- c\nselect * from {{ ref('second') }}")
    with pytest.raises(ModelError) as told:
        load_project(folder)
    assert told.value.line == 2
    assert told.value.path.startswith("models/marts/")
    assert {"first", "second", "third"} <= set(told.value.reason.replace(" -> ", " ").split())


@pytest.mark.parametrize(
    ("text", "line"),
    [("select 1\n{% if %}", 2), ("select 1\n\n{{ nonsense }}", 3), ("select\n{{ today(", 2)],
)
def test_broken_jinja_names_file_and_line(folder: Path, text: str, line: int) -> None:
    write(folder, "wrong", text)
    with pytest.raises(ModelError) as told:
        load_project(folder)
    assert (told.value.path, told.value.line) == ("models/marts/wrong.sql", line)


def test_a_materialization_that_we_do_not_have_is_refused(folder: Path) -> None:
    write(folder, "wrong", "-- why\n{{ config(materialized='incremental') }}\nselect 1 as x")
    with pytest.raises(ModelError, match=r"wrong\.sql:2: materialized='incremental' is none of"):
        load_project(folder)


def test_a_materialized_view_needs_a_unique_index_to_be_refreshed_concurrently(folder: Path) -> None:
    write(folder, "wrong", "{{ config(materialized='materialized_view') }}\nselect 1 as x")
    with pytest.raises(ModelError, match=r"wrong\.sql:1: concurrent refresh needs a unique index"):
        load_project(folder)


def test_a_description_of_no_model_is_refused(folder: Path) -> None:
    (folder / "models" / "marts" / "more.yml").write_text("models:\n  - name: power_curv\n")
    with pytest.raises(ModelError, match=r"more\.yml: describes 'power_curv', which is no model"):
        load_project(folder)


def test_broken_yaml_names_file_and_line(folder: Path) -> None:
    (folder / "models" / "marts" / "more.yml").write_text("models:\n  - name: 'power\n")
    with pytest.raises(ModelError, match=r"models/marts/more\.yml:\d: is no YAML"):
        load_project(folder)


def test_a_name_that_is_no_model_is_told() -> None:
    with pytest.raises(ModelError, match="there is no such model"):
        named(load_project(), ["power_curves"])


def test_an_edit_changes_the_fingerprint_and_the_definition_of_what_was_edited(folder: Path) -> None:
    before, print_before = load_project(folder), fingerprint(folder)
    path = folder / "models" / "marts" / "power_curve.sql"
    path.write_text(path.read_text().replace("e.effort_type = 'power'", "e.effort_type = 'power' and true"))
    assert fingerprint(folder) != print_before
    load_project.__globals__["_load"].cache_clear()
    after = load_project(folder)
    changed = {name for name in after.models if after.models[name].definition != before.models[name].definition}
    assert changed == {"power_curve"}


def test_the_models_come_with_the_installed_package(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("perf_pipeline", "dbt_like_sql"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(source)], check=True, timeout=180)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(installed)
    code = (
        "from perf_pipeline.pipeline.sql_models.project import load_project, models_folder, fingerprint\n"
        "print(models_folder(), len(load_project().models), fingerprint())"
    )
    environment = {"PYTHONPATH": str(installed), "PATH": ""}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True,
        timeout=60,
    ).stdout.split()  # fmt: skip
    assert told == [str(installed / "dbt_like_sql"), str(len(load_project().models)), fingerprint()]
