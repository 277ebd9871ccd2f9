"""The functions that macros call on Spark, where they run beside dbt and not in SQL.

The target ``spark`` names this module, and its adapter imports it before any
model runs.
"""

from mall_segments.intake.functions import FUNCTIONS

__all__ = ["FUNCTIONS"]
