"""The functions that macros call on Spark, where they run beside dbt and not in SQL.

The target ``spark`` names this module, and its adapter imports it before any model
runs; from then on refusals carry no stack, as the plugin of DuckDB has it.
"""

from mall_segments.errors import MallSegmentsError
from mall_segments.intake.functions import FUNCTIONS

__all__ = ["FUNCTIONS"]

MallSegmentsError.hides_stack = True
