"""A small published generation, made without dbt: sixty customers, two segmentations.

Every table is computed from the sixty rows in a few lines of SQL, so that the numbers
of all tables agree, as those of a sound build do.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from mall_segments.model import (
    Coordinate,
    Model,
    ModelColumn,
    ModelSegment,
    ModelSegmentation,
    write_model,
)
from mall_segments.publishing.generations import (
    DATABASE,
    MODEL,
    Generation,
    generation_folder,
    read_current,
)
from mall_segments.publishing.switching import new_generation, seal_generation
from mall_segments.publishing.tables import STORAGE_VERSION, describe_table
from mall_segments.scoring.assignment import Assigner, assign
from mall_segments.settings import parse_settings

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.settings import Settings

FIRST = "20261101T000000.000000Z-00000001"
SECOND = "20261102T000000.000000Z-00000002"
OTHER_CUSTOMERS = "20261103T000000.000000Z-00000003"

N_CUSTOMERS = 60
NUMBERS = ("tenure_years", "visits", "spend_eur")
SETTINGS: dict[str, Any] = {
    "gender": {"female": ["F"], "male": ["M"]},
    "customers_path": "customers.csv",
    "features": [
        {
            "name": "tenure_years",
            "label": "tenure",
            "minimum": 0,
            "maximum": 60,
            "bands": {"name": "tenure_band", "starts": [10, 30]},
        },
        {
            "name": "visits",
            "label": "visits",
            "minimum": 0,
            "maximum": 365,
            "is_whole": True,
        },
        {"name": "spend_eur", "label": "spend", "minimum": 0, "transform": "log"},
        {
            "name": "channel",
            "label": "channel",
            "type": "category",
            "levels": {"web": ["w"], "shop": ["s"]},
        },
    ],
    "segmentations": [
        {"name": "visits_spend", "features": ["visits", "spend_eur"], "n_segments": 3},
        {
            "name": "tenure_channel",
            "features": ["tenure_years", "channel"],
            "n_segments": 2,
        },
    ],
    "demographics": ["gender", "tenure_band"],
}
NAMES = {1: "Regulars", 2: "Spenders", 3: "Passers-by"}


def customers(*, older: float = 0.0) -> pd.DataFrame:
    """Return sixty customers in three groups; one lacks its visits."""
    number = np.arange(1, N_CUSTOMERS + 1)
    group = number % 3
    frame = pd.DataFrame(
        {
            "customer_id": [f"=c{n}" if n == 60 else f"c{n}" for n in number],
            "gender": np.where(number % 4 == 0, "male", "female"),
            "channel": np.where(number % 5 < 2, "web", "shop"),
            "tenure_years": (number * 13) % 30 + older,
            "visits": np.array([5, 9, 14])[group] + (number * 7) % 5,
            "spend_eur": np.array([30.0, 50.0, 40.0])[group] + (number * 3) % 11 / 2,
        }
    ).astype(dict.fromkeys(NUMBERS, "float64"))
    frame.loc[frame.customer_id == "c30", "visits"] = np.nan
    return frame


def publish_sample(home: Path, build_id: str, *, older: float = 0.0) -> Generation:
    """Publish the sixty customers, who stayed ``older`` years longer."""
    settings = parse_settings(SETTINGS)
    frame = customers(older=older)
    created_at = f"{build_id[:4]}-{build_id[4:6]}-{build_id[6:8]}T00:00:00+00:00"
    model = fit(settings, frame, build_id, created_at)
    with new_generation(home, build_id, keep_generations=3) as draft:
        write_model(draft.folder / MODEL, model)
        with duckdb.connect() as connection:
            previous = None
            if draft.previous_build_id:
                previous = generation_folder(home, draft.previous_build_id) / DATABASE
            tables = make_tables(connection, model, frame, previous, draft)
            described = export(connection, tables, draft.folder)
        for name in ("report.html", "dbt_docs.html"):
            (draft.folder / name).write_text("<!doctype html>\n", encoding="utf-8")
        (draft.folder / "data_tests.json").write_text(
            json.dumps({"format": 1, "passed": []}), encoding="utf-8"
        )
        seal_generation(
            draft,
            {
                "created_at": created_at,
                "versions": {"mall-segments": "0.1.0", "duckdb": duckdb.__version__},
                "settings": settings.model_dump(mode="json"),
                "settings_sha256": "0" * 64,
                "input": {
                    "files": [
                        {"path": "shop.csv", "bytes": 1, "sha256": f"{older:064.0f}"}
                    ],
                    "rows": N_CUSTOMERS + 2,
                    "accepted": N_CUSTOMERS,
                    "rejected": 2,
                    "imputed": 1,
                },
                "row_level_exported": True,
                "tables": described,
            },
        )
    return read_current(home)


def fit(
    settings: Settings, frame: pd.DataFrame, build_id: str, created_at: str
) -> Model:
    """Fit both segmentations by a few steps of Lloyd's algorithm."""
    columns = [
        ModelColumn(
            name=column.name,
            label=column.label,
            type=column.type,
            aliases=[],
            minimum=column.minimum,
            maximum=column.maximum,
            levels={key: list(each) for key, each in (column.levels or {}).items()}
            or None,
            imputed=float(frame[column.name].median())
            if column.type == "number"
            else None,
        )
        for column in settings.columns
    ]
    model = Model(
        build_id=build_id,
        created_at=created_at,
        settings_sha256="0" * 64,
        missing_values="impute",
        customer_id_aliases=[],
        columns=columns,
        segmentations=[
            _unfitted(settings, each.name, frame) for each in settings.segmentations
        ],
    )
    number = np.arange(1, N_CUSTOMERS + 1)
    fitted = []
    for each in model.segmentations:
        segmentation = each
        labels = number % 3 if each.n_segments == 3 else number % 5 < 2
        for _ in range(10):
            segmentation = _fitted(model, segmentation, frame, np.asarray(labels, int))
            labels = assign(model, segmentation, frame.to_dict("list")).segment
        fitted.append(segmentation)
    return model.model_copy(update={"segmentations": fitted})


