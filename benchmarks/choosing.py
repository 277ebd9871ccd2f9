"""Try the criteria, the verdict, the membership and the fit on sets of known truth.

    python benchmarks/choosing.py auto null power kept membership fit

Writes each table named into ``docs/method.md``, between its two comments. All sets are
drawn from the seeds below. A whole run takes a quarter of an hour on two cores; the
tests of the project run a few sets of each table.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mall_segments.clustering.choosing import VOTERS, choose_count
from mall_segments.clustering.counts import (
    choices_by_criterion,
    sample_for_silhouettes,
    score_counts,
)
from mall_segments.clustering.kmeans import fit_kmeans, merge_points
from mall_segments.clustering.metrics import cloud_variance
from mall_segments.clustering.placed import nearest_segments
from mall_segments.clustering.threads import use_one_thread
from mall_segments.clustering.verdicts import compare_with_chance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PAGE = Path(__file__).resolve().parents[1] / "docs" / "method.md"
SEED = 2026
N_CUSTOMERS = 400
SEGMENTED = (
    "well separated",
    "4 sigma",
    "3 sigma",
    "anisotropic",
    "unbalanced",
    "one of 3 %",
)
UNSEGMENTED = ("uniform", "normal", "correlated normal", "heavy tails")
LEAST_DISTANCES = {"4 sigma": 4.0, "3 sigma": 3.0}
Array = np.ndarray


def draw_set(
    kind: str, n_segments: int, n_features: int, n_customers: int, seed: Sequence[int]
) -> tuple[Array, Array]:
    """Draw one set: standardised rows, and the true segment of each (0 where none)."""
    generator = np.random.default_rng(seed)
    shape = (n_customers, n_features)
    truth = np.zeros(n_customers, dtype=np.int64)
    if kind == "uniform":
        rows = generator.random(shape)
    elif kind == "normal":
        rows = generator.standard_normal(shape)
    elif kind == "correlated normal":
        mix = generator.standard_normal((n_features, n_features))
        rows = generator.standard_normal(shape) @ mix
    elif kind == "heavy tails":
        rows = generator.lognormal(0, 1.2, shape)
    else:
        least = LEAST_DISTANCES.get(kind, 6.0)
        centers = _centers(n_segments, n_features, least, generator)
        truth = _truth(kind, n_segments, n_customers)
        noise = generator.standard_normal(shape)
        if kind == "anisotropic":
            stretch = np.eye(n_features)
            stretch[0, 0], stretch[1, 0], stretch[1, 1] = 1.5, 0.6, 0.6
            noise = noise @ stretch.T
        rows = centers[truth] + noise
    order = np.lexsort(rows.T[::-1])
    rows, truth = rows[order], truth[order]
    return (rows - rows.mean(axis=0)) / rows.std(axis=0), truth


def _centers(
    n_segments: int, n_features: int, least: float, generator: np.random.Generator
) -> Array:
    """Centres at least so far apart, in about as small a box as holds them."""
    side = least * max(1.2, 1.1 * n_segments ** (1 / n_features))
    while True:
        centers: list[Array] = []
        for _ in range(3_000):
            center = generator.uniform(0, side, n_features)
            if all(np.linalg.norm(center - other) >= least for other in centers):
                centers.append(center)
            if len(centers) == n_segments:
                return np.array(centers)
        side *= 1.1


def _truth(kind: str, n_segments: int, n_customers: int) -> Array:
    shares = np.full(n_segments, 1 / n_segments)
    if kind == "unbalanced":
        shares = np.geomspace(1, 5, n_segments)
    if kind == "one of 3 %":
        shares = np.full(n_segments, 0.97 / (n_segments - 1))
        shares[0] = 0.03
    ends = np.round(np.cumsum(shares) / shares.sum() * n_customers)
    return np.searchsorted(ends, np.arange(n_customers), side="right")


def known_sets(
    kinds: Sequence[str] = SEGMENTED,
    *,
    numbers: Sequence[int] = range(2, 10),
    features: Sequence[int] = (2, 4),
    seed: int = SEED,
) -> Iterator[tuple[str, int, Array]]:
    """Yield the 96 sets of 400 customers with 2 to 9 segments, or some of them."""
    for place, kind in enumerate(kinds):
        for n_features in features:
            for number in numbers:
                rows, _ = draw_set(
                    kind,
                    number,
                    n_features,
                    N_CUSTOMERS,
                    [seed, place, n_features, number],
                )
                yield kind, number, rows


def auto() -> str:
    """How often each criterion, and their vote, finds the true number."""
    names = ["vote", *VOTERS, "davies_bouldin"]
    hits: dict[str, dict[str, list[bool]]] = {
        name: {kind: [] for kind in SEGMENTED} for name in names
    }
    for kind, number, rows in known_sets():
        scores = score_counts(rows, _ones(rows), max_segments=10, random_seed=42)
        choices = choices_by_criterion(scores, with_one=False)
        choices["vote"] = choose_count(scores, low=2, high=10).n_segments
        for name in names:
            hits[name][kind].append(choices[name] == number)
    rows_of = [
        [
            name,
            _percent([hit for kind in SEGMENTED for hit in hits[name][kind]]),
            *(_percent(hits[name][kind]) for kind in SEGMENTED),
        ]
        for name in names
    ]
    return _table(["chosen by", "all 96 sets", *SEGMENTED], rows_of)


def null() -> str:
    """How often sets without segments beat both kinds of reference sets."""
    rows_of = []
    for place, kind in enumerate(UNSEGMENTED):
        found = [
            beats_chance(draw_set(kind, 1, 2, 200, [SEED, 10 + place, trial])[0])
            for trial in range(40)
        ]
        rows_of.append([kind, _percent(found)])
    return _table(
        ["40 sets of 200 customers without segments", "false alarms"], rows_of
    )


def power() -> str:
    """How often sets with segments beat both kinds of reference sets."""
    rows_of = []
    for place, kind in enumerate(("3 sigma", "4 sigma", "well separated")):
        found = [
            beats_chance(draw_set(kind, 4, 2, 200, [SEED, 20 + place, trial])[0])
            for trial in range(20)
        ]
        rows_of.append([kind, _percent(found)])
    return _table(["20 sets of 200 customers in 4 segments", "found"], rows_of)


def beats_chance(rows: Array) -> bool:
    """Whether the best silhouette is above both kinds of reference sets."""
    found = compare_with_chance(*merge_points(rows, _ones(rows)), random_seed=42)
    return found.best > found.highest


def kept() -> str:
    """How often the number changes when a tenth of the customers leaves."""
    rows_of = []
    for name, rows, number in (
        ("shipped, income_spending", shipped_rows(), 5),
        ("3 sigma, 5 segments", draw_set("3 sigma", 5, 2, 400, [SEED, 30])[0], 5),
    ):
        free, held = [], []
        for trial in range(20):
            generator = np.random.default_rng([SEED, 31, trial])
            left = rows[generator.random(len(rows)) < 0.9]  # noqa: PLR2004
            scores = score_counts(left, _ones(left), max_segments=10, random_seed=42)
            free.append(choose_count(scores, low=2, high=10).n_segments)
            held.append(
                choose_count(scores, low=2, high=10, previous=number).n_segments
            )
        rows_of.append([name, _counted(free), _counted(held)])
    return _table(
        ["20 times without a tenth of the customers", "vote alone", "vote after 5"],
        rows_of,
    )


MEMBERSHIPS = (
    ("2 segments, 2 sigma apart", 2, 2, 2.0, False),
    ("2 segments, 3 sigma apart", 2, 2, 3.0, False),
    ("5 segments, 3 sigma apart", 5, 2, 3.0, False),
    ("5 segments, 4 sigma apart", 5, 2, 4.0, False),
    ("5 unbalanced, 4 sigma apart", 5, 2, 4.0, True),
    ("5 segments, 4 sigma apart, 10 features", 5, 10, 4.0, False),
    ("8 segments, 6 sigma apart, 4 features", 8, 4, 6.0, False),
)
"""Name, segments, features, least distance and whether shares differ."""


def membership() -> str:
    """How far the stated membership is from how often the segment is the true one."""
    rows_of = []
    for place, (name, *options) in enumerate(MEMBERSHIPS):
        errors = [
            calibration_errors(*options, seed=[SEED, 40, place, draw])
            for draw in range(5)
        ]
        published = [each[0] for each in errors]
        means = [*np.mean(errors, axis=0), max(published)]
        rows_of.append([name, *(f"{each:.3f}" for each in means)])
    return _table(
        ["5 draws", "published", "by inertia", "fuzzy c-means", "published, worst"],
        rows_of,
    )


def calibration_errors(
    n_segments: int,
    n_features: int,
    least: float,
    is_unbalanced: bool,  # noqa: FBT001  A column of MEMBERSHIPS.
    *,
    seed: Sequence[int],
    n_customers: int = 20_000,
) -> tuple[float, float, float]:
    """Return the expected calibration errors, over ten bins, of three memberships.

    The published one, the same of the variance ``inertia / ((n - k) p)``, and that of
    fuzzy c-means at the same centroids.
    """
    generator = np.random.default_rng(seed)
    centers = _centers(n_segments, n_features, least, generator)
    truth = _truth("unbalanced" if is_unbalanced else "", n_segments, n_customers)
    rows = centers[truth] + generator.standard_normal((n_customers, n_features))
    fit = fit_kmeans(rows, _ones(rows), n_segments=n_segments, random_seed=42)
    squared = ((rows[:, None] - fit.centroids) ** 2).sum(axis=2)
    matched = ((fit.centroids[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    is_right = matched[fit.labels] == truth
    segments = pd.DataFrame(
        {
            "segment_id": range(n_segments),
            "share": fit.sizes / n_customers,
            "outlier_distance": np.inf,
        }
    )
    sample, counts = sample_for_silhouettes(*merge_points(rows, _ones(rows)))
    variances = (
        cloud_variance(sample, counts, fit.centroids, fit.sizes / n_customers),
        fit.inertia / ((n_customers - n_segments) * n_features),
    )
    own = np.arange(len(rows)), fit.labels
    stated = [
        *(
            nearest_segments(rows, fit.centroids, segments.assign(variance=variance))[
                "membership"
            ].to_numpy()
            for variance in variances
        ),
        (1 / squared / (1 / squared).sum(axis=1, keepdims=True))[own],
    ]
    published, by_inertia, fuzzy = (_calibration(each, is_right) for each in stated)
    return published, by_inertia, fuzzy


def _calibration(stated: Array, is_right: Array) -> float:
    bins = np.minimum((stated * 10).astype(int), 9)
    errors = [
        abs(stated[bins == each].mean() - is_right[bins == each].mean())
        * (bins == each).mean()
        for each in np.unique(bins)
    ]
    return float(sum(errors))


SIZES = ((400, 2), (400, 10), (400, 50), (10_000, 2), (10_000, 10), (10_000, 50))
"""Customers and features of the sets that fits are compared on."""


def fit() -> str:
    """How much worse a fit is than the best of 50 starts of scikit-learn."""
    rows_of = []
    for n_customers, n_features in SIZES:
        seconds = np.zeros(2)
        worst = []
        for kind in (*SEGMENTED, *UNSEGMENTED):
            found = [
                compare_fit(kind, number, n_customers, n_features)
                for number in (2, 5, 9)
            ]
            worst.append(max(percent for percent, *_ in found))
            seconds += np.sum([times for _, *times in found], axis=0)
        rows_of.append(
            [
                f"{n_customers:,}, {n_features}",
                *(f"{each:+.3f}" for each in worst),
                f"{seconds[0] / seconds[1]:.1f}",
            ]
        )
    return _table(
        ["customers, features", *SEGMENTED, *UNSEGMENTED, "time / ten starts"], rows_of
    )


def compare_fit(
    kind: str, n_segments: int, n_customers: int, n_features: int, seed: int = SEED
) -> tuple[float, float, float]:
    """Compare our fit with the best of 50 starts, and with ten starts.

    Returns the percent of inertia above the best, below 0 where ours is better, and the
    seconds of the processor: ours, and those of ten starts.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415

    rows, _ = draw_set(kind, 6, n_features, n_customers, [seed, 50, n_features])
    started = time.process_time()
    ours = fit_kmeans(rows, _ones(rows), n_segments=n_segments, random_seed=42)
    fitted = time.process_time()
    theirs = KMeans(n_segments, n_init=50, random_state=1).fit(rows)
    ended = time.process_time()
    percent = float(100 * (ours.inertia / theirs.inertia_ - 1))
    return percent, fitted - started, (ended - fitted) / 5


