"""The questions of ``analyses/questions``, answered from what was published."""

import re
import textwrap
from collections.abc import Callable, Sequence
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


@dataclass(frozen=True)
class Answer:
    """What a query found, in the order it asks for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def read_questions(folder: Path = QUESTIONS) -> list[Question]:
    """Read the questions, in the order of their descriptions."""
    try:
        descriptions = {
            entry["name"]: entry["description"]
            for name in DESCRIPTIONS
            for entry in yaml.safe_load((folder / name).read_text("utf-8"))["analyses"]
        }
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be read: {error.strerror}; the questions are a "
            "part of the project folder, so run the command there"
        ) from None
    files = {path.stem for path in folder.glob("*.sql")}
    if files != set(descriptions):
        raise InputError(
            f"{folder} has no description or no file of "
            + ", ".join(sorted(files ^ set(descriptions)))
        )
    return [
        _question(name, description, (folder / f"{name}.sql").read_text("utf-8"))
        for name, description in descriptions.items()
    ]


def answer_question(connection: Any, question: Question) -> Answer:
    """Run a question of `read_questions` on an open published file."""
    try:
        result = connection.execute(question.sql)
    except duckdb.Error as error:
        raise InputError(
            f"{question.name} cannot be answered from the published tables: "
            f"{str(error).splitlines()[0]}"
        ) from None
    return Answer(
        columns=tuple(column[0] for column in result.description),
        rows=tuple(result.fetchall()),
    )


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
                answer = answer_question(connection, question)
                sections.append(_section(question, answer, with_sql=with_sql))
            else:
                absent = ", ".join(sorted(question.tables - published))
                skipped.append(f"- {question.text} It needs {absent}.\n")
    if skipped:
        sections.append("## Not asked\n\n" + "".join(skipped))
    return "\n".join(sections)


def markdown_table(answer: Answer) -> str:
    r"""Write an answer as a Markdown table.

    >>> answer = Answer(("persona", "n_customers"), (("Young | new", 1200),))
    >>> print(markdown_table(answer))
    | persona | n_customers |
    | --- | ---: |
    | Young \| new | 1,200 |
    <BLANKLINE>
    """
    if not answer.rows:
        return "No rows.\n"
    alignments = [
        "---:" if _are_numbers(values) else "---"
        for values in zip(*answer.rows, strict=True)
    ]
    cells = [map(_cell, row) for row in answer.rows[:_MOST_ROWS]]
    lines = [answer.columns, alignments, *cells]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    n_more = len(answer.rows) - _MOST_ROWS
    return table if n_more <= 0 else f"{table}\n{n_more:,} more rows are not shown.\n"


def _section(question: Question, answer: Answer, *, with_sql: bool) -> str:
    note = textwrap.fill(question.note, _WIDTH)
    sql = f"```sql\n{question.sql}\n```\n\n" if with_sql else ""
    return f"## {question.text}\n\n{note}\n\n{sql}{markdown_table(answer)}"


def _question(name: str, description: str, sql: str) -> Question:
    text, mark, note = description.partition("?")
    if not mark:
        raise InputError(f"the description of {name} does not begin with a question")
    plain = _REF.sub(r"\1", sql).strip()
    if "{{" in plain or "{%" in plain or "{#" in plain:
        raise InputError(
            f"{name}.sql uses more than ref(), so other tools cannot run it"
        )
    return Question(
        name=name,
        text=text + mark,
        note=note.strip(),
        sql=plain,
        tables=frozenset(_REF.findall(sql)),
    )


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
