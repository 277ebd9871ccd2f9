"""What a message of dbt says to a user."""

from __future__ import annotations

import re
import textwrap

_REFUSAL = re.compile(r"(?:\w+\.)*Refusal: ?")
_HEADING = re.compile(
    r"(Runtime|Compilation|Database|Parsing|Encountered an) [Ee]rror\b"
)
_PLACE = re.compile(
    r"^\s*> (in|called by) .*|^\s*compiled code at .*|^\s*Got \d+ result.*"
)


def said_by_dbt(message: str) -> str:
    r"""Return what a message of dbt says to a user: no headings, places or stacks.

    >>> said_by_dbt('''Runtime Error in model segments (python_models/segments.py)
    ...   Python model failed:
    ...   Traceback (most recent call last):
    ...     File "/tmp/x.py", line 3, in model
    ...   mall_segments.boundary.Refusal: 2 customers are too few.
    ... ''')
    '2 customers are too few.'
    >>> said_by_dbt('''Compilation Error in operation mall-segments-on-run-start-0
    ...   `keep_generations` is 0; it must be at least 1.
    ...   > in macro refuse_impossible_builds (macros/refusals.sql)
    ...   > called by operation mall_segments-on-run-start-0 (./dbt_project.yml)
    ... ''')
    '`keep_generations` is 0; it must be at least 1.'
    """
    _, marker, raised = message.rpartition("Traceback (most recent call last):")
    lines = textwrap.dedent(raised if marker else message).strip("\n").splitlines()
    if marker:
        # Its frames are indented deeper than what was raised.
        while lines and (not lines[0] or lines[0][0].isspace()):
            del lines[0]
        lines[:1] = [_REFUSAL.sub("", line) for line in lines[:1]]
    kept = [
        line.strip()
        for line in lines
        if line.strip() and not _HEADING.match(line.strip()) and not _PLACE.match(line)
    ]
    return "\n".join(kept)
