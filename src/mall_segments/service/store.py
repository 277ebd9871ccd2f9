"""Hold the published model in memory, and notice when another one is published."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mall_segments.errors import MallSegmentsError, ModelError
from mall_segments.model import Model, load_model
from mall_segments.publishing.generations import (
    MANIFEST,
    MODEL,
    current_generation,
    read_current,
)
from mall_segments.service.customers import CustomerReader
from mall_segments.service.schemas import ModelDescription, Segments

if TYPE_CHECKING:
    from pathlib import Path

_logger = logging.getLogger("uvicorn.error")


@dataclass(frozen=True)
class LoadedModel:
    """One generation's model, ready to answer; never changed once it is made."""

    model: Model
    reader: CustomerReader
    segments: Segments
    description: ModelDescription

    @classmethod
    def of(cls, model: Model) -> LoadedModel:
        """Prepare a model."""
        return cls(
            model=model,
            reader=CustomerReader(model),
            segments=Segments.model_validate(model),
            description=ModelDescription.model_validate(
                {
                    **{
                        name: getattr(model, name)
                        for name in ModelDescription.model_fields
                        if name != "features"
                    },
                    "features": model.columns,
                }
            ),
        )


class ModelStore:
    """The model in use: the last good one.

    A refused model leaves the one before it in use, and ``problem`` says why, without
    the folders it lies in.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._seen: object = None
        self._refusal: str | None = "no model was loaded yet"
        self.current: LoadedModel | None = None

    @property
    def problem(self) -> str | None:
        """Why the model in use is not the published one; None if it is."""
        if self._refusal is None:
            return None
        return re.sub(r"\S*/", "", self._refusal.replace(str(self._home), ""))

    def refresh(self) -> bool:
        """Load the published model if it is not in use; answer whether another is now."""
        seen = self._look()
        if self._refusal is None and seen == self._seen:
            return False
        try:
            loaded = self._load()
        except (MallSegmentsError, OSError) as error:
            self._report(str(error))
            return False
        except Exception as error:
            # Nothing may end the watch: an old model would serve on unnoticed.
            _logger.exception("The published model could not be loaded")
            self._report(f"unexpected {type(error).__name__}")
            return False
        is_other = self.current is None or loaded.model != self.current.model
        if is_other:
            self.current = loaded
            _logger.info("Serving the model of build %s", loaded.model.build_id)
        self._refusal = None
        self._seen = seen
        return is_other

    def _load(self) -> LoadedModel:
        generation = read_current(self._home)
        model = load_model(generation.file(MODEL))
        if model.build_id != generation.build_id:
            raise ModelError(
                f"{generation.folder / MODEL} belongs to the build {model.build_id}"
            )
        return LoadedModel.of(model)

    def _look(self) -> object:
        """Return what changes when another model is published, or this one changes."""
        try:
            folder = current_generation(self._home)
            if folder is None:
                return None
            stats = [(folder / name).stat() for name in (MODEL, MANIFEST)]
        except (MallSegmentsError, OSError) as error:
            return str(error)
        return folder, [(stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats]

    def _report(self, refusal: str) -> None:
        if refusal != self._refusal:
            in_use = (
                f"; still serving {self.current.model.build_id}" if self.current else ""
            )
            _logger.error("The published model is refused: %s%s", refusal, in_use)
        self._refusal = refusal