def _unfitted(settings: Settings, name: str, frame: pd.DataFrame) -> ModelSegmentation:
    asked = next(each for each in settings.segmentations if each.name == name)
    axes = []
    for feature in asked.features:
        if settings.feature(feature).type == "category":
            for level in ("web", "shop"):
                share = float((frame[feature] == level).mean())
                axes.append(
                    Coordinate(
                        feature=feature, level=level, center=share, scale=share**0.5
                    )
                )
            continue
        is_log = settings.feature(feature).transform == "log"
        values = np.log1p(frame[feature]) if is_log else frame[feature]
        axes.append(
            Coordinate(
                feature=feature,
                transform="log" if is_log else "none",
                center=float(values.mean()),
                scale=float(values.std(ddof=0)),
            )
        )
    blank = {
        "persona": "A persona",
        "recommended_action": "An action",
        "n_customers": 0,
        "customer_share": 0.0,
        "share": 1.0,
        "inertia_share": 0.0,
        "outlier_distance": 9.0,
        "centroid": {
            feature: "web" if settings.feature(feature).type == "category" else 0.0
            for feature in asked.features
        },
        "coordinates": [0.0] * len(axes),
    }
    return ModelSegmentation(
        name=name,
        features=list(asked.features),
        scaler=asked.scaler,
        random_seed=asked.random_seed,
        verdict="clear segments",
        variance=1.0,
        coordinates=axes,
        segments=[
            ModelSegment(segment_id=number, segment_name=NAMES[number], **blank)
            for number in range(1, int(asked.n_segments) + 1)
        ],
        retired_segments=[],
    )


def _fitted(
    model: Model, segmentation: ModelSegmentation, frame: pd.DataFrame, labels: Any
) -> ModelSegmentation:
    """Move each segment to the mean of those who have its label."""
    points = Assigner(model, segmentation).coordinates(frame.to_dict("list"))
    is_fitted = frame[list(segmentation.features)].notna().all(axis=1).to_numpy()
    members = [
        is_fitted & (labels == place) for place in range(segmentation.n_segments)
    ]
    centres = [points[each].mean(axis=0) for each in members]
    inertias = [
        float(((points[each] - centre) ** 2).sum())
        for each, centre in zip(members, centres, strict=True)
    ]
    segments = []
    for place, segment in enumerate(segmentation.segments):
        mine = frame[members[place]]
        far = np.sqrt(((points[members[place]] - centres[place]) ** 2).sum(axis=1))
        segments.append(
            segment.model_copy(
                update={
                    "n_customers": int((labels == place).sum()),
                    "customer_share": float((labels == place).mean()),
                    "share": float(members[place].sum() / is_fitted.sum()),
                    "mean_silhouette": 0.5,
                    "stability_jaccard": 0.9,
                    "inertia_share": inertias[place] / sum(inertias),
                    "outlier_distance": float(far.mean() + 2 * far.std()),
                    "centroid": {
                        name: str(mine[name].mode()[0])
                        if model.column(name).type == "category"
                        else float(mine[name].mean())
                        for name in segmentation.features
                    },
                    "coordinates": [float(value) for value in centres[place]],
                }
            )
        )
    freedom = (is_fitted.sum() - segmentation.n_segments) * points.shape[1]
    return segmentation.model_copy(
        update={"segments": segments, "variance": float(sum(inertias) / freedom)}
    )


