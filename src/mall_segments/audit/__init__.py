"""Audit what was published: does all that BI tools read agree with itself.

Great Expectations suites in code, over every published table, the feature points and
the files beside them. Small tables are checked row by row. Tables with a row per
customer are reduced in DuckDB to counts, and the expectations are on those.
"""
