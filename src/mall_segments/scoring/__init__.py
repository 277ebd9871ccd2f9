"""Assign customers that a build never saw, as that build would have done.

`assigning` places one customer in plain Python, `records` reads one from JSON,
`files` scores a whole file through the build's own SQL.
"""