def make_tables(
    connection: Any,
    model: Model,
    frame: pd.DataFrame,
    previous: Path | None,
    draft: Any,
) -> list[str]:
    """Make every published table in the connection; return their names."""
    dim_customers, facts, dim_segments = _row_frames(model, frame)
    observed = frame.melt("customer_id", NUMBERS, "feature", "value").dropna()
    levels = frame.melt("customer_id", ["gender", "channel"], "feature", "level")
    for name, content in {
        "dim_customers": dim_customers,
        "fct_customer_segments": facts,
        "dim_segments": dim_segments,
        "observed": observed,
        "levels": levels,
        "fct_segment_differences": _differences(model),
        "fct_segmentation_verdicts": _verdicts(model),
        "fct_cluster_count_scores": _counts(model),
        "fct_principal_components": _components(model),
        "fct_feature_drift": _drift(frame, previous),
    }.items():
        connection.register("content", content)
        connection.execute(f"create table {name} as from content")
        connection.unregister("content")
    if previous is not None:
        connection.execute(f"attach '{previous}' as previous (read_only)")
    before = "(from fct_customer_segments limit 0)"
    if previous is not None:
        before = "previous.fct_customer_segments"
    for name, query in _QUERIES.items():
        written = (
            query.replace("<before>", before)
            .replace("<build>", draft.build_id)
            .replace("<previous_build>", str(draft.previous_build_id))
        )
        connection.execute(f"create table {name} as {written}")
    hidden = {"observed", "levels"}
    rows = connection.execute(
        "select table_name from duckdb_tables() where database_name = 'memory'"
    ).fetchall()
    return sorted({name for (name,) in rows} - hidden)


def export(connection: Any, tables: list[str], folder: Path) -> dict[str, Any]:
    """Write database, Parquet and CSV files; describe the tables."""
    (folder / "parquet").mkdir()
    connection.execute(
        f"attach '{folder / DATABASE}' as published "
        f"(storage_version '{STORAGE_VERSION}')"
    )
    described = {}
    for name in tables:
        connection.execute(
            f"create table published.{name} as select * from memory.{name} order by all"
        )
        path = f"parquet/{name}.parquet"
        connection.execute(
            f"copy published.{name} to '{folder / path}' (format parquet)"
        )
        described[name] = {
            **describe_table(connection, f"published.main.{name}"),
            "parquet": path,
        }
    connection.execute("detach published")
    connection.execute(
        f"""
        copy (
            select
                if(customer_id like '=%', '''' || customer_id, customer_id) as "Kunde",
                gender as "Geschlecht", tenure_years as "Jahre", visits as "Besuche",
                facts.segment_id as "Cluster", facts.segment_name as "Segment",
                facts.persona as "Persona", others.* exclude (other_id)
            from memory.dim_customers
            inner join memory.fct_customer_segments as facts using (customer_id)
            inner join (
                select customer_id as other_id,
                    segment_id as "Cluster (tenure_channel)",
                    segment_name as "Segment (tenure_channel)",
                    persona as "Persona (tenure_channel)"
                from memory.fct_customer_segments
                where segmentation = 'tenure_channel'
            ) as others on dim_customers.customer_id = others.other_id
            where facts.segmentation = 'visits_spend'
        ) to '{folder / "segmented_mall_customers.csv"}' (format csv, header)
        """
    )
    return described


