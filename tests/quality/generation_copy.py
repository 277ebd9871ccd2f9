"""A copy of a published generation that a test may damage and seal again."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from mall_segments.publishing.generations import (
    DATABASE,
    MANIFEST,
    MODEL,
    current_generation,
    generation_folder,
    read_current,
)
from mall_segments.publishing.sealed_json import write_sealed
from mall_segments.publishing.switching import Draft, seal_generation
from mall_segments.publishing.tables import describe_table, quote_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


CUSTOMERS_CSV = "segmented_mall_customers.csv"
PARQUET = "parquet"


@dataclass(frozen=True)
class GenerationCopy:
    """A home whose current generation may be changed; the previous one, too."""

    home: Path
    statements: list[str] = field(default_factory=list)
    manifest_changes: dict[str, object] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of the current generation."""
        folder = current_generation(self.home)
        assert folder is not None
        return folder

    @property
    def build_id(self) -> str:
        """Its name."""
        return self.folder.name

    @property
    def previous_folder(self) -> Path:
        """The folder of the generation it replaced."""
        return generation_folder(self.home, self.manifest["previous_build_id"])

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of its manifest."""
        return dict(read_json(self.folder / MANIFEST))

    def run(self, *statements: str) -> None:
        """Run SQL on its database."""
        self.statements.extend(statements)
        run_sql(self.folder, *statements)

    def edit_model(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change its model and seal that again."""
        content = dict(read_json(self.folder / MODEL))
        change(content)
        write_sealed(self.folder / MODEL, content)

    def edit_csv(self, change: Callable[[str], str]) -> None:
        """Change the text of the exported customers."""
        path = self.folder / CUSTOMERS_CSV
        text = path.read_text(encoding="utf-8")
        changed = change(text)
        assert changed != text
        path.write_text(changed, encoding="utf-8")

    def seal(self, **changes: object) -> None:
        """Describe tables and files again, so that the manifest fits them."""
        # Describing all of them would take most of the time of many tests.
        seal_folder(
            self.folder,
            {**self.manifest_changes, **changes},
            touched=" ".join(self.statements),
        )


def copy_generations(home: Path, target: Path) -> GenerationCopy:
    """Copy a home's current generation, writable, and link to the one before."""
    generation = read_current(home)
    generations = target / "published" / "generations"
    generations.mkdir(parents=True)
    copy_writable(generation.folder, generations / generation.build_id)
    previous = generation.manifest["previous_build_id"]
    (generations / previous).symlink_to(generation_folder(home, previous))
    (target / "published" / "current").symlink_to(
        Path("generations") / generation.build_id
    )
    return GenerationCopy(target)


def copy_writable(source: Path, target: Path) -> None:
    """Copy a sealed folder so that it can be changed."""
    shutil.copytree(source, target)
    for path in target.rglob("*"):
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def run_sql(folder: Path, *statements: str) -> None:
    """Run SQL on the database of a generation."""
    with duckdb.connect(str(folder / DATABASE)) as connection:
        for statement in statements:
            connection.execute(statement)


def seal_folder(
    folder: Path, changes: Mapping[str, object], *, touched: str | None = None
) -> None:
    """Export tables of a generation again, and write a manifest that fits it.

    ``touched`` is a text that names every table that may have changed; by default any
    may have.
    """
    manifest = {**read_json(folder / MANIFEST), **changes}
    with duckdb.connect(str(folder / DATABASE), read_only=True) as connection:
        names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
        tables = {}
        for name in names:
            path = folder / PARQUET / f"{name}.parquet"
            described = manifest["tables"].get(name, {})
            if touched is None or name in touched:
                described = describe_table(connection, quote_identifier(name))
                connection.execute(
                    f"COPY {quote_identifier(name)} TO '{path}' (FORMAT parquet)"
                )
            tables[name] = {
                **described,
                "parquet": f"{PARQUET}/{name}.parquet" if path.exists() else None,
            }
    for gone in set(manifest["tables"]) - set(tables):
        (folder / PARQUET / f"{gone}.parquet").unlink(missing_ok=True)
    (folder / MANIFEST).unlink()
    seal_generation(
        Draft(folder.name, folder, manifest["previous_build_id"]),
        {
            **{
                key: value
                for key, value in manifest.items()
                if key not in ("files", "sha256", "format")
            },
            "tables": tables,
        },
    )


def read_json(path: Path) -> Mapping[str, Any]:
    """Read a JSON file without looking at its seal."""
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
