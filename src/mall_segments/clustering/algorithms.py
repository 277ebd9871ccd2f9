"""Other clustering algorithms on the same customers, next to the published K-means.

Each algorithm is tuned over a small grid, by one rule for all: of the grid's entries
that give an allowed number of segments and leave at most half of the customers out as
noise, the one with the best mean silhouette over all customers is kept, where a noise
customer counts as 0. Without that, an algorithm would win by keeping only the
customers that are easy to group. Ties keep the earlier entry.

Lengths in a grid (a radius, a bandwidth, a threshold) are taken from the distances
between the customers, so that the grid fits any scaler and any number of features.
"""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import sklearn
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import (
    DBSCAN,
    HDBSCAN,
    AffinityPropagation,
    AgglomerativeClustering,
    Birch,
    BisectingKMeans,
    MeanShift,
    SpectralClustering,
    cluster_optics_dbscan,
    cluster_optics_xi,
    compute_optics_graph,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from mall_segments.clustering.frames import read_settings, scaled_values
from mall_segments.clustering.kmeans import (
    assign_points,
    fit_kmeans_range,
    merge_points,
)
from mall_segments.clustering.metrics import (
    adjusted_rand,
    calinski_harabasz,
    davies_bouldin,
    mean_silhouette,
)
from mall_segments.clustering.threads import use_one_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mall_segments.clustering import FloatArray, IntArray
    from mall_segments.settings import Segmentation

SAMPLE_SIZE: Final = 500
"""Customers the algorithms run on at most; several of them need all distances."""

MAX_NOISE_SHARE: Final = 0.5
"""Share of the customers that an algorithm may leave out as noise."""

NOISE: Final = -1
"""The label scikit-learn gives to a customer that belongs to no cluster."""

_MEAN_SHIFT_DENSE_SHARE: Final = 0.02
_OPTICS_NEIGHBOURS: Final = 10

_TYPES: Final = {
    "segmentation": "object",
    "algorithm": "object",
    "n_clusters": "Int64",
    "noise_share": "float64",
    "silhouette": "float64",
    "calinski_harabasz": "float64",
    "davies_bouldin": "float64",
    "ari_to_kmeans": "float64",
    "seconds": "float64",
    "parameters": "string",
    "n_customers": "int64",
    "is_exact": "bool",
    "failure": "string",
}


@dataclass(frozen=True, kw_only=True)
class Customers:
    """The customers of one segmentation that every algorithm runs on.

    Attributes
    ----------
    values : array of shape (n_customers, n_features)
        Scaled features, a row per customer, in ascending order.
    distances : array of shape (n_customers, n_customers)
        Euclidean distances between them.
    n_segments : range
        Numbers of segments that are allowed and can be formed.
    random_seed : int
        Seed of the algorithms that draw at random.
    """

    values: FloatArray
    distances: FloatArray
    n_segments: range
    random_seed: int

    def neighbour_distances(self, n_neighbours: int) -> FloatArray:
        """Distance of each customer to the so many-th nearest, itself included."""
        place = min(n_neighbours, len(self.values)) - 1
        nearest: FloatArray = np.partition(self.distances, place, axis=1)[:, place]
        return nearest

    def mean_squared_distance(self) -> float:
        """Mean over all pairs; twice the total variance."""
        return float((self.distances**2).mean())


@dataclass(frozen=True)
class Candidate:
    """One entry of an algorithm's grid: its parameters and how to run it."""

    parameters: Mapping[str, float | str]
    label: Callable[[], IntArray]


@dataclass(frozen=True)
class _Partition:
    parameters: Mapping[str, float | str]
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
    *,
    sample_size: int = SAMPLE_SIZE,
) -> pd.DataFrame:
    """Tune and score every algorithm on every segmentation.

    Parameters
    ----------
    points : DataFrame
        One row per segmentation and point: ``segmentation``, ``<feature>_scaled`` and
        ``n_fitted``, the customers on the point without an imputed value.
    segments : DataFrame
        The published segments: ``segmentation``, ``segment_id`` and
        ``scaled_centroid_<feature>``.
    settings : mapping of str to object
        The settings of the build, as dbt hands them over.
    sample_size : int
        Customers to run on at most. Of more, every so many-th along the sorted points
        is taken (systematic sampling: nothing is random, and a point with many
        customers is drawn in proportion).

    Returns
    -------
    DataFrame
        One row per segmentation and algorithm, in the order of the settings and of
        :data:`ALGORITHMS`. ``silhouette``, ``calinski_harabasz`` and
        ``davies_bouldin`` leave noise out; in ``ari_to_kmeans`` (the adjusted Rand
        index to the published segments) noise is a cluster of its own. ``seconds`` is
        what the whole grid took, the only column that varies between runs.
        ``is_exact`` says whether all ``n_customers`` there are were used. ``failure``
        is the reason why an algorithm has no score, otherwise missing.

    Raises
    ------
    ValueError
        If ``sample_size`` is below 1.

    References
    ----------
    .. [1] Madow and Madow (1944), "On the theory of systematic sampling", Annals of
       Mathematical Statistics 15, 1-24.
    """
    if sample_size < 1:
        raise ValueError(f"sample_size={sample_size} is below 1")
    rows: list[dict[str, Any]] = []
    use_one_thread()
    # The customers are checked once, not again in each of the thousands of small steps.
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        for segmentation in read_settings(settings).segmentations:
            rows.extend(
                _score_segmentation(
                    points[points["segmentation"] == segmentation.name],
                    segments[segments["segmentation"] == segmentation.name],
                    segmentation,
                    sample_size,
                )
            )
    return pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)


