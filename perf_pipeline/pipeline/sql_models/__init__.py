"""SQL models: `dbt_like_sql/` built in the warehouse. The folder is a dbt project too; dbt is not needed to run it.

`project` reads the folder, `building` puts it into the database, `data_tests` asks whether it holds what it says, and
`lineage` tells which column comes from which.
"""

from __future__ import annotations

from perf_pipeline.pipeline.sql_models.errors import ModelError
from perf_pipeline.pipeline.sql_models.project import DataTest, Model, Project, Target, load_project

__all__ = ["DataTest", "Model", "ModelError", "Project", "Target", "load_project"]
