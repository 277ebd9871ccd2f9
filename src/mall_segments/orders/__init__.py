"""Orders as a source of customers: how files are opened, and what is fitted on them.

Everything with a row per order or per customer is SQL in ``models``; never here.
"""
