"""Segments explained: the rules of a small decision tree that imitates them.

A segmentation is a nearest-centroid rule over all its features at once, which nobody
can read. A small tree in original units says nearly the same in a few conditions, and
its fidelity says how nearly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from mall_segments.clustering.frames import typed_frame
from mall_segments.publishing.tables import quote_text
from mall_segments.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from mall_segments.clustering import BoolArray, FloatArray, IntArray
    from mall_segments.settings import Feature

MAX_LEAVES: Final = 8
"""Leaves of a tree, unless the segmentation has more segments than that."""

TARGET_FIDELITY: Final = 0.95
"""Share of the customers for whom a tree must be right to be good enough."""

_TREE_SEED: Final = 0
_MOST_DIGITS: Final = 15

_TYPES: Final = {
    "segmentation": "text",
    "segment_id": "int64",
    "segment_name": "text",
    "rule_id": "int64",
    "rule_sql": "text",
    "rule_text": "text",
    "precision": "float64",
    "coverage": "float64",
    "n_customers": "int64",
    "n_in_segment": "int64",
    "fidelity": "float64",
}


@dataclass(frozen=True)
class _Column:
    """A number, or whether a customer has one level of a category, as 0 or 1."""

    feature: Feature
    is_whole: bool = False
    level: str | None = None


@dataclass(frozen=True)
class _Points:
    """The points of one segmentation; ``ranks`` counts distinct values from 0."""

    columns: Sequence[_Column]
    values: FloatArray
    ranks: IntArray
    weights: IntArray
    segment_ids: IntArray

    def customers(self, members: BoolArray, segment_id: int) -> int:
        """Count the members who are in a segment."""
        return int(self.weights[members & (self.segment_ids == segment_id)].sum())


@dataclass(frozen=True)
class _Threshold:
    """A number between two values, and whether it is itself with those above it."""

    value: float
    belongs_above: bool

    def __str__(self) -> str:
        return np.format_float_positional(self.value + 0.0, trim="-")


@dataclass(frozen=True)
class _Leaf:
    """A part of the tree that speaks for one segment, and the points on it.

    ``lower`` and ``upper`` bound the values by the number of their column.
    """

    segment_id: int
    lower: Mapping[int, _Threshold]
    upper: Mapping[int, _Threshold]
    members: BoolArray


def describe_segments(
    points: pd.DataFrame,
    segment_points: pd.DataFrame,
    segments: pd.DataFrame,
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Explain each segment by the rules of a small surrogate decision tree.

    ``points`` are rows of ``int_points`` and ``segment_points`` of
    ``int_points_assigned``. Returns the rows of ``fct_segment_rules``; ``rule_id``
    counts the rules of a segmentation by segment, then by customers descending. Every
    customer satisfies exactly one rule of each segmentation. A segment for which no
    leaf speaks has none.

    The tree is grown best first, weighted by customers [1]_, and stops as soon as it
    has a rule for every segment and a fidelity of :data:`TARGET_FIDELITY`: more leaves
    would be right about a few customers more and tell a reader less. If no number of
    leaves gets there, a tree with equal weight for every segment is tried, and else the
    one with rules for the most segments and then the highest fidelity is kept. Trees
    are grown on the ranks of the values, which are exact where scikit-learn's
    single-precision copies of the values would not be. A threshold has the fewest
    digits that separate the two values around it.

    References
    ----------
    .. [1] Craven and Shavlik (1996), "Extracting tree-structured representations of
       trained networks", NIPS 8, 24-30.
    """
    read = read_settings(settings)
    names = {
        (segmentation, segment_id): name
        for segmentation, segment_id, name in segments[
            ["segmentation", "segment_id", "segment_name"]
        ].itertuples(index=False)
    }
    labelled = points.merge(
        segment_points[["segmentation", "point_id", "segment_id"]],
        on=["segmentation", "point_id"],
        validate="one_to_one",
    ).sort_values("point_id")
    rows: list[dict[str, Any]] = []
    for segmentation in read.segmentations if len(points) else ():
        own = labelled[labelled["segmentation"] == segmentation.name]
        features = [read.feature(name) for name in segmentation.features]
        rules = _rules(_points(own, features))
        rows += [
            {
                "segmentation": segmentation.name,
                "segment_name": names[segmentation.name, rule["segment_id"]],
                "rule_id": rule_id,
                **rule,
            }
            for rule_id, rule in enumerate(rules, start=1)
        ]
    return typed_frame(rows, _TYPES)


def _points(own: pd.DataFrame, features: Sequence[Feature]) -> _Points:
    """List what a tree can ask of points: each number, each level of a category."""
    columns: list[_Column] = []
    values: list[FloatArray] = []
    for feature in features:
        if feature.type == "number":
            numbers = own[feature.name].to_numpy(np.float64)
            is_whole = bool((numbers == np.round(numbers)).all())
            columns.append(_Column(feature, is_whole=is_whole))
            values.append(numbers)
            continue
        levels = own[feature.name].astype(str).to_numpy()
        for level in sorted(set(levels)):
            columns.append(_Column(feature, level=level))
            values.append((levels == level).astype(np.float64))
    ranks = [np.unique(column, return_inverse=True)[1] for column in values]
    return _Points(
        columns,
        np.column_stack(values),
        np.column_stack(ranks),
        own["n_customers"].to_numpy(np.int64),
        own["segment_id"].to_numpy(np.int64),
    )


