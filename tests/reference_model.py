"""The model of the published analysis, and homes in which it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mall_segments.publishing.generations import MODEL, new_generation, seal_generation
from mall_segments.model_file import MODEL_FORMAT, Model, load_model, write_model

if TYPE_CHECKING:
    from pathlib import Path

FIRST_BUILD = "20261121T105500.123456Z-0f8e12ab"
SECOND_BUILD = "20261122T105500.123456Z-1a2b3c4d"

INCOME = {"name": "annual_income_kusd", "center": 60.56, "scale": 26.19897707926781}
SPENDING = {"name": "spending_score", "center": 50.2, "scale": 25.7588819633151}
AGE = {"name": "age_years", "center": 38.85, "scale": 13.934041050606963}

# Customers, and their sums of income and of spending, as the reference results say.
INCOME_SPENDING = (
    ("Average income and spending", 81, 4479, 4011),
    ("High income and high spending", 39, 3375, 3203),
    ("High income and low spending", 35, 3087, 599),
    ("Low income and low spending", 23, 605, 481),
    ("Low income and high spending", 22, 566, 1746),
)
AGE_INCOME_SPENDING = (
    ("Older, low spending", 91, 4666, 5624, 3113),
    ("Young, low income", 68, 1757, 2907, 3648),
    ("High income and high spending", 41, 1347, 3581, 3279),
)


def model_content(build_id: str = FIRST_BUILD) -> dict[str, Any]:
    """Return a model file's content; tests change what they like."""
    return {
        "format": MODEL_FORMAT,
        "build_id": build_id,
        "created_at": "2026-11-21T10:55:00.123456+00:00",
        "features": [
            _feature("age_years", "age", ["Age", "Edad"], 1, 120, 36, is_whole=True),
            _feature(
                "annual_income_kusd",
                "income",
                ["Annual Income (k$)", "Income", "Ingreso anual"],
                0,
                1000,
                61.5,
            ),
            _feature(
                "spending_score",
                "spending",
                ["Spending Score (1-100)", "Score"],
                1,
                100,
                50,
                is_whole=True,
            ),
        ],
        "customer_id": {"aliases": ["CustomerID", "ID"]},
        "gender": {
            "aliases": ["Gender", "Genre"],
            "female": ["female", "f"],
            "male": ["male", "m"],
        },
        "missing_values": "impute",
        "segmentations": [
            _segmentation("income_spending", [INCOME, SPENDING], INCOME_SPENDING),
            _segmentation(
                "age_income_spending", [AGE, INCOME, SPENDING], AGE_INCOME_SPENDING
            ),
        ],
    }


def write_reference_model(path: Path, content: dict[str, Any] | None = None) -> Model:
    """Write a model file outside of any generation."""
    return write_model(path, content or model_content())


def publish_model(home: Path, content: dict[str, Any]) -> Path:
    """Publish a generation that holds nothing but a model; answer its model file."""
    with new_generation(home, content["build_id"], keep_generations=3) as draft:
        write_model(draft.folder / MODEL, content)
        seal_generation(draft, {"tables": {}, "versions": {"duckdb": "none"}})
    path = home / "published" / "generations" / content["build_id"] / MODEL
    load_model(path)
    return path


def _feature(
    name: str,
    label: str,
    aliases: list[str],
    minimum: float,
    maximum: float,
    median: float,
    *,
    is_whole: bool = False,
) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "aliases": aliases,
        "minimum": minimum,
        "maximum": maximum,
        "resolution": 1,
        "is_whole": is_whole,
        "median": median,
    }


def _segmentation(
    name: str, features: list[dict[str, Any]], segments: tuple[tuple[Any, ...], ...]
) -> dict[str, Any]:
    n_customers = sum(segment[1] for segment in segments)
    described = []
    for segment_id, (segment_name, n_own, *sums) in enumerate(segments, start=1):
        centroid = {
            feature["name"]: total / n_own
            for feature, total in zip(features, sums, strict=True)
        }
        described.append(
            {
                "segment_id": segment_id,
                "segment_name": segment_name,
                "persona": f"Persona {segment_id}",
                "recommended_action": f"Action {segment_id}",
                "n_customers": n_own,
                "customer_share": n_own / n_customers,
                "mean_silhouette": 0.5,
                "inertia_share": 1 / len(segments),
                "outlier_distance": 1.2,
                "centroid": centroid,
                "scaled_centroid": {
                    feature["name"]: (centroid[feature["name"]] - feature["center"])
                    / feature["scale"]
                    for feature in features
                },
            }
        )
    return {
        "name": name,
        "scaler": "standard",
        "random_seed": 42,
        "n_segments": len(described),
        "features": features,
        "segments": described,
        "retired_segment_ids": [],
    }
