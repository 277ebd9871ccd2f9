"""Hold the published model in memory, and notice when another one is published."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from mall_segments.errors import LinkError, MallSegmentsError, ModelError
from mall_segments.model import load_model
from mall_segments.publishing.generations import (
    MANIFEST,
    MODEL,
    current_generation,
    read_current,
)
from mall_segments.service.customers import CustomerReader

if TYPE_CHECKING:
    from pathlib import Path

_logger = logging.getLogger("uvicorn.error")


class ModelStore:
    """The model in use: the last good one.

    A refused model leaves the one before it in use, and ``problem`` says why, without
    the folders it lies in.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._seen: object = None
        self._refusal: str | None = "no model was loaded yet"
        self._public = self._refusal
        self.current: CustomerReader | None = None

    @property
    def problem(self) -> str | None:
        """Why the model in use is not the published one; None if it is."""
        if self._refusal is None:
            return None
        return re.sub(r"\S*/", "", self._public.replace(str(self._home), ""))

    def refresh(self) -> bool:
        """Load the published model unless it is in use; answer whether it was."""
        seen = self._look()
        if self._refusal is None and seen == self._seen:
            return False
        try:
            loaded = self._load()
        except LinkError as error:
            self._report(str(error), public="current points to no generation")
            return False
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

    def _load(self) -> CustomerReader:
        generation = read_current(self._home)
        model = load_model(generation.file(MODEL))
        if model.build_id != generation.build_id:
            raise ModelError(
                f"{generation.folder / MODEL} belongs to the build {model.build_id}"
            )
        return CustomerReader(model)

    def _look(self) -> object:
        """Return what changes when another model is published, or this one changes.

        Published files are sealed and nobody writes to them; who does so all the same
        can put back all of a file's marks but the time of its last change.
        """
        try:
            folder = current_generation(self._home)
            if folder is None:
                return None
            stats = [(folder / name).stat() for name in (MODEL, MANIFEST)]
        except (MallSegmentsError, OSError) as error:
            return str(error)
        return folder, [(stat.st_ino, stat.st_ctime_ns, stat.st_size) for stat in stats]

    def _report(self, refusal: str, *, public: str = "") -> None:
        if refusal != self._refusal:
            in_use = (
                f"; still serving {self.current.model.build_id}" if self.current else ""
            )
            _logger.error("The published model is refused: %s%s", refusal, in_use)
        self._refusal = refusal
        self._public = public or refusal
