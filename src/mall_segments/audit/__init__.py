"""Audit what was published: does all that BI tools read agree with itself.

Suites are data, in the folder ``suites`` and in ``tests/quality`` of a project, and run
by checkpoints of Great Expectations. Tables with a row per customer are reduced in
DuckDB to counts, and the expectations are on those. No mart is computed a second time.
"""