def _rules(points: _Points) -> list[dict[str, Any]]:
    """Columns of a segmentation's rules, in the order of their ids."""
    leaves = _choose_leaves(points)
    everyone = np.ones(len(points.weights), dtype=np.bool_)
    rules: list[dict[str, Any]] = []
    for leaf in leaves:
        n_customers = int(points.weights[leaf.members].sum())
        n_in_segment = points.customers(leaf.members, leaf.segment_id)
        rule_sql, rule_text = _write(leaf, points.columns)
        rules.append(
            {
                "segment_id": leaf.segment_id,
                "rule_sql": rule_sql,
                "rule_text": rule_text,
                "precision": n_in_segment / n_customers,
                "coverage": n_in_segment / points.customers(everyone, leaf.segment_id),
                "n_customers": n_customers,
                "n_in_segment": n_in_segment,
                "fidelity": _fidelity(leaves, points),
            }
        )
    return sorted(
        rules,
        key=lambda rule: (rule["segment_id"], -rule["n_customers"], rule["rule_sql"]),
    )


def _choose_leaves(points: _Points) -> list[_Leaf]:
    """Leaves of the smallest tree that is good enough, or else of the best tree."""
    segments, codes = np.unique(points.segment_ids, return_inverse=True)
    sizes = np.bincount(codes, weights=points.weights)
    best: list[_Leaf] = []
    best_score = (0, 0.0)
    for weights in (points.weights, points.weights / sizes[codes]):
        # A tree with a leaf more is the same tree with one leaf split.
        for n_leaves in range(len(segments), max(MAX_LEAVES, len(segments)) + 1):
            leaves = _grow(points, weights, n_leaves)
            score = (_n_spoken_for(leaves), _fidelity(leaves, points))
            if score > best_score:
                best, best_score = leaves, score
            if score[0] == len(segments) and score[1] >= TARGET_FIDELITY:
                return leaves
    return best


def _n_spoken_for(leaves: Sequence[_Leaf]) -> int:
    return len({leaf.segment_id for leaf in leaves})


def _fidelity(leaves: Sequence[_Leaf], points: _Points) -> float:
    faithful = (points.customers(leaf.members, leaf.segment_id) for leaf in leaves)
    return sum(faithful) / int(points.weights.sum())


def _grow(points: _Points, weights: NDArray[Any], n_leaves: int) -> list[_Leaf]:
    """Grow a tree and merge leaves that speak for the same segment as their sibling."""
    model = DecisionTreeClassifier(
        max_leaf_nodes=max(n_leaves, 2), random_state=_TREE_SEED
    )
    model.fit(points.ranks, points.segment_ids, sample_weight=weights)
    tree = model.tree_
    spoken_for = model.classes_[tree.value[:, 0, :].argmax(axis=1)]

    def below(node: int, leaf: _Leaf) -> list[_Leaf]:
        if tree.children_left[node] < 0:
            return [replace(leaf, segment_id=int(spoken_for[node]))]
        column = int(tree.feature[node])
        left = leaf.members & (points.ranks[:, column] <= tree.threshold[node])
        right = leaf.members & ~left
        threshold = _threshold(
            float(points.values[left, column].max()),
            float(points.values[right, column].min()),
            points.columns[column],
        )
        upper = {**leaf.upper, column: threshold}
        lower = {**leaf.lower, column: threshold}
        leaves = [
            *below(tree.children_left[node], replace(leaf, upper=upper, members=left)),
            *below(
                tree.children_right[node], replace(leaf, lower=lower, members=right)
            ),
        ]
        if _n_spoken_for(leaves) == 1:
            return [replace(leaf, segment_id=leaves[0].segment_id)]
        return leaves

    return below(0, _Leaf(0, {}, {}, np.ones(len(points.weights), dtype=np.bool_)))


def _threshold(low: float, high: float, column: _Column) -> _Threshold:
    """Return the number with the fewest digits that separates two values.

    Of numbers with as many digits it is the one nearest to the middle.
    """
    middle = (low + high) / 2
    if column.is_whole:
        for digits in range(-_MOST_DIGITS, 1):
            value = round(middle, digits) if digits else float(math.ceil(middle))
            if low < value <= high:
                return _Threshold(value, belongs_above=True)
    for digits in range(-_MOST_DIGITS, _MOST_DIGITS + 1):
        value = round(middle, digits)
        if low < value < high:
            return _Threshold(value, belongs_above=value >= 0)
    return _Threshold(high, belongs_above=True)


def _write(leaf: _Leaf, columns: Sequence[_Column]) -> tuple[str, str]:
    """Write a rule as SQL and in words."""
    predicates = []
    statements = []
    for place, column in enumerate(columns):
        lower, upper = leaf.lower.get(place), leaf.upper.get(place)
        if lower is None and upper is None:
            continue
        feature = column.feature
        if column.level is not None:
            sign, verb = ("=", "is") if lower else ("<>", "is not")
            predicates.append(f"{feature.name} {sign} {quote_text(column.level)}")
            statements.append(f"{feature.label} {verb} {column.level}")
            continue
        words = []
        if lower:
            sign, word = (">=", "at least") if lower.belongs_above else (">", "above")
            predicates.append(f"{feature.name} {sign} {lower}")
            words.append(f"{word} {lower}")
        if upper:
            sign = "<" if upper.belongs_above else "<="
            predicates.append(f"{feature.name} {sign} {upper}")
            words.append(_upper_words(column, upper))
        statements.append(f"{feature.label} is {' and '.join(words)}")
    if not predicates:
        return "true", "Every customer"
    text = " and ".join(statements)
    return " and ".join(predicates), text[0].upper() + text[1:]


def _upper_words(column: _Column, threshold: _Threshold) -> str:
    if not threshold.belongs_above:
        return f"at most {threshold}"
    if column.is_whole and threshold.value.is_integer():
        return f"at most {_Threshold(threshold.value - 1, belongs_above=False)}"
    return f"below {threshold}"