def _row_frames(
    model: Model, frame: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    dim_customers = frame.copy()
    years = dim_customers.tenure_years
    dim_customers["tenure_band"] = np.select(
        [years < 10, years < 30], ["under 10", "10-29"], "30 and over"
    )
    for name in NUMBERS:
        dim_customers[f"is_{name}_imputed"] = frame[name].isna()
        dim_customers[name] = frame[name].fillna(model.column(name).imputed)
    dim_customers["is_imputed"] = frame[list(NUMBERS)].isna().any(axis=1)
    facts, segments = [], []
    for segmentation in model.segmentations:
        found = assign(model, segmentation, frame.to_dict("list"))
        ids = np.array([each.segment_id for each in segmentation.segments])
        facts.append(
            pd.DataFrame(
                {
                    "segmentation": segmentation.name,
                    "customer_id": frame.customer_id,
                    "segment_id": ids[found.segment],
                    "segment_name": [NAMES[n] for n in ids[found.segment]],
                    "persona": "A persona",
                    "distance": found.distance,
                    "second_segment_id": ids[found.second],
                    "second_distance": found.second_distance,
                    "membership": found.membership,
                    "is_outlier": found.is_outlier,
                    "is_imputed": found.is_imputed,
                    "main_reason": [segmentation.features[n] for n in found.reason],
                    "holdout_bucket": np.arange(N_CUSTOMERS) % 100,
                }
            )
        )
        segments += [
            {
                "segmentation": segmentation.name,
                **segment.model_dump(exclude={"share", "centroid", "coordinates"}),
                "n_outliers": int(
                    found.is_outlier[ids[found.segment] == segment.segment_id].sum()
                ),
                **{
                    f"centroid_{column.name}": segment.centroid.get(column.name)
                    for column in model.columns
                },
                **{
                    f"scaled_centroid_{name}": None
                    if name not in segment.centroid
                    else segment.coordinates[segmentation.features.index(name)]
                    for name in NUMBERS
                },
                "n_segments": segmentation.n_segments,
                "chosen_by": "setting",
                "scaler": segmentation.scaler,
                "random_seed": segmentation.random_seed,
            }
            for segment in segmentation.segments
        ]
    texts = {"centroid_gender": "string", "centroid_channel": "string"}
    return dim_customers, pd.concat(facts), pd.DataFrame(segments).astype(texts)


def _differences(model: Model) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (
                each.name,
                name,
                "kruskal_wallis",
                9.0,
                0.01,
                0.4,
                "large",
                name in each.features,
            )
            for each in model.segmentations
            for name in NUMBERS
        ],
        columns=[
            "segmentation",
            "attribute",
            "test",
            "statistic",
            "p_value",
            "effect_size",
            "effect_reading",
            "is_fitted",
        ],
    )


def _verdicts(model: Model) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "segmentation": each.name,
                "verdict": each.verdict,
                "sentence": "The segments lie apart.",
                "n_segments": each.n_segments,
                "silhouette": 0.5,
                "null_uniform_p95": 0.4,
                "null_gaussian_p95": 0.3,
                "gap_choice": 3,
                "lowest_jaccard": 0.9,
                "smallest_segment_share": min(s.customer_share for s in each.segments),
                "hopkins": 0.8,
            }
            for each in model.segmentations
        ]
    )


def _counts(model: Model) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "segmentation": each.name,
                "n_segments": count,
                "inertia": 90.0 / count,
                "silhouette": None if count == 1 else 0.5,
                "calinski_harabasz": 20.0,
                "davies_bouldin": 0.6,
                "gap": 0.1,
                "gap_standard_error": 0.01,
                "stability_ari": 0.9,
                "lowest_jaccard": 0.9,
                "separation": 4.0,
                "smallest_segment_share": 0.2,
                "is_exact": True,
                "is_chosen": count == each.n_segments,
                "chosen_by": "setting",
            }
            for each in model.segmentations
            for count in range(1, 5)
        ]
    )


def _components(model: Model) -> pd.DataFrame:
    rows = []
    for each in model.segmentations:
        names = [
            axis.feature if axis.level is None else f"{axis.feature}={axis.level}"
            for axis in each.coordinates
        ]
        for place, component in enumerate(names):
            rows += [
                (
                    each.name,
                    place + 1,
                    name,
                    float(name == component),
                    1.0,
                    1 / len(names),
                    (place + 1) / len(names),
                )
                for name in names
            ]
    return pd.DataFrame(
        rows,
        columns=[
            "segmentation",
            "component",
            "feature",
            "loading",
            "explained_variance",
            "explained_variance_ratio",
            "cumulative_variance_ratio",
        ],
    )


