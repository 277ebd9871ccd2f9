"""The model of the shipped customers as a build would fit it, and homes with it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from shared_project import PROJECT
from sklearn.cluster import KMeans

from mall_segments.model import Model, parse_model, write_model
from mall_segments.publishing.generations import MODEL
from mall_segments.publishing.switching import new_generation, seal_generation

if TYPE_CHECKING:
    from pathlib import Path

FIRST_BUILD = "20261121T105500.123456Z-0f8e12ab"
SECOND_BUILD = "20261122T105500.123456Z-1a2b3c4d"

AGE, INCOME, SCORE = "age_years", "annual_income_kusd", "spending_score"
HEADERS = {AGE: "Age", INCOME: "Annual Income (k$)", SCORE: "Spending Score (1-100)"}
NAMES = {
    "income_spending": (
        "Average income and spending",
        "High income and high spending",
        "High income and low spending",
        "Low income and low spending",
        "Low income and high spending",
    ),
    "age_income_spending": (
        "Older, low spending",
        "Young, low income",
        "High income and high spending",
    ),
}


def model_content(build_id: str = FIRST_BUILD) -> dict[str, Any]:
    """Return a model file's content; tests change what they like."""
    return {
        "format": 2,
        "build_id": build_id,
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
                "levels": {"female": ["f", "Mujer", "0"], "male": ["m", "1"]},
            },
            _number(AGE, "age", ["Age", "Edad"], 1, 120, is_whole=True),
            _number(
                INCOME,
                "income",
                [HEADERS[INCOME], "Annual Income", "Income", "Ingreso anual"],
                0,
                1000,
            ),
            _number(
                SCORE, "spending", [HEADERS[SCORE], "Score"], 1, 100, is_whole=True
            ),
        ],
        "segmentations": [
            _segmentation("income_spending", (INCOME, SCORE)),
            _segmentation("age_income_spending", (AGE, INCOME, SCORE)),
        ],
    }


def reference_model(content: dict[str, Any] | None = None) -> Model:
    """Return the model of some content, checked as a file is."""
    return parse_model(content or model_content(), source="the test")


def publish_model(home: Path, content: dict[str, Any]) -> Path:
    """Publish a generation that holds nothing but a model; answer its model file."""
    with new_generation(home, content["build_id"], keep_generations=3) as draft:
        write_model(draft.folder / MODEL, reference_model(content))
        seal_generation(draft, {"tables": {}, "versions": {"duckdb": "none"}})
    return home / "published" / "generations" / content["build_id"] / MODEL


@cache
def shipped_customers() -> pd.DataFrame:
    """Return the shipped file as published."""
    return pd.read_csv(PROJECT / "seeds" / "Mall_Customers.csv")


def _number(
    name: str,
    label: str,
    aliases: list[str],
    minimum: float,
    maximum: float,
    *,
    is_whole: bool = False,
) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "number",
        "aliases": aliases,
        "minimum": float(minimum),
        "maximum": float(maximum),
        "is_whole": is_whole,
        "imputed": float(shipped_customers()[HEADERS[name]].median()),
    }


@cache
def _fitted(features: tuple[str, ...], n_segments: int) -> Any:
    """Fit K-means; return means, deviations, scaled values and labels by size."""
    values = shipped_customers()[[HEADERS[name] for name in features]].to_numpy(float)
    center, scale = values.mean(axis=0), values.std(axis=0)
    scaled = (values - center) / scale
    labels = KMeans(n_segments, n_init=20, random_state=42).fit(scaled).labels_
    order = np.argsort(-np.bincount(labels))
    return center, scale, values, scaled, np.argsort(order)[labels]


def _segmentation(name: str, features: tuple[str, ...]) -> dict[str, Any]:
    names = NAMES[name]
    center, scale, values, scaled, labels = _fitted(features, len(names))
    centroids = [
        scaled[labels == segment].mean(axis=0) for segment in range(len(names))
    ]
    inertia = float(((scaled - np.array(centroids)[labels]) ** 2).sum())
    segments = []
    for segment, segment_name in enumerate(names):
        own = labels == segment
        share = float(own.mean())
        segments.append(
            {
                "segment_id": segment + 1,
                "segment_name": segment_name,
                "persona": f"Persona {segment + 1}",
                "recommended_action": f"Action {segment + 1}",
                "n_customers": int(own.sum()),
                "customer_share": share,
                "share": share,
                "mean_silhouette": 0.5,
                "stability_jaccard": 0.9,
                "inertia_share": 1 / len(names),
                "outlier_distance": 1.2,
                "centroid": dict(
                    zip(features, values[own].mean(axis=0).tolist(), strict=True)
                ),
                "coordinates": centroids[segment].tolist(),
            }
        )
    return {
        "name": name,
        "features": list(features),
        "scaler": "standard",
        "random_seed": 42,
        "verdict": "clear segments",
        "variance": inertia / ((len(labels) - len(names)) * len(features)),
        "coordinates": [
            {"feature": feature, "center": float(mean), "scale": float(deviation)}
            for feature, mean, deviation in zip(features, center, scale, strict=True)
        ],
        "segments": segments,
        "retired_segments": [],
    }