def shipped_rows() -> Array:
    """Income and spending of the shipped customers, standardised."""
    path = PAGE.parents[1] / "seeds" / "Mall_Customers.csv"
    rows = np.genfromtxt(path, delimiter=",", skip_header=1, usecols=(3, 4))
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def _ones(rows: Array) -> Array:
    return np.ones(len(rows), dtype=np.int64)


def _percent(hits: Sequence[bool]) -> str:
    return f"{100 * np.mean(hits):.0f} %"


def _counted(numbers: Sequence[int]) -> str:
    found = {number: numbers.count(number) for number in sorted(set(numbers))}
    return ", ".join(f"{number} ({times})" for number, times in found.items())


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TABLES: dict[str, Callable[[], str]] = {
    "auto": auto,
    "null": null,
    "power": power,
    "kept": kept,
    "membership": membership,
    "fit": fit,
}


def write_table(name: str, table: str, page: Path = PAGE) -> None:
    """Put a table between its comments in the page."""
    start, end = f"<!-- table: {name} -->\n", f"<!-- end: {name} -->"
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(start)
    page.write_text(
        f"{before}{start}\n{table}\n\n{end}{rest.split(end)[1]}", encoding="utf-8"
    )


def main(arguments: Sequence[str]) -> int:
    """Write the tables that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="+", choices=TABLES)
    use_one_thread()
    for name in parser.parse_args(arguments).tables:
        table = TABLES[name]()
        write_table(name, table)
        print(table, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