def _drift(frame: pd.DataFrame, previous: Path | None) -> pd.DataFrame:
    before = None
    if previous is not None:
        with duckdb.connect(str(previous), read_only=True) as database:
            before = database.execute("from dim_customers").df()
    rows = []
    for name in NUMBERS:
        now = frame[name].dropna()
        row = {
            "feature": name,
            "population_stability_index": None,
            "reading": None,
            "ks_statistic": None,
            "ks_p_value": None,
            "previous_n_customers": None,
            "current_n_customers": len(now),
            "previous_mean": None,
            "current_mean": now.mean(),
        }
        if before is not None:
            old = before.loc[~before[f"is_{name}_imputed"], name]
            test = ks_2samp(now, old)
            index = 0.0 if test.statistic == 0 else 3 * test.statistic
            row |= {
                "population_stability_index": index,
                "reading": "stable"
                if index < 0.1
                else "moderate"
                if index < 0.25
                else "major",
                "ks_statistic": test.statistic,
                "ks_p_value": test.pvalue,
                "previous_n_customers": len(old),
                "previous_mean": old.mean(),
            }
        rows.append(row)
    types = {
        **dict.fromkeys(["feature", "reading"], "string"),
        **dict.fromkeys(["previous_n_customers", "current_n_customers"], "Int64"),
        **dict.fromkeys(
            [
                "population_stability_index",
                "ks_statistic",
                "ks_p_value",
                "previous_mean",
                "current_mean",
            ],
            "float64",
        ),
    }
    return pd.DataFrame(rows).astype(types)


