"""The build's own SQL, made ready to run without dbt.

A file is scored by the very models that a build runs. Their Jinja needs little of
what dbt offers: `ref`, `var`, `config`, `adapter` and the macros of this project. This
module offers that much and creates the models on a DuckDB connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from jinja2 import Environment, StrictUndefined, Template, nodes

from mall_segments.errors import ModelError
from mall_segments.publishing.tables import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import CodeType

    import duckdb

Kind = Literal["table", "view"]

PACKAGED: Final = Path(__file__).parents[1] / "build_sql"

_PROJECT: Final = Path(__file__).parents[3]
_MODEL_FOLDERS: Final = ("models", "analyses/marts")
_MACRO_FILES: Final = ("read_customers", "repeated_ids", "weighted_statistics")
# What Python answers here instead of asking it through the engine, as dbt must.
_REPLACED_MACROS: Final = ("recognised_columns",)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a relation, as dbt's adapters describe one."""

    name: str
    data_type: str

    def is_string(self) -> bool:
        """Whether the column holds text."""
        return self.data_type == "VARCHAR"

    def is_integer(self) -> bool:
        """Whether the column holds whole numbers."""
        return self.data_type in {"SMALLINT", "INTEGER", "BIGINT"}


class _ReturnedError(Exception):
    """What a macro hands back by ``return``, which ends it as an exception would."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


def create_models(
    connection: duckdb.DuckDBPyConnection,
    models: Sequence[str],
    *,
    kind: Kind,
    schema: str,
    shared: Mapping[str, str],
    settings: Mapping[str, Any],
    recognised: Mapping[str, str],
) -> None:
    """Create models of the build in one schema, each reading the former.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The connection; its schema must exist and hold ``base_mall__customers``.
    models : sequence of str
        The models to create, each after those it refers to.
    kind : {"table", "view"}
        What to create. Tables are worked out once, however many models read them.
    schema : str
        Where they go.
    shared : mapping of str to str
        Models that are not of this schema, with the relation that stands for each.
    settings : mapping of str to object
        What ``var`` answers.
    recognised : mapping of str to str
        Canonical name to column of ``base_mall__customers``; only ``gender`` may be
        absent.

    Raises
    ------
    ModelError
        If a model or macro is not where it should be: the package is incomplete.
    """
    names: dict[str, Any] = {
        "execute": True,
        "config": lambda *_, **__: "",
        "var": settings.__getitem__,
        "ref": lambda model: shared.get(model) or _relation(schema, model),
        "dbt": _Dialect(),
        "return": _return,
    }
    names["adapter"] = _Adapter(connection, names)
    names["recognised_columns"] = lambda relation: _recognised(
        names["adapter"].get_columns_in_relation(relation), recognised
    )
    for macro in _macros(_folder()):
        names[macro] = _callable(macro, names)
    for model in models:
        query = _template(_compiled_model(model), names).render()
        connection.execute(f"create {kind} {_relation(schema, model)} as {query}")


def _folder() -> Path:
    """Return where the build's SQL is: within an installed package, or around it."""
    return PACKAGED if PACKAGED.is_dir() else _PROJECT


def _model_file(model: str) -> Path:
    for folder in _MODEL_FOLDERS:
        for path in (_folder() / folder).rglob(f"{model}.sql"):
            return path
    raise ModelError(
        f"{model}.sql is not in {_folder()}: this installation of mall-segments is "
        "incomplete"
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}): this installation of "
            "mall-segments is incomplete"
        ) from None


def _relation(schema: str, model: str) -> str:
    return f"{quote_identifier(schema)}.{quote_identifier(model)}"


def _recognised(
    columns: Iterable[Column], recognised: Mapping[str, str]
) -> dict[str, dict[str, Any] | None]:
    """Answer as the macro of the same name does."""
    by_name = {column.name: column for column in columns}
    answer: dict[str, dict[str, Any] | None] = {"gender": None}
    for name, column in recognised.items():
        answer[name] = {
            "name": column,
            "is_text": by_name[column].is_string(),
            "is_whole": by_name[column].is_integer(),
        }
    return answer


_ENVIRONMENT: Final = Environment(
    undefined=StrictUndefined,
    extensions=["jinja2.ext.do"],
    autoescape=False,  # noqa: S701 - it renders SQL, in which names are quoted
)


def _template(code: CodeType, names: dict[str, Any]) -> Template:
    return Template.from_code(_ENVIRONMENT, code, names)


@cache
def _compiled_model(model: str) -> CodeType:
    return _ENVIRONMENT.compile(_read(_model_file(model)))


@cache
def _macros(folder: Path) -> dict[str, nodes.Macro]:
    return {
        macro.name: macro
        for file in _MACRO_FILES
        for macro in _ENVIRONMENT.parse(
            _read(folder / "macros" / f"{file}.sql")
        ).find_all(nodes.Macro)
        if macro.name not in _REPLACED_MACROS
    }


@cache
def _compiled_macro(name: str) -> CodeType:
    """Compile a macro on its own: it then sees all others."""
    tree = nodes.Template([_macros(_folder())[name]], lineno=1)
    tree.set_environment(_ENVIRONMENT)
    return _ENVIRONMENT.compile(tree)


def _callable(name: str, names: dict[str, Any]) -> Callable[..., object]:
    @cache
    def macro() -> Callable[..., object]:
        module = _template(_compiled_macro(name), names).make_module()
        found: Callable[..., object] = getattr(module, name)
        return found

    def call(*arguments: object, **named: object) -> object:
        try:
            return macro()(*arguments, **named)
        except _ReturnedError as returned:
            return returned.value

    return call


def _return(value: object) -> None:
    raise _ReturnedError(value)


class _Dialect:
    """The part of dbt's cross-database macros that the models use."""

    def type_string(self) -> str:
        return "varchar"

    def cast(self, expression: str, data_type: str) -> str:
        return f"cast({expression} as {data_type})"

    def string_literal(self, text: str) -> str:
        return f"'{text}'"

    def escape_single_quotes(self, text: str) -> str:
        return text.replace("'", "''")


class _Adapter:
    """The part of dbt's adapter that the models use."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, macros: Mapping[str, Any]
    ) -> None:
        self._connection = connection
        self._macros = macros

    def quote(self, name: str) -> str:
        return f'"{name}"'

    def dispatch(self, macro: str) -> Callable[..., object]:
        for prefix in ("duckdb", "default"):
            if f"{prefix}__{macro}" in self._macros:
                found: Callable[..., object] = self._macros[f"{prefix}__{macro}"]
                return found
        raise ModelError(f"the macro {macro} has no form for DuckDB")

    def get_columns_in_relation(self, relation: str) -> list[Column]:
        described = self._connection.execute(f"describe {relation}").fetchall()
        return [Column(name=row[0], data_type=row[1]) for row in described]
