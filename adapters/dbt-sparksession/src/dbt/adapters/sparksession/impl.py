"""The adapter: dbt-spark on a shared session, with Python models and seeds."""

from __future__ import annotations

import csv
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt.adapters.base import PythonJobHelper, available
from dbt.adapters.contracts.connection import AdapterResponse
from dbt.adapters.spark import SparkAdapter, SparkColumn
from dbt.adapters.sparksession.connections import (
    SparkSessionConnectionManager,
    SparkSessionCredentials,
)
from dbt.adapters.sparksession.session import open_session
from dbt_common.exceptions import DbtRuntimeError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class SparkSessionColumn(SparkColumn):
    """A column of Spark, whose only type of text is ``string``."""

    def is_string(self) -> bool:
        """Whether the column holds text."""
        return bool(self.dtype.lower() == "string" or super().is_string())


class SessionPythonJobHelper(PythonJobHelper):
    """Runs a Python model in the process of dbt, on the session dbt is connected to."""

    def __init__(
        self, parsed_model: dict[str, Any], credential: SparkSessionCredentials
    ) -> None:
        self._path = parsed_model["original_file_path"]
        self._credentials = credential

    def submit(self, compiled_code: str) -> Any:
        """Run the model and write its table.

        Raises
        ------
        DbtRuntimeError
            If the model raises: its message where the exception says that it
            ``hides_stack``, otherwise with the stack.
        """
        code = compile(compiled_code, self._path, "exec")
        try:
            # A dbt Python model is a program; to run it is what dbt was asked for.
            exec(code, {"spark": _session(self._credentials)})  # noqa: S102
        except Exception as error:  # noqa: BLE001 - models raise anything
            if getattr(error, "hides_stack", False):
                raise DbtRuntimeError(str(error)) from None
            raise DbtRuntimeError(
                "Python model failed:\n" + "".join(traceback.format_exception(error))
            ) from None


class SparkSessionAdapter(SparkAdapter):
    """dbt-spark on one session, which may be local or a Spark Connect server's."""

    ConnectionManager = SparkSessionConnectionManager
    Column = SparkSessionColumn

    @property
    def default_python_submission_method(self) -> str:
        """The name of the one way to run a Python model."""
        return "session"

    @property
    def python_submission_helpers(self) -> dict[str, type[PythonJobHelper]]:
        """The ways to run a Python model."""
        return {"session": SessionPythonJobHelper}

    def generate_python_submission_response(
        self,
        submission_result: Any,  # noqa: ARG002 - the signature is dbt's
    ) -> AdapterResponse:
        """Say that a Python model ran, the way Spark says it of SQL."""
        return AdapterResponse(_message="OK")

    @available.parse(lambda *_, **__: "{}")
    def call_function(self, name: str, text: str) -> str:
        """Call one of the Python functions that the profile's ``functions`` holds.

        Raises
        ------
        DbtRuntimeError
            If the profile names no functions, or none of this name.
        """
        module = self.config.credentials.functions
        functions: dict[str, Callable[[str], str]] = (
            import_module(module).FUNCTIONS if module else {}
        )
        if name not in functions:
            raise DbtRuntimeError(
                f"`functions: {module}` of the target has no function {name}; "
                f"it has {', '.join(sorted(functions)) or 'none'}."
            )
        return functions[name](text)

    @available.parse_none
    def append_csv_file(self, relation: Any, path: str, delimiter: str) -> None:
        """Append the rows of a CSV file to a table with as many columns.

        The file is read here, not by Spark, which may be far away; cells are cast to
        the types of the columns, blank ones are null.
        """
        session = _session(self.config.credentials)
        fields = session.table(str(relation)).schema.fields
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=delimiter)
            next(rows)
            cells = [_padded(row, len(fields)) for row in rows if row]
        texts = ", ".join(f"_{number} string" for number in range(len(fields)))
        frame = session.createDataFrame(cells, texts).coalesce(1)
        typed = [
            frame[f"_{number}"].cast(field.dataType)
            for number, field in enumerate(fields)
        ]
        frame.select(*typed).write.insertInto(str(relation))


def _session(credentials: SparkSessionCredentials) -> Any:
    return open_session(
        remote=credentials.remote,
        local_parameters=credentials.local_parameters,
        parameters=credentials.server_side_parameters,
    )


def _padded(row: list[str], n_columns: int) -> list[str | None]:
    return [cell or None for cell in row] + [None] * (n_columns - len(row))