_QUERIES = {
    "fct_feature_summary": f"""
        select feature, count(value) as n_customers,
            {N_CUSTOMERS} - count(value) as n_missing,
            count(distinct value) as n_distinct, avg(value) as mean,
            stddev_pop(value) as std, min(value) as minimum,
            quantile_cont(value, 0.25) as p25, median(value) as median,
            quantile_cont(value, 0.75) as p75, max(value) as maximum,
            0.1::double as skewness, min(value) - 1 as lower_fence,
            max(value) + 1 as upper_fence, 0::bigint as n_outliers,
            bool_and(value = round(value)) as is_whole
        from observed group by feature
        """,
    "fct_feature_distribution": """
        select feature, gender, 10 * floor(value / 10) as bin_from,
            10 * floor(value / 10) + 10 as bin_to, count(*) as n_customers,
            count(*) / max(n_customers) as customer_share
        from observed inner join dim_customers using (customer_id)
        inner join fct_feature_summary using (feature)
        group by feature, gender, floor(value / 10)
        """,
    "fct_feature_correlation": """
        select one.feature, other.feature as other_feature, count(*) as n_customers,
            if(one.feature = other.feature, 1, corr(one.value, other.value)) as pearson,
            if(one.feature = other.feature, 1, corr(one.value, other.value)) as spearman
        from observed as one inner join observed as other using (customer_id)
        group by one.feature, other.feature
        """,
    "fct_feature_pairs": """
        select segmentation, segment_id, one.feature, other.feature as other_feature,
            10 * floor(one.value / 10) as bin_from,
            10 * floor(one.value / 10) + 10 as bin_to,
            10 * floor(other.value / 10) as other_bin_from,
            10 * floor(other.value / 10) + 10 as other_bin_to, count(*) as n_customers
        from observed as one inner join observed as other using (customer_id)
        inner join fct_customer_segments using (customer_id)
        where one.feature < other.feature
            and customer_id in (
                select customer_id from observed where feature = 'visits'
            )
        group by all
        """,
    "fct_segment_feature_values": """
        select segmentation, segment_id, feature, value, count(*) as n_customers
        from observed inner join fct_customer_segments using (customer_id) group by all
        """,
    "fct_segment_profiles": """
        with profiles as (
            select segmentation, segment_id, feature, count(*) as n_customers,
                avg(value) as mean, median(value) as median, stddev_pop(value) as std,
                quantile_disc(value, 0.1) as p10, quantile_disc(value, 0.9) as p90,
                min(value) as minimum, max(value) as maximum
            from observed inner join fct_customer_segments using (customer_id)
            group by all
        )
        select profiles.*, summary.mean as overall_mean, summary.std as overall_std,
            (profiles.mean - summary.mean) / summary.std as z_score,
            100 * profiles.mean / summary.mean as index_vs_overall,
            row_number() over (partition by segmentation, segment_id order by feature)
                as difference_rank
        from profiles inner join fct_feature_summary as summary using (feature)
        """,
    "fct_segment_categories": f"""
        with overall as (
            select feature, level, count(*) / {N_CUSTOMERS} as share
            from levels group by all
        )
        select segmentation, segment_id, levels.feature, levels.level,
            count(*) as n_customers,
            count(*) / max(dim_segments.n_customers) as share_of_segment,
            max(overall.share) as overall_share,
            100 * count(*) / max(dim_segments.n_customers) / max(overall.share)
                as index_vs_overall
        from levels inner join fct_customer_segments using (customer_id)
        inner join dim_segments using (segmentation, segment_id)
        inner join overall using (feature, level)
        group by all
        """,
    "fct_segment_demographics": """
        select segmentation, segment_id, gender, tenure_band, count(*) as n_customers,
            count(*) / max(dim_segments.n_customers) as share_of_segment
        from dim_customers inner join fct_customer_segments using (customer_id)
        inner join dim_segments using (segmentation, segment_id)
        group by all
        """,
    "fct_segment_points": """
        select segmentation, row_number() over () as point_id,
            if(segmentation = 'tenure_channel', tenure_years, null) as tenure_years,
            if(segmentation = 'visits_spend', visits, null) as visits,
            if(segmentation = 'visits_spend', spend_eur, null) as spend_eur,
            if(segmentation = 'tenure_channel', channel, null) as channel,
            null::varchar as gender, segment_id, segment_name, distance,
            second_segment_id, second_distance, membership, 0.5::double as silhouette,
            is_outlier, 1::bigint as n_customers
        from fct_customer_segments inner join dim_customers using (customer_id)
        """,
    "fct_segment_rules": """
        with facts as (
            select segmentation, segment_id, segment_name, count(*) as n_customers
            from fct_customer_segments group by all
        )
        select segmentation, segment_id, segment_name, segment_id as rule_id,
            if(segment_id = 1, 'channel = ''web''', 'visits >= ' || segment_id)
                as rule_sql,
            'Customers of segment ' || segment_id as rule_text, 1::double as precision,
            1::double as coverage, n_customers, n_customers as n_in_segment,
            1::double as fidelity
        from facts
        """,
    "fct_segment_migrations": """
        select segmentation, before.segment_id as from_segment_id,
            before.segment_name as from_segment_name, facts.segment_id as to_segment_id,
            facts.segment_name as to_segment_name,
            case when before.segment_id is null then 'joined'
                when facts.segment_id is null then 'left'
                when before.segment_id <> facts.segment_id then 'moved'
                else 'stayed' end as movement,
            count(*) as n_customers, '<previous_build>' as previous_build_id,
            '<build>' as current_build_id
        from fct_customer_segments as facts
        full join <before> as before using (segmentation, customer_id)
        where '<previous_build>' <> 'None'
        group by all
        """,
    "fct_customer_movements": """
        select segmentation, customer_id, before.segment_id as from_segment_id,
            before.segment_name as from_segment_name, facts.segment_id as to_segment_id,
            facts.segment_name as to_segment_name,
            case when before.segment_id is null then 'joined'
                when facts.segment_id is null then 'left' else 'moved' end as change
        from fct_customer_segments as facts
        full join <before> as before using (segmentation, customer_id)
        where '<previous_build>' <> 'None'
            and before.segment_id is distinct from facts.segment_id
        """,
    "fct_algorithm_scores": f"""
        select segmentation, algorithm, 3::bigint as n_clusters,
            0::double as noise_share,
            if(algorithm = 'optics', null, 0.5)::double as silhouette,
            20::double as calinski_harabasz, 0.6::double as davies_bouldin,
            1::double as ari_to_kmeans, 0.1::double as seconds, '{{}}' as parameters,
            {N_CUSTOMERS}::bigint as n_customers, true as is_exact,
            if(algorithm = 'optics', 'one cluster', null) as failure
        from (select distinct segmentation from dim_segments),
            (values ('kmeans'), ('dbscan'), ('optics')) as algorithms (algorithm)
        """,
    "fct_input_counts": f"""
        from (values ('input rows', null::varchar, {N_CUSTOMERS + 2}::bigint),
            ('accepted customers', null, {N_CUSTOMERS}), ('rejected rows', null, 2),
            ('imputed customers', null, 1),
            ('complete customers', 'visits_spend', {N_CUSTOMERS - 1}))
            as counts (measure, subject, n)
        """,
    "fct_rejected_customers": """
        from (values (61::bigint, null::varchar, 'F', 'w', '3', '-1', '5',
                'visits: -1 is below 0'), (62, 'c1', 'M', 's', '3', '1', '5',
                'customer_id: c1 is in row 1, too'))
            as rows (source_row, customer_id, gender_text, channel_text,
                tenure_years_text, visits_text, spend_eur_text, rejection_reasons)
        """,
}
