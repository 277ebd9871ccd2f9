"""Why there are as many segments: every number judged by every criterion."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from mall_segments.report.charts import (
    Plot,
    StripChart,
    criterion_marks,
    silhouette_marks,
)
from mall_segments.report.marts import Row, Subject
from mall_segments.report.svg import nice_axis

N_SLICES: Final = 22
"""Groups of equally many customers that the silhouettes of a segment are drawn as."""

STABLE: Final = 0.75
"""Share of a segment that is found again from which it is called stable (Hennig)."""


class Criterion(NamedTuple):
    """A way to judge a number of segments: its column, name and reading."""

    column: str
    title: str
    reading: str

    @property
    def choice(self) -> str | None:
        """Its name where numbers are preferred; None if it prefers none.

        The bend of a smooth curve is evidence of nothing, and few segments agree best.
        """
        if self.column in ("inertia", "stability_ari"):
            return None
        return self.column.removeprefix("lowest_")


CRITERIA: Final = (
    Criterion(
        "inertia",
        "Inertia",
        "Distances within segments, which always fall: look for a bend, if any.",
    ),
    Criterion(
        "silhouette",
        "Silhouette",
        "How much closer customers are to their own segment than to the next: higher "
        "is better.",
    ),
    Criterion(
        "calinski_harabasz",
        "Calinski-Harabasz",
        "Distance between segments over distance within: higher is better.",
    ),
    Criterion(
        "davies_bouldin",
        "Davies-Bouldin",
        "How much neighbours overlap: lower is better.",
    ),
    Criterion(
        "gap",
        "Gap",
        "Distance gained over customers without any segments, with its standard "
        "error: the first number no worse than the next.",
    ),
    Criterion(
        "stability_ari",
        "Agreement of resamples",
        "How alike the segments of resampled customers are (adjusted Rand index): "
        "higher is better, and easier for few segments.",
    ),
    Criterion(
        "lowest_jaccard",
        "Stability",
        "How much of the least stable segment is found again among resampled "
        "customers (Jaccard): three quarters and more is usually called stable.",
    ),
    Criterion(
        "separation",
        "Separation",
        "How far the two nearest segments are apart, in standard deviations within "
        "them: the largest number that keeps all of them clearly apart.",
    ),
)


def read_counts(subject: Subject, segments: Sequence[Row]) -> dict[str, Any]:
    """Draw every number of segments scored, and the silhouettes of the chosen one.

    The chosen number is the one published, with which criteria agree or not; the silent
    prefer none. The least stable segment of the stablest number is the most stable.
    """
    scores = subject.rows("fct_cluster_count_scores", "n_segments")
    chosen = next((row for row in scores if row["is_chosen"]), None)
    choices = [
        (each.title, [row for row in scores if each.choice in _chosen_by(row)])
        for each in CRITERIA
        if each.choice and any(row[each.column] is not None for row in scores)
    ]
    plots = [(each, _criterion_plot(subject.name, each, scores)) for each in CRITERIA]
    return {
        "scores": scores,
        "chosen": chosen,
        "is_set": bool(chosen and "setting" in _chosen_by(chosen)),
        "plots": [(criterion, plot) for criterion, plot in plots if plot],
        "agreeing": [title for title, rows in choices if chosen in rows],
        "disagreeing": [
            (title, row) for title, rows in choices for row in rows if row != chosen
        ],
        "silent": [title for title, rows in choices if not rows],
        "stablest": max(
            scores, key=lambda row: row["lowest_jaccard"] or 0, default=None
        ),
        "silhouettes": _silhouettes(subject, segments),
    }


def _chosen_by(row: Row) -> list[str]:
    return [part.strip() for part in (row["chosen_by"] or "").split(",")]


def _criterion_plot(
    segmentation: str, criterion: Criterion, rows: Sequence[Row]
) -> Plot | None:
    rows = [row for row in rows if row[criterion.column] is not None]
    if not rows:
        return None
    has_error = criterion.column == "gap"
    preferred = [
        row["n_segments"] for row in rows if criterion.choice in _chosen_by(row)
    ]
    prefers = f"It prefers {preferred[0]} segments." if preferred else ""
    content = criterion_marks(
        [
            (
                row["n_segments"],
                row[criterion.column],
                row["gap_standard_error"] if has_error else None,
            )
            for row in rows
        ],
        chosen=[row["n_segments"] for row in rows if row["is_chosen"]],
        preferred=preferred,
    )
    return Plot(
        name=f"criterion-{segmentation}-{criterion.column}",
        title=criterion.title,
        x_title="number of segments",
        y_title=criterion.title,
        description=f"{criterion.reading} {prefers}".strip(),
        content=content,
        height=150,
    )


def _silhouettes(subject: Subject, segments: Sequence[Row]) -> StripChart | None:
    rows = subject.marts.query(
        """
        WITH sorted AS (
            SELECT
                segment_id, silhouette, n_customers AS n,
                sum(n_customers) OVER (PARTITION BY segment_id) AS total,
                sum(n_customers) OVER (
                    PARTITION BY segment_id ORDER BY silhouette DESC, point_id
                ) AS last
            FROM fct_segment_points
            WHERE segmentation = $1 AND silhouette IS NOT NULL
        )
        SELECT
            segment_id,
            floor(least((last - n / 2) / total, 0.999999) * $2) AS slice,
            min(last - n) / max(total) AS slice_start,
            max(last) / max(total) AS slice_end,
            sum(n * silhouette) / sum(n) AS silhouette
        FROM sorted
        GROUP BY 1, 2
        ORDER BY 1, 2
        """,
        [subject.name, N_SLICES],
    )
    slices: dict[int, list[tuple[float, float, float]]] = {}
    for row in rows:
        slices.setdefault(row["segment_id"], []).append(
            (row["slice_start"], row["slice_end"], row["silhouette"])
        )
    known = {
        row["segment_id"]: row["mean_silhouette"]
        for row in segments
        if row["segment_id"] in slices and row["mean_silhouette"] is not None
    }
    if not known:
        return None
    lowest = min(row["silhouette"] for row in rows)
    axis = nice_axis(min(lowest, 0), 1, n_ticks=6, is_clipped=True)
    labels = subject.labels
    means = "; ".join(f"{labels[key]} {mean:.2f}" for key, mean in known.items())
    return StripChart(
        name=f"silhouettes-{subject.name}",
        title="Silhouette of each customer",
        x_title="silhouette",
        description=f"Means: {means}.",
        strips=[
            (
                key,
                labels[key],
                silhouette_marks(key, labels[key], slices[key], mean, axis),
            )
            for key, mean in known.items()
        ],
        axis=axis,
        height=48,
    )
