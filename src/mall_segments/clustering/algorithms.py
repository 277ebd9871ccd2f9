"""Other clustering algorithms on the same customers, next to the published K-means.

Each algorithm is tuned over a small grid, by one rule for all: of the grid's entries
that give an allowed number of clusters and leave at most half of the customers out as
noise, the one with the best mean silhouette over all customers is kept, where a noise
customer counts as 0. Without that, an algorithm would win by keeping only the
customers that are easy to group. Ties keep the earlier entry. K-means is not tuned: its
row is the published partition.

Lengths in a grid (a radius, a bandwidth, a threshold) are taken from the distances
between the customers, so that the grid fits any scaler and any number of features.
"""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sklearn
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import (
    DBSCAN,
    HDBSCAN,
    OPTICS,
    AffinityPropagation,
    AgglomerativeClustering,
    Birch,
    BisectingKMeans,
    MeanShift,
    SpectralClustering,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import ParameterGrid

from mall_segments.clustering.frames import (
    coordinate_values,
    each_fitted,
    typed_frame,
)
from mall_segments.clustering.kmeans import assign_points, sample_customers
from mall_segments.clustering.metrics import compactness, silhouettes
from mall_segments.clustering.threads import use_one_thread
from mall_segments.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd

    from mall_segments.clustering import FloatArray, IntArray
    from mall_segments.settings import Segmentation

    Grid = Mapping[str, Iterable[Any]]

SAMPLE_SIZE: Final = 500
"""Customers the algorithms run on, evenly taken of more; several need all distances."""

MAX_NOISE_SHARE: Final = 0.5
"""Share of the customers that an algorithm may leave out as noise."""

NOISE: Final = -1
"""The label scikit-learn gives to a customer that belongs to no cluster."""

TIE: Final = 1e-9
"""Scores closer than this are equal; the earlier entry of a grid wins."""

KMEANS: Final = "kmeans"

_TYPES: Final = {
    "segmentation": "text",
    "algorithm": "text",
    "n_clusters": "Int64",
    "noise_share": "float64",
    "silhouette": "float64",
    "calinski_harabasz": "float64",
    "davies_bouldin": "float64",
    "ari_to_kmeans": "float64",
    "seconds": "float64",
    "parameters": "text",
    "n_customers": "int64",
    "is_exact": "bool",
    "failure": "text",
}


@dataclass(frozen=True, kw_only=True)
class Customers:
    """Rows in ascending order, the numbers of clusters allowed, and the seed."""

    values: FloatArray
    n_segments: range
    random_seed: int

    @cached_property
    def distances(self) -> FloatArray:
        """Euclidean distances between the customers."""
        return squareform(pdist(self.values))

    @property
    def spread(self) -> float:
        """Root of the mean squared distance over all pairs."""
        return float((self.distances**2).mean() ** 0.5)

    def neighbour_distances(self, n_neighbours: int) -> FloatArray:
        """Distance of each customer to the so many-th nearest, itself included."""
        place = min(n_neighbours, len(self.values)) - 1
        nearest: FloatArray = np.partition(self.distances, place, axis=1)[:, place]
        return nearest


@dataclass(frozen=True)
class Algorithm:
    """An estimator of scikit-learn, the grid of its tuning, and what never varies."""

    estimator: Callable[..., Any]
    grid: Callable[[Customers], Grid]
    fixed: Mapping[str, Any]


@dataclass(frozen=True)
class _Partition:
    parameters: Mapping[str, Any]
    labels: IntArray
    noise_share: float
    silhouette: float
    n_clusters: int

    @property
    def score(self) -> float:
        """Mean silhouette over all customers, noise counting as 0."""
        return self.silhouette * (1 - self.noise_share)


def score_algorithms(
    points: pd.DataFrame,
    segments: pd.DataFrame,
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Tune and score every algorithm on every segmentation.

    ``points`` are rows of ``int_points``, in any order, and ``segments`` those of the
    model. Returns the rows of ``fct_algorithm_scores``, the best mean silhouette over
    all customers first, where noise counts as 0. The other measures leave noise out,
    but in ``ari_to_kmeans`` it is a cluster of its own. ``seconds``, what the whole
    grid took, is the only column that varies between runs.
    """
    rows: list[dict[str, Any]] = []
    use_one_thread()
    # The customers are checked once, not again in each of the thousands of small steps.
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        for segmentation, values, weights in each_fitted(
            points, read_settings(settings)
        ):
            is_own = segments["segmentation"].to_numpy() == segmentation.name
            centroids = coordinate_values(segments[is_own].sort_values("segment_id"))
            own = _score_segmentation(values, weights, centroids, segmentation)
            rows += sorted(own, key=lambda row: -row["score"])
    return typed_frame(rows, _TYPES)


def _score_segmentation(
    points: FloatArray,
    weights: IntArray,
    centroids: FloatArray,
    segmentation: Segmentation,
) -> list[dict[str, Any]]:
    sample, counts = sample_customers(points, weights, SAMPLE_SIZE)
    values = np.repeat(sample, counts, axis=0)
    customers = Customers(
        values=values,
        # The range of the settings and the published number.
        n_segments=range(
            min(segmentation.min_segments, len(centroids)),
            1
            + min(
                max(segmentation.max_segments, len(centroids)),
                len(sample),
                len(values) - 1,
            ),
        ),
        random_seed=segmentation.random_seed,
    )
    published = assign_points(values, centroids)
    rows = []
    for name in (KMEANS, *ALGORITHMS):
        start = time.perf_counter()
        result = (
            _judge({"n_clusters": len(centroids)}, published, customers)
            or "The published segments have no silhouette among these customers."
            if name == KMEANS
            else _tune(ALGORITHMS[name], customers)
        )
        rows.append(
            {
                "segmentation": segmentation.name,
                "algorithm": name,
                **_describe(result, values, published),
                "seconds": time.perf_counter() - start,
                "n_customers": len(values),
                "is_exact": len(values) == int(weights.sum()),
            }
        )
    return rows


def _tune(algorithm: Algorithm, customers: Customers) -> _Partition | str:
    """Best partition of a grid, or the reason why there is none."""
    if not customers.n_segments:
        return "There are too few distinct customers to form segments."
    best: _Partition | None = None
    failures = []
    grid = ParameterGrid(algorithm.grid(customers))
    for parameters in grid:
        try:
            labels = _label(algorithm, parameters, customers)
        except Exception as error:  # noqa: BLE001 - the grid has other entries
            # The first line of what it says, or its name if it says nothing.
            failures.append((str(error).split("\n")[0].strip()) or type(error).__name__)
            continue
        partition = _judge(parameters, labels, customers)
        if partition and (best is None or partition.score > best.score + TIE):
            best = partition
    if best:
        return best
    if failures and len(failures) == len(grid):
        return failures[0]
    allowed = customers.n_segments
    return (
        f"None of the {len(grid)} sets of parameters gave {allowed[0]} to "
        f"{allowed[-1]} clusters with at most {MAX_NOISE_SHARE:.0%} of the customers "
        "as noise."
    )


def _label(
    algorithm: Algorithm, parameters: Mapping[str, Any], customers: Customers
) -> IntArray:
    model = algorithm.estimator(**algorithm.fixed, **parameters)
    options = model.get_params()
    if "random_state" in options:
        model.set_params(random_state=customers.random_seed)
    is_precomputed = "precomputed" in (options.get("metric"), options.get("affinity"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # What has not converged depends on when it was stopped.
        warnings.simplefilter("error", ConvergenceWarning)
        labels: IntArray = model.fit_predict(
            customers.distances if is_precomputed else customers.values
        ).astype(np.int64)
    return labels


def _judge(
    parameters: Mapping[str, Any], labels: IntArray, customers: Customers
) -> _Partition | None:
    """Score a labelling, or ``None`` if it is not allowed."""
    kept = labels != NOISE
    n_clusters, n_kept = len(np.unique(labels[kept])), int(kept.sum())
    noise_share = 1 - n_kept / len(labels)
    if n_clusters not in customers.n_segments or noise_share > MAX_NOISE_SHARE:
        return None
    ones = np.ones(n_kept, dtype=np.int64)
    (values,) = silhouettes(customers.values[kept], ones, [labels[kept]])
    if values is None:
        return None
    return _Partition(parameters, labels, noise_share, float(values.mean()), n_clusters)


def _describe(
    result: _Partition | str, values: FloatArray, published: IntArray
) -> dict[str, Any]:
    """Columns that depend on how the algorithm fared, and what rows are sorted by."""
    if isinstance(result, str):
        return {"failure": result, "score": -np.inf}
    kept = result.labels != NOISE
    ones = np.ones(len(values), dtype=np.int64)
    ratio, overlap = compactness(values[kept], ones[kept], result.labels[kept])
    return {
        "n_clusters": result.n_clusters,
        "noise_share": result.noise_share,
        "silhouette": result.silhouette,
        "calinski_harabasz": ratio,
        "davies_bouldin": overlap,
        "ari_to_kmeans": adjusted_rand_score(published, result.labels),
        "parameters": json.dumps(result.parameters, separators=(",", ":")),
        "score": result.score,
    }


def _lengths(values: Iterable[float]) -> list[float]:
    """Lengths above 0, each once, with as many digits as ``parameters`` shows."""
    rounded = (float(f"{value:.6g}") for value in values)
    return list(dict.fromkeys(value for value in rounded if value > 0))


def _sizes(customers: Customers, shares: Iterable[float]) -> list[int]:
    """Numbers of customers, at least 2."""
    return [max(2, round(share * len(customers.values))) for share in shares]


class _LastResult:
    """Keeps what a step of scikit-learn returned, where its own memory is a disk."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.result: Any = None

    def cache(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return the step, computed only where it is given something else."""

        def remember(**given: Any) -> Any:
            if self.given.keys() != given.keys() or any(
                self.given[name] is not value for name, value in given.items()
            ):
                self.given, self.result = given, step(**given)
            return self.result

        return remember


def _by_count(customers: Customers) -> Grid:
    return {"n_clusters": customers.n_segments}


ALGORITHMS: Final[dict[str, Algorithm]] = {
    "bisecting_kmeans": Algorithm(BisectingKMeans, _by_count, {}),
    "ward": Algorithm(AgglomerativeClustering, _by_count, {"linkage": "ward"}),
    "average_linkage": Algorithm(
        AgglomerativeClustering,
        _by_count,
        {"linkage": "average", "metric": "precomputed"},
    ),
    "dbscan": Algorithm(
        DBSCAN,
        lambda own: {
            "eps": _lengths(
                np.quantile(own.neighbour_distances(5), (0.5, 0.6, 0.7, 0.8, 0.9, 0.95))
            ),
            "min_samples": (3, 5, 10),
        },
        {"metric": "precomputed"},
    ),
    "hdbscan": Algorithm(
        HDBSCAN,
        lambda own: {
            "min_cluster_size": _sizes(own, (0.025, 0.05, 0.1)),
            "min_samples": (1, 3, 5),
        },
        {"copy": True},
    ),
    "optics": Algorithm(
        OPTICS,
        lambda own: {
            "min_samples": [min(10, len(own.values))],
            "min_cluster_size": _sizes(own, (0.05,)),
            "xi": (0.01, 0.03, 0.05, 0.1),
        },
        {"metric": "precomputed", "memory": _LastResult()},
    ),
    # Climbs begin where customers are dense; from elsewhere they end on strays.
    "mean_shift": Algorithm(
        MeanShift,
        lambda own: {
            "bandwidth": _lengths(
                own.neighbour_distances(size).mean()
                for size in _sizes(own, (0.075, 0.1, 0.125))
            ),
            "min_bin_freq": [max(1, round(0.02 * len(own.values)))],
        },
        {"bin_seeding": True},
    ),
    "affinity_propagation": Algorithm(
        AffinityPropagation,
        lambda own: {
            "preference": [
                float(f"{-factor * (own.distances**2).max():.6g}")
                for factor in (0.25, 0.5, 1.0, 2.0)
            ]
        },
        {"damping": 0.9, "max_iter": 500},
    ),
    "spectral": Algorithm(
        SpectralClustering,
        lambda own: {
            "gamma": _lengths(factor / own.spread**2 for factor in (4, 16)),
            **_by_count(own),
        },
        {"assign_labels": "cluster_qr"},
    ),
    "birch": Algorithm(
        Birch,
        lambda own: {
            "threshold": _lengths(share * own.spread for share in (0.05, 0.1, 0.15)),
            **_by_count(own),
        },
        {},
    ),
    "gaussian_mixture": Algorithm(
        GaussianMixture,
        lambda own: {
            "covariance_type": ("full", "diag"),
            "n_components": own.n_segments,
        },
        {},
    ),
}
"""The table of estimators, by the name that is published."""
