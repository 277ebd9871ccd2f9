"""The SQL under ``sql/``, rendered as dbt renders it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


def render(file: str, macro: str, *arguments: Any, **options: Any) -> str:
    """Return the SQL of one macro of one file."""
    return str(getattr(_template(file), macro)(*arguments, **options)).strip()


@lru_cache(maxsize=8)
def _template(file: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(  # noqa: S701 - SQL, whose literals are quoted there.
        loader=PackageLoader("mall_segments", "sql"), undefined=StrictUndefined
    )
    return environment.get_template(file).module
