"""Models to score with: that of the published analysis, and one of every transform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mall_segments.model import MODEL_FORMAT, Model, parse_model, write_model

if TYPE_CHECKING:
    from pathlib import Path

BUILD = "20261121T105500.123456Z-0f8e12ab"
HEADER = "CustomerID,Gender,Age,Annual Income (k$),Spending Score (1-100)"

# By feature of the 200 shipped customers: mean and population standard deviation.
SCALES = {
    "age_years": (38.85, 13.934041050606963),
    "annual_income_kusd": (60.56, 26.19897707926781),
    "spending_score": (50.2, 25.7588819633151),
}

# Segments of the reference results: name, customers, and their sums of each feature.
INCOME_SPENDING = (
    ("Average income and spending", 81, (4479, 4011)),
    ("High income and high spending", 39, (3375, 3203)),
    ("High income and low spending", 35, (3087, 599)),
    ("Low income and low spending", 23, (605, 481)),
    ("Low income and high spending", 22, (566, 1746)),
)
AGE_INCOME_SPENDING = (
    ("Older, low spending", 91, (4666, 5624, 3113)),
    ("Young, low income", 68, (1757, 2907, 3648)),
    ("High income and high spending", 41, (1347, 3581, 3279)),
)


def model_content() -> dict[str, Any]:
    """Return the content of a model file; tests change what they like."""
    gender = {"female": ["f", "Femenino"], "male": ["m", "Masculino"]}
    age, income, spending = SCALES
    return {
        "format": MODEL_FORMAT,
        "build_id": BUILD,
        "created_at": "2026-11-21T10:55:00.123456+00:00",
        "settings_sha256": "0" * 64,
        "missing_values": "impute",
        "customer_id_aliases": ["CustomerID", "ID"],
        "columns": [
            {
                "name": "gender",
                "label": "gender",
                "type": "category",
                "aliases": ["Gender", "Genre"],
                "levels": gender,
            },
            _number(age, ["Age", "Edad"], 1.0, 120.0, 36.0, is_whole=True),
            _number(income, ["Annual Income (k$)", "Income"], 0.0, 1000.0, 61.5),
            _number(spending, ["Spending Score (1-100)", "Score"], 1.0, 100.0, 50.0),
        ],
        "segmentations": [
            _segmentation("income_spending", (income, spending), INCOME_SPENDING),
            _segmentation("age_income_spending", tuple(SCALES), AGE_INCOME_SPENDING),
        ],
    }


def example_model() -> Model:
    """Return the model of the shipped customers."""
    return parse_model(model_content(), source="the example")


def write_example_model(path: Path, content: dict[str, Any] | None = None) -> Model:
    """Write a model file outside of any generation."""
    model = parse_model(content or model_content(), source="the example")
    return write_model(path, model)


def mixed_model() -> Model:
    """Return a model of a clipped logarithm, a Yeo-Johnson power and a category."""
    content = model_content()
    levels = ["basic", "plus", "unknown"]
    content["columns"] = [
        _number("total_spend", ["Spend"], 0.0, None, 80.0),
        _number("balance", ["Balance"], None, None, 0.0),
        {
            "name": "plan",
            "label": "plan",
            "type": "category",
            "aliases": ["Plan"],
            "levels": None,
        },
    ]
    axes = [
        {**_axis("total_spend", 4.2, 1.1), "transform": "log", "low": 1.0, "high": 9e3},
        {**_axis("balance", 0.3, 2.0), "transform": "yeo_johnson", "power": 0.7},
        *({**_axis("plan", 0.3, 0.55), "level": level} for level in levels),
    ]
    centroids = (
        (-1.2, 0.1, 1.2, -0.5, -0.5),
        (0.9, 0.4, -0.5, 1.2, -0.5),
        (0.2, -1.5, -0.5, -0.5, 1.2),
    )
    features = ["total_spend", "balance", "plan"]
    content["segmentations"] = [
        {
            **_segmentation("mixed", (), ()),
            "features": features,
            "coordinates": axes,
            "segments": [
                {
                    **_segment(2 * at + 1, f"Segment {at}", 10, 30),
                    "centroid": {"total_spend": 50.0, "balance": 1.0, "plan": "basic"},
                    "coordinates": list(coordinates),
                }
                for at, coordinates in enumerate(centroids)
            ],
        }
    ]
    return parse_model(content, source="the example")


def _number(
    name: str,
    aliases: list[str],
    minimum: float | None,
    maximum: float | None,
    imputed: float,
    *,
    is_whole: bool = False,
) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.split("_", maxsplit=1)[0],
        "type": "number",
        "aliases": aliases,
        "minimum": minimum,
        "maximum": maximum,
        "is_whole": is_whole,
        "imputed": imputed,
    }


def _axis(feature: str, center: float, scale: float) -> dict[str, Any]:
    return {"feature": feature, "center": center, "scale": scale}


def _segmentation(
    name: str, features: tuple[str, ...], segments: tuple[Any, ...]
) -> dict[str, Any]:
    described = []
    for at, (title, n_customers, sums) in enumerate(segments, start=1):
        means = [total / n_customers for total in sums]
        described.append(
            {
                **_segment(at, title, n_customers, 200),
                "centroid": dict(zip(features, means, strict=True)),
                "coordinates": [
                    (mean - SCALES[feature][0]) / SCALES[feature][1]
                    for feature, mean in zip(features, means, strict=True)
                ],
            }
        )
    return {
        "name": name,
        "features": list(features),
        "scaler": "standard",
        "random_seed": 42,
        "verdict": "clear segments",
        "variance": 0.168,
        "coordinates": [_axis(feature, *SCALES[feature]) for feature in features],
        "segments": described,
        "retired_segments": [],
    }


def _segment(
    segment_id: int, name: str, n_customers: int, n_all: int
) -> dict[str, Any]:
    return {
        "segment_id": segment_id,
        "segment_name": name,
        "persona": f"Persona {segment_id}",
        "recommended_action": "Call them.",
        "n_customers": n_customers,
        "customer_share": n_customers / n_all,
        "share": n_customers / n_all,
        "inertia_share": 0.2,
        "outlier_distance": 1.6,
    }
