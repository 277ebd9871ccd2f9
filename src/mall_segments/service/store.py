"""Hold the published model in memory, and notice when another one is published."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mall_segments.errors import MallSegmentsError, ModelError
from mall_segments.publishing.generations import (
    MANIFEST,
    MODEL,
    current_generation,
    read_current,
)
from mall_segments.model_file import Model, load_model
from mall_segments.service.answers import Answers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_logger = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """One generation's model, ready to answer; never changed once it is made.

    Attributes
    ----------
    model : Model
        The model, verified.
    answers : mapping of str to Answers
        By segmentation, the first one also under None.
    segments_json, model_json : bytes
        What ``/segments`` and ``/model`` answer.
    """

    model: Model
    answers: Mapping[str | None, Answers]
    segments_json: bytes
    model_json: bytes

    @property
    def build_id(self) -> str:
        """The generation it came from."""
        return self.model.build_id

    @classmethod
    def of(cls, model: Model) -> LoadedModel:
        """Prepare a model."""
        answers: dict[str | None, Answers] = {
            segmentation.name: Answers(model, segmentation)
            for segmentation in model.segmentations
        }
        answers[None] = answers[model.segmentations[0].name]
        return cls(
            model=model,
            answers=answers,
            segments_json=_json(_describe_segments(model)),
            model_json=_json(_describe_model(model)),
        )


class ModelStore:
    """The model in use: the last good one.

    A refused model leaves the one before it in use and says why in ``problem``.

    Parameters
    ----------
    home : Path
        The folder that holds ``published/``.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._seen: object = None
        self.current: LoadedModel | None = None
        self.problem: str | None = "no model was loaded yet"

    def refresh(self) -> bool:
        """Load the published model if it is not the one in use.

        Returns
        -------
        bool
            Whether another model is in use now.
        """
        seen = self._look()
        if self.problem is None and seen == self._seen:
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
            _logger.info("Serving the model of build %s", loaded.build_id)
        self.problem = None
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

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            in_use = f"; still serving {self.current.build_id}" if self.current else ""
            _logger.error("The published model is refused: %s%s", problem, in_use)
        self.problem = problem


def _describe_segments(model: Model) -> dict[str, Any]:
    return {
        "build_id": model.build_id,
        "segmentations": [
            {
                "name": segmentation.name,
                "features": [feature.name for feature in segmentation.features],
                "segments": [
                    {
                        "segment_id": segment.segment_id,
                        "segment_name": segment.segment_name,
                        "persona": segment.persona,
                        "recommended_action": segment.recommended_action,
                        "n_customers": segment.n_customers,
                        "customer_share": segment.customer_share,
                        "mean_silhouette": segment.mean_silhouette,
                        "outlier_distance": segment.outlier_distance,
                        "centroid": dict(segment.centroid),
                    }
                    for segment in segmentation.segments
                ],
            }
            for segmentation in model.segmentations
        ],
    }


def _describe_model(model: Model) -> dict[str, Any]:
    return {
        "build_id": model.build_id,
        "created_at": model.created_at,
        "sha256": model.sha256,
        "missing_values": model.missing_values,
        "features": [
            {
                "name": feature.name,
                "aliases": list(feature.aliases),
                "minimum": feature.minimum,
                "maximum": feature.maximum,
                "resolution": feature.resolution,
                "is_whole": feature.is_whole,
                "median": feature.median,
            }
            for feature in model.features
        ],
        "segmentations": [
            {
                "name": segmentation.name,
                "scaler": segmentation.scaler,
                "n_segments": segmentation.n_segments,
                "random_seed": segmentation.random_seed,
                "features": [
                    {
                        "name": feature.name,
                        "center": feature.center,
                        "scale": feature.scale,
                    }
                    for feature in segmentation.features
                ],
            }
            for segmentation in model.segmentations
        ],
    }


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
