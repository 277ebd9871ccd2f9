"""The project as Dagster assets, built every night: ``dagster dev -f`` this file."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster import (
    AssetExecutionContext,
    Definitions,
    ScheduleDefinition,
    define_asset_job,
)
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

FOLDER = Path(os.environ.get("DBT_PROJECT_DIR", Path(__file__).parents[2]))
PROJECT = DbtProject(project_dir=FOLDER, profiles_dir=FOLDER)
PROJECT.prepare_if_dev()


# Every node in one run, tests included: the last of them publishes, or nothing does.
@dbt_assets(manifest=PROJECT.manifest_path, exclude="resource_type:unit_test")
def segments(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build the segments and publish them."""
    yield from dbt.cli(["build"], context=context).stream()


JOB = define_asset_job("build_segments", selection=[segments])

definitions = Definitions(
    assets=[segments],
    jobs=[JOB],
    schedules=[ScheduleDefinition(job=JOB, cron_schedule="17 4 * * *")],
    resources={"dbt": DbtCliResource(project_dir=PROJECT)},
)
