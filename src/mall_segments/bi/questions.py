"""The questions of ``analyses/questions``, answered from what was published."""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from mall_segments.errors import InputError

QUESTIONS = Path("analyses") / "questions"
DESCRIPTIONS = ("_questions.yml", "_orders_questions.yml")

_WIDTH = 88
_MOST_ROWS = 12
_REF = re.compile(r"\{\{ ref\('(\w+)'\) \}\}")
_MARKDOWN = re.compile(r"([\\`*\[\]<>|])")

_INTRODUCTION = """\
# Questions

What a marketer asks, in plain SQL on the published tables. `mall-segments questions`
answers them about your own customers, and with `--sql` shows the queries, to be pasted
into any tool; dbt compiles the same files from `analyses/questions/`. The page in
`docs/` has the answers of the shipped customer file, built twice.
"""


@dataclass(frozen=True)
class Question:
    """One question, by the name of its file, and the query that answers it.

    ``note`` says how to read the answer; ``sql`` is one query on the published
    ``tables``, by their plain names.
    """

    name: str
    text: str
    note: str
    sql: str
    tables: frozenset[str] = frozenset()


def read_questions(folder: Path = QUESTIONS) -> list[Question]:
    """Read the questions, in the order of their descriptions."""
    try:
        questions = [
            _question(name, description, (folder / f"{name}.sql").read_text("utf-8"))
            for file in DESCRIPTIONS
            for name, description in _descriptions(folder / file)
        ]
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be read: {error.strerror}; the questions are a "
            "part of the project folder, so run the command there"
        ) from None
    return questions


def _descriptions(path: Path) -> list[tuple[str, str]]:
    entries = yaml.safe_load(path.read_text("utf-8"))["analyses"]
    return [(entry["name"], entry["description"]) for entry in entries]


def _question(name: str, description: str, sql: str) -> Question:
    text, mark, note = description.partition("?")
    return Question(
        name=name,
        text=text + mark,
        note=note.strip(),
        sql=_REF.sub(r"\1", sql).strip(),
        tables=frozenset(_REF.findall(sql)),
    )


def answer_question(connection: Any, question: Question) -> list[dict[str, Any]]:
    """Run a question of `read_questions` on an open published file."""
    try:
        result = connection.execute(question.sql)
    except duckdb.Error as error:
        raise InputError(
            f"{question.name} cannot be answered from the published tables: "
            f"{str(error).splitlines()[0]}"
        ) from None
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def answer_questions(
    database: Path,
    questions: Sequence[Question],
    *,
    with_sql: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> str:
    """Write questions and their answers as one Markdown page.

    Questions that need a table that was not published, as those of orders without
    orders, are named at the end.
    """
    sections = [_INTRODUCTION]
    skipped = []
    with duckdb.connect(str(database), read_only=True) as connection:
        published = {
            name
            for (name,) in connection.execute(
                "select table_name from information_schema.tables"
            ).fetchall()
        }
        for number, question in enumerate(questions):
            if progress:
                progress(question.text, number / len(questions))
            if question.tables <= published:
                note = textwrap.fill(question.note, _WIDTH)
                sql = f"```sql\n{question.sql}\n```\n\n" if with_sql else ""
                answer = markdown_table(answer_question(connection, question))
                sections.append(f"## {question.text}\n\n{note}\n\n{sql}{answer}")
            else:
                absent = ", ".join(sorted(question.tables - published))
                skipped.append(f"- {question.text} It needs {absent}.\n")
    if skipped:
        sections.append("## Not asked\n\n" + "".join(skipped))
    return "\n".join(sections)


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""Write an answer as a Markdown table.

    >>> print(markdown_table([{"persona": "Young | new", "n_customers": 1200}]))
    | persona | n_customers |
    | --- | ---: |
    | Young \| new | 1,200 |
    <BLANKLINE>
    """
    if not rows:
        return "No rows.\n"
    alignments = [
        "---:" if _are_numbers([row[column] for row in rows]) else "---"
        for column in rows[0]
    ]
    cells = [map(_cell, row.values()) for row in rows[:_MOST_ROWS]]
    lines = [rows[0], alignments, *cells]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    n_more = len(rows) - _MOST_ROWS
    return table if n_more <= 0 else f"{table}\n{n_more:,} more rows are not shown.\n"


def _are_numbers(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(type(value) in {int, float} for value in known)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"
    text = "" if value is None else " ".join(str(value).split())
    return _MARKDOWN.sub(r"\\\1", text)
