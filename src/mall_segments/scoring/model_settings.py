"""The settings of the build that fitted a model, as far as scoring needs them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mall_segments.errors import ModelError
from mall_segments.settings import CustomerIdColumn, Feature, GenderColumn

if TYPE_CHECKING:
    from mall_segments.model_file import Feature as ModelFeature
    from mall_segments.model_file import Model, Segmentation

_LARGEST = sys.float_info.max


@dataclass(frozen=True, kw_only=True)
class ModelColumns:
    """The columns that a model reads, as `mall_segments.intake.columns` recognises them."""

    customer_id: CustomerIdColumn
    gender: GenderColumn
    features: tuple[Feature, ...]

    @classmethod
    def of(cls, model: Model) -> ModelColumns:
        """Take the columns from a model."""
        return cls(
            customer_id=CustomerIdColumn(aliases=model.customer_id_aliases),
            gender=GenderColumn(
                aliases=model.gender.aliases,
                female=model.gender.female,
                male=model.gender.male,
            ),
            features=tuple(
                Feature(
                    name=feature.name,
                    label=feature.label,
                    aliases=feature.aliases,
                    minimum=_or(feature.minimum, -_LARGEST),
                    maximum=_or(feature.maximum, _LARGEST),
                    resolution=feature.resolution,
                    is_whole=feature.is_whole,
                )
                for feature in model.features
            ),
        )


def find_segmentation(model: Model, name: str | None) -> Segmentation:
    """Return the segmentation of this name; the first one where it is None.

    Raises
    ------
    ModelError
        If there is none; the message lists those there are.
    """
    if name is None:
        return model.segmentations[0]
    for segmentation in model.segmentations:
        if segmentation.name == name:
            return segmentation
    known = ", ".join(segmentation.name for segmentation in model.segmentations)
    raise ModelError(f"there is no segmentation {name!r}; there are {known}")


def project_vars(
    model: Model, segmentation: Segmentation, *, missing_values: str
) -> dict[str, Any]:
    """Return the vars of ``dbt_project.yml`` that the build's SQL reads.

    Parameters
    ----------
    model : Model
        The model.
    segmentation : Segmentation
        The one segmentation to assign to.
    missing_values : {"impute", "reject"}
        What happens to customers with a missing value.

    Returns
    -------
    dict
        The vars, with numbers as a person would have written them.
    """
    return {
        "customer_id": {"aliases": list(model.customer_id_aliases)},
        "gender": {
            "aliases": list(model.gender.aliases),
            "female": list(model.gender.female),
            "male": list(model.gender.male),
        },
        "features": [_feature_vars(feature) for feature in model.features],
        "segmentations": [
            {
                "name": segmentation.name,
                "features": [feature.name for feature in segmentation.features],
                "scaler": segmentation.scaler,
            }
        ],
        "missing_values": missing_values,
    }


def _feature_vars(feature: ModelFeature) -> dict[str, Any]:
    return {
        "name": feature.name,
        "label": feature.label,
        "aliases": list(feature.aliases),
        "minimum": plain(_or(feature.minimum, -_LARGEST)),
        "maximum": plain(_or(feature.maximum, _LARGEST)),
        "resolution": plain(feature.resolution),
        "is_whole": feature.is_whole,
    }


def plain(number: float) -> int | float:
    """Return a whole number without the fraction ``.0``, others as they are.

    >>> plain(120.0), plain(0.5)
    (120, 0.5)
    """
    return int(number) if number.is_integer() and abs(number) < _LARGEST else number


def _or(bound: float | None, otherwise: float) -> float:
    return otherwise if bound is None else bound