def _score_segmentation(
    points: pd.DataFrame,
    segments: pd.DataFrame,
    segmentation: Segmentation,
    sample_size: int,
) -> Iterator[dict[str, Any]]:
    merged, counts = merge_points(
        scaled_values(points, segmentation), points["n_fitted"].to_numpy(np.int64)
    )
    drawn = _draw_customers(counts, sample_size)
    values = np.repeat(merged, drawn, axis=0)
    customers = Customers(
        values=values,
        distances=squareform(pdist(values)),
        n_segments=_allowed_counts(segmentation, int((drawn > 0).sum()), len(values)),
        random_seed=segmentation.random_seed,
    )
    in_order = segments.sort_values("segment_id")
    published = assign_points(
        values,
        in_order[
            [f"scaled_centroid_{feature}" for feature in segmentation.features]
        ].to_numpy(np.float64),
    )
    for algorithm, grid in ALGORITHMS.items():
        start = time.perf_counter()
        result = _tune(grid, customers)
        yield {
            "segmentation": segmentation.name,
            "algorithm": algorithm,
            **_describe(result, values, published),
            "seconds": time.perf_counter() - start,
            "n_customers": len(values),
            "is_exact": len(values) == int(counts.sum()),
        }


def _draw_customers(counts: IntArray, sample_size: int) -> IntArray:
    """Draw a systematic sample of at most so many customers, counted per point."""
    ends = np.cumsum(counts)
    if not len(ends) or ends[-1] <= sample_size:
        return counts
    drawn: IntArray = np.diff(ends * sample_size // ends[-1], prepend=0)
    return drawn


def _allowed_counts(
    segmentation: Segmentation, n_points: int, n_customers: int
) -> range:
    """Numbers of segments to compare: the settings' range and the published number."""
    published = segmentation.n_segments
    least, most = segmentation.min_segments, segmentation.max_segments
    if isinstance(published, int):
        least, most = min(least, published), max(most, published)
    return range(least, min(most, n_points, n_customers - 1) + 1)


def _tune(
    grid: Callable[[Customers], Iterator[Candidate]], customers: Customers
) -> _Partition | str:
    """Best partition of a grid, or the reason why there is none."""
    if not customers.n_segments:
        return "There are too few distinct customers to form segments."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # What has not converged depends on when it was stopped.
            warnings.simplefilter("error", ConvergenceWarning)
            return _best_partition(grid(customers), customers)
    except Exception as error:  # noqa: BLE001 - its failure is this algorithm's result
        return _reason(error)


def _best_partition(
    candidates: Iterator[Candidate], customers: Customers
) -> _Partition | str:
    best: _Partition | None = None
    failures = []
    n_tried = 0
    for candidate in candidates:
        n_tried += 1
        try:
            labels = candidate.label().astype(np.int64)
        except Exception as error:  # noqa: BLE001 - the grid has other entries
            failures.append(_reason(error))
            continue
        partition = _judge(candidate.parameters, labels, customers)
        if partition and (best is None or partition.score > best.score):
            best = partition
    if best:
        return best
    if failures and len(failures) == n_tried:
        return failures[0]
    allowed = customers.n_segments
    return (
        f"None of the {n_tried} sets of parameters gave {allowed[0]} to {allowed[-1]} "
        f"clusters with at most {MAX_NOISE_SHARE:.0%} of the customers as noise."
    )


def _reason(error: Exception) -> str:
    """First line of what an exception says, or its name if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _judge(
    parameters: Mapping[str, float | str], labels: IntArray, customers: Customers
) -> _Partition | None:
    """Score a labelling, or ``None`` if it is not allowed."""
    kept = labels != NOISE
    n_clusters = len(np.unique(labels[kept]))
    noise_share = 1 - float(kept.mean())
    if n_clusters not in customers.n_segments or noise_share > MAX_NOISE_SHARE:
        return None
    distances = customers.distances
    silhouette = mean_silhouette(
        customers.values[kept],
        np.ones(int(kept.sum()), dtype=np.int64),
        labels[kept],
        distances=distances if kept.all() else distances[np.ix_(kept, kept)],
    )
    if silhouette is None:
        return None
    return _Partition(parameters, labels, noise_share, silhouette, n_clusters)


def _describe(
    result: _Partition | str, values: FloatArray, published: IntArray
) -> dict[str, Any]:
    """Columns of a row that depend on how the algorithm fared."""
    if isinstance(result, str):
        return {"failure": result}
    kept = result.labels != NOISE
    ones = np.ones(len(values), dtype=np.int64)
    clustered = (values[kept], ones[kept], result.labels[kept])
    return {
        "n_clusters": result.n_clusters,
        "noise_share": result.noise_share,
        "silhouette": result.silhouette,
        "calinski_harabasz": calinski_harabasz(*clustered),
        "davies_bouldin": davies_bouldin(*clustered),
        "ari_to_kmeans": adjusted_rand(result.labels, published, ones),
        "parameters": json.dumps(result.parameters, separators=(",", ":")),
        "failure": None,
    }


def _lengths(values: Iterable[float]) -> list[float]:
    """Lengths above 0, each once, with as many digits as ``parameters`` shows."""
    rounded = (float(f"{value:.6g}") for value in values)
    return list(dict.fromkeys(value for value in rounded if value > 0))


def _kmeans(customers: Customers) -> Iterator[Candidate]:
    fits = fit_kmeans_range(
        customers.values,
        np.ones(len(customers.values), dtype=np.int64),
        n_segments=customers.n_segments,
        random_seed=customers.random_seed,
    )
    for n_clusters, fit in fits.items():
        yield Candidate({"n_clusters": n_clusters}, fit.labels.copy)


def _bisecting_kmeans(customers: Customers) -> Iterator[Candidate]:
    for n_clusters in customers.n_segments:
        model = BisectingKMeans(n_clusters, random_state=customers.random_seed)
        yield Candidate(
            {"n_clusters": n_clusters}, partial(model.fit_predict, customers.values)
        )


class _OneTree:
    """What scikit-learn takes for a cache: builds the tree of merges only once."""

    def __init__(self) -> None:
        self.tree: Any = None

    def cache(self, build: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function that is always called with the same customers."""

        def build_once(*values: Any, **options: Any) -> Any:
            if self.tree is None:
                self.tree = build(*values, **options)
            return self.tree

        return build_once


def _ward(customers: Customers) -> Iterator[Candidate]:
    memory = _OneTree()
    for n_clusters in customers.n_segments:
        model = AgglomerativeClustering(
            n_clusters, linkage="ward", compute_full_tree=True, memory=memory
        )
        yield Candidate(
            {"n_clusters": n_clusters}, partial(model.fit_predict, customers.values)
        )


def _average_linkage(customers: Customers) -> Iterator[Candidate]:
    memory = _OneTree()
    for n_clusters in customers.n_segments:
        model = AgglomerativeClustering(
            n_clusters,
            linkage="average",
            metric="precomputed",
            compute_full_tree=True,
            memory=memory,
        )
        yield Candidate(
            {"n_clusters": n_clusters}, partial(model.fit_predict, customers.distances)
        )


def _dbscan(customers: Customers) -> Iterator[Candidate]:
    for min_samples in (3, 5, 10):
        reach = customers.neighbour_distances(min_samples)
        for radius in _lengths(np.quantile(reach, (0.5, 0.6, 0.7, 0.8, 0.9))):
            model = DBSCAN(eps=radius, min_samples=min_samples, metric="precomputed")
            yield Candidate(
                {"eps": radius, "min_samples": min_samples},
                partial(model.fit_predict, customers.distances),
            )


def _hdbscan(customers: Customers) -> Iterator[Candidate]:
    n_customers = len(customers.values)
    for share, min_samples in product((0.025, 0.05, 0.1), (1, 3, 5)):
        size = max(2, round(share * n_customers))
        model = HDBSCAN(min_cluster_size=size, min_samples=min_samples, copy=True)
        yield Candidate(
            {"min_cluster_size": size, "min_samples": min_samples},
            partial(model.fit_predict, customers.values),
        )


def _optics(customers: Customers) -> Iterator[Candidate]:
    min_samples = min(_OPTICS_NEIGHBOURS, len(customers.values))
    ordering, core_distances, reachability, predecessor = compute_optics_graph(
        customers.distances,
        min_samples=min_samples,
        max_eps=np.inf,
        metric="precomputed",
        p=2,
        metric_params=None,
        algorithm="brute",
        leaf_size=30,
        n_jobs=None,
    )
    for steepness, size in product((0.01, 0.03, 0.05, 0.1, 0.15), (0.05, 0.1)):
        yield Candidate(
            {"min_samples": min_samples, "xi": steepness, "min_cluster_size": size},
            partial(
                _steep_areas,
                reachability=reachability,
                predecessor=predecessor,
                ordering=ordering,
                min_samples=min_samples,
                min_cluster_size=size,
                xi=steepness,
            ),
        )
    for radius in _lengths(np.quantile(core_distances, (0.6, 0.7, 0.8, 0.9))):
        yield Candidate(
            {"min_samples": min_samples, "cluster_method": "dbscan", "eps": radius},
            partial(
                cluster_optics_dbscan,
                reachability=reachability,
                core_distances=core_distances,
                ordering=ordering,
                eps=radius,
            ),
        )


def _steep_areas(**graph: Any) -> IntArray:
    """Label by the steep areas of a reachability plot, without their hierarchy."""
    labels: IntArray = cluster_optics_xi(**graph)[0]
    return labels


def _mean_shift(customers: Customers) -> Iterator[Candidate]:
    n_customers = len(customers.values)
    # Climbs begin where customers are dense; from elsewhere they end on strays.
    least = max(1, round(_MEAN_SHIFT_DENSE_SHARE * n_customers))
    for bandwidth in _lengths(
        customers.neighbour_distances(round(share * n_customers)).mean()
        for share in (0.075, 0.1, 0.125)
    ):
        model = MeanShift(bandwidth=bandwidth, bin_seeding=True, min_bin_freq=least)
        yield Candidate(
            {"bandwidth": bandwidth, "min_bin_freq": least},
            partial(model.fit_predict, customers.values),
        )


def _affinity_propagation(customers: Customers) -> Iterator[Candidate]:
    similarities = -(customers.distances**2)
    for factor in (0.25, 0.5, 1.0, 2.0):
        preference = float(f"{factor * similarities.min():.6g}")
        model = AffinityPropagation(
            damping=0.9,
            max_iter=500,
            preference=preference,
            affinity="precomputed",
            random_state=customers.random_seed,
        )
        yield Candidate(
            {"damping": 0.9, "preference": preference},
            partial(model.fit_predict, similarities),
        )


def _spectral(customers: Customers) -> Iterator[Candidate]:
    for factor in (4, 16):
        (gamma,) = _lengths([factor / customers.mean_squared_distance()])
        affinities = np.exp(-gamma * customers.distances**2)
        for n_clusters in customers.n_segments:
            model = SpectralClustering(
                n_clusters,
                affinity="precomputed",
                assign_labels="cluster_qr",
                random_state=customers.random_seed,
            )
            yield Candidate(
                {"n_clusters": n_clusters, "gamma": gamma},
                partial(model.fit_predict, affinities),
            )


def _birch(customers: Customers) -> Iterator[Candidate]:
    spread = customers.mean_squared_distance() ** 0.5
    for threshold in _lengths(share * spread for share in (0.05, 0.1, 0.15)):
        model = Birch(threshold=threshold, n_clusters=None).fit(customers.values)
        for n_clusters in customers.n_segments:
            yield Candidate(
                {"n_clusters": n_clusters, "threshold": threshold},
                partial(_regroup, model, n_clusters, customers.values),
            )


def _regroup(model: Birch, n_clusters: int, values: FloatArray) -> IntArray:
    """Group the subclusters of a fitted BIRCH tree once more."""
    labels: IntArray = (
        model.set_params(n_clusters=n_clusters).partial_fit().predict(values)
    )
    return labels


def _gaussian_mixture(customers: Customers) -> Iterator[Candidate]:
    for covariance_type, n_components in product(
        ("full", "diag"), customers.n_segments
    ):
        model = GaussianMixture(
            n_components,
            covariance_type=covariance_type,
            random_state=customers.random_seed,
        )
        yield Candidate(
            {"n_components": n_components, "covariance_type": covariance_type},
            partial(model.fit_predict, customers.values),
        )


ALGORITHMS: dict[str, Callable[[Customers], Iterator[Candidate]]] = {
    "kmeans": _kmeans,
    "bisecting_kmeans": _bisecting_kmeans,
    "ward": _ward,
    "average_linkage": _average_linkage,
    "dbscan": _dbscan,
    "hdbscan": _hdbscan,
    "optics": _optics,
    "mean_shift": _mean_shift,
    "affinity_propagation": _affinity_propagation,
    "spectral": _spectral,
    "birch": _birch,
    "gaussian_mixture": _gaussian_mixture,
}
"""The grids, by name of the algorithm; K-means is the project's own."""
