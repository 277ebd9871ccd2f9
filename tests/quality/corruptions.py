"""Ways in which a generation could be wrong, and who must notice each of them.

Each is a name, the suite that notices when the manifest was written anew, so that every
checksum fits, what it must name, and the change: SQL on the published database, or a
function of the copy. A suite of None says that only the seal notices.
"""

# ruff: noqa: E501 - a table, of which each line is one corruption.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from generation_copy import CUSTOMERS_CSV, PARQUET, read_json, run_sql

from mall_segments.publishing.generations import DATABASE, MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from generation_copy import GenerationCopy


class Corruption(NamedTuple):
    """One way to damage a generation."""

    name: str
    suite: str | None
    culprit: str
    change: str | Callable[[GenerationCopy], object]

    def apply(self, copy: GenerationCopy) -> None:
        """Damage a copy."""
        if callable(self.change):
            self.change(copy)
        else:
            copy.run(*self.change.split(";"))


ONE = "segmentation = 'visits_spend' and segment_id = 1"
IS_ONE = "segmentation visits_spend, segment_id 1"
SUBJECT = "visits_spend, segment 1"
C7 = "customer_id = 'c7'"


def _update(table: str, where: str) -> Callable[..., Corruption]:
    """Return a short way to write corruptions that set columns of a table."""

    def corrupt(name: str, suite: str | None, culprit: str, change: str) -> Corruption:
        sql = f"update {table} set {change} where {where}"
        return Corruption(name, suite, culprit, sql)

    return corrupt


segment = _update("dim_segments", ONE)
SEGMENTS = (
    segment("a share off by 1 %", "segments", "shares of segments", "customer_share = customer_share * 1.01"),
    segment("shares that do not add up", "segments", "shares of segments", "customer_share = customer_share + 0.02"),
    segment("a segment one customer too large", "segments", SUBJECT, "n_customers = n_customers + 1"),
    segment("segments that do not hold all customers", "segment descriptions", SUBJECT, "n_customers = n_customers - 1"),
    segment("two segments of the same name", "dim_segments", "segment_id 2", "segment_name = 'Spenders'"),
    segment("a segment without an action", "columns", "recommended_action", "recommended_action = ' '"),
    segment("another persona than the facts have", "columns", "table fct_customer_segments", "persona = 'Nobody'"),
    segment("a centroid beyond all values", "model.json", SUBJECT + ", centroid_visits", "centroid_visits = centroid_visits + 100"),
    segment("a centroid slightly shifted", "model.json", SUBJECT + ", centroid_visits", "centroid_visits = centroid_visits + 0.01"),
    segment("a centroid of a feature that is not used", "model.json", "tenure_years", "centroid_tenure_years = 40"),
    segment("a wrong number of segments", "segments", SUBJECT, "n_segments = 4"),
    segment("another scaler than was set", None, "", "scaler = 'minmax'"),
    segment("another seed than was set", None, "", "random_seed = 43"),
    segment("more outliers than customers", "dim_segments", "n_outliers 1000", "n_outliers = 1000"),
    segment("an outlier too many", "segments", "outliers", "n_outliers = n_outliers + 1"),
    segment("a silhouette above 1", "columns", "column mean_silhouette", "mean_silhouette = 2"),
    segment("a flattered silhouette", "model.json", "mean_silhouette", "mean_silhouette = mean_silhouette + 0.01"),
    segment("a stability above 1", "columns", "column stability_jaccard", "stability_jaccard = 1.5"),
    segment("a share of the inertia below 0", "columns", "column inertia_share", "inertia_share = -0.1"),
    segment("shares of inertia that do not add up", "segments", "shares of inertia", "inertia_share = inertia_share / 2"),
    segment("a fence for outliers moved", "model.json", "outlier_distance", "outlier_distance = outlier_distance / 2"),
    segment("a scaled centroid moved", None, "", "scaled_centroid_visits = 9"),
    Corruption("a segment twice", "dim_segments", "segment_id", f"insert into dim_segments select * from dim_segments where {ONE}"),
    Corruption("a segment that is not listed", "columns", "table fct_customer_segments", f"delete from dim_segments where {ONE}"),
)  # fmt: skip

customer = _update("dim_customers", C7)
CUSTOMERS = (
    customer("visits out of range", "columns", "for example c7", "visits = 500"),
    customer("visits that are no whole number", "columns", "for example c7", "visits = 3.5"),
    customer("a spend that is not finite", "columns", "column spend_eur", "spend_eur = 'nan'"),
    customer("a customer without a gender", "columns", "column gender", "gender = null"),
    customer("a gender in another spelling", "columns", "for example c7", "gender = 'F'"),
    customer("a channel that there is not", "columns", "column channel", "channel = 'post'"),
    customer("a band that does not fit", None, "", "tenure_band = '30 and over'"),
    customer("an imputed customer who is not", "customers", "imputed", "is_imputed = true"),
    customer("an imputed value that is not the model's", None, "", "is_visits_imputed = true"),
    customer("a customer whose values were changed", "fct_customer_segments, by the model", "n_other_distance", "visits = visits + 9"),
    customer("a customer of another name than in the facts", "fct_customer_segments", "for example c7", "customer_id = 'x7'"),
    Corruption("a customer twice", "customers", "ids", f"insert into dim_customers select * from dim_customers where {C7}"),
    Corruption("a customer too few", "customers", "found 59, expected 60", f"delete from dim_customers where {C7}"),
)  # fmt: skip

fact = _update("fct_customer_segments", C7)
spending_fact = _update(
    "fct_customer_segments", f"{C7} and segmentation = 'visits_spend'"
)
BY_MODEL = "fct_customer_segments, by the model"
FACTS = (
    Corruption("two customers with each other's segment", BY_MODEL, "n_other_segment 2",
        "update fct_customer_segments as facts set segment_id = others.segment_id, segment_name = others.segment_name "
        "from dim_segments as others where facts.segmentation = 'visits_spend' and customer_id in ('c1', 'c2') "
        "and others.segmentation = facts.segmentation and others.segment_id = facts.second_segment_id"),
    Corruption("a customer's row dropped", "customers", "found 59, expected 60", f"delete from fct_customer_segments where {C7} and segmentation = 'visits_spend'"),
    Corruption("a customer's row twice, another's dropped", "customers", "found 59, expected 60",
        f"delete from fct_customer_segments where customer_id = 'c8'; insert into fct_customer_segments select * from fct_customer_segments where {C7}"),
    Corruption("a row for nobody", "fct_customer_segments", "for example nobody",
        f"insert into fct_customer_segments select * replace ('nobody' as customer_id) from fct_customer_segments where {C7}"),
    fact("a membership above 1", "columns", "column membership", "membership = 1.5"),
    fact("a membership that is not the distances'", BY_MODEL, "for example c7", "membership = membership * 0.99"),
    fact("a distance of another customer", BY_MODEL, "for example c7", "distance = distance / 2"),
    fact("a distance below 0", "columns", "column distance", "distance = -1"),
    fact("a segment's old name", "columns", "table fct_customer_segments", "segment_name = 'Old name'"),
    fact("a second segment that is the first", None, "", "second_segment_id = segment_id"),
    fact("a second segment that is nearer", None, "", "second_distance = distance / 2"),
    fact("an outlier flag turned", "segments", "outliers", "is_outlier = not is_outlier"),
    fact("an imputed flag turned", None, "", "is_imputed = true"),
    fact("a reason that is no feature", "fct_customer_segments", "n_other_reasons", "main_reason = 'mood'"),
    fact("a bucket that there is not", None, "", "holdout_bucket = 100"),
    spending_fact("a reason of another segmentation", "fct_customer_segments", "n_other_reasons", "main_reason = 'channel'"),
    Corruption("a segmentation that is missing", "fct_customer_segments", "1 rows", "delete from fct_customer_segments where segmentation = 'visits_spend'"),
    Corruption("a segmentation that nobody configured", "columns", "column segmentation", "update fct_customer_segments set segmentation = 'spending' where segmentation = 'visits_spend'"),
)  # fmt: skip

point = _update("fct_segment_points", "point_id = 5")
POINTS = (
    point("a point with a customer too many", "customers", "fct_segment_points", "n_customers = n_customers + 1"),
    point("a point of another segment", "columns", "table fct_segment_points", "segment_id = segment_id % 2 + 1"),
    point("a point with another segment's name", "columns", "table fct_segment_points", "segment_name = 'Nobody'"),
    point("a point without a membership", "columns", "table fct_segment_points, column membership", "membership = null"),
    point("a membership of more than all", "columns", "column membership", "membership = 1.01"),
    point("a slightly wrong membership of a point", None, "", "membership = membership * 0.99"),
    point("a distance of a point below 0", "columns", "column distance", "distance = -distance"),
    point("a second distance below the first", "fct_segment_points", "point_id 5", "second_distance = distance / 2"),
    point("a silhouette of a point above 1", "columns", "column silhouette", "silhouette = 1.7"),
    point("an outlier who is none", None, "", "is_outlier = not is_outlier"),
    Corruption("a point twice", "fct_segment_points", "point_id 5", "insert into fct_segment_points select * from fct_segment_points where point_id = 5"),
    Corruption("a point dropped", "customers", "fct_segment_points", "delete from fct_segment_points where point_id = 5"),
)  # fmt: skip

profile = _update("fct_segment_profiles", f"{ONE} and feature = 'spend_eur'")
level = _update(
    "fct_segment_categories", f"{ONE} and feature = 'channel' and level = 'web'"
)
cell = _update(
    "fct_segment_demographics", f"{ONE} and gender = 'female' and tenure_band = '10-29'"
)
DESCRIPTIONS = "segment descriptions"
PROFILES = (
    profile("a mean off by 1 %", DESCRIPTIONS, SUBJECT + ", spend_eur", "mean = mean * 1.01"),
    profile("quantiles out of order", None, "", "p10 = p90, p90 = p10"),
    profile("a z-score with the wrong sign", None, "", "z_score = -z_score"),
    profile("a rank twice", None, "", "difference_rank = difference_rank % 3 + 1"),
    profile("an overall mean of another feature", None, "", "overall_mean = 1e6"),
    profile("a deviation below 0", "columns", "column std", "std = -1"),
    profile("a profile of a feature that nobody configured", "columns", "column feature", "feature = 'mood'"),
    profile("a profile of a customer too many", DESCRIPTIONS, SUBJECT + ", spend_eur", "n_customers = n_customers + 1"),
    Corruption("a profile dropped", DESCRIPTIONS, SUBJECT, f"delete from fct_segment_profiles where {ONE} and feature = 'spend_eur'"),
    level("a level with a customer too many", DESCRIPTIONS, SUBJECT + ", channel", "n_customers = n_customers + 1"),
    level("a level's share off by 1 %", None, "", "share_of_segment = share_of_segment * 1.01"),
    level("another share among all customers", None, "", "overall_share = 0.99"),
    level("a feature that is no category", "columns", "column feature", "feature = 'visits'"),
    Corruption("a level dropped", DESCRIPTIONS, SUBJECT + ", channel", f"delete from fct_segment_categories where {ONE} and feature = 'channel' and level = 'web'"),
    cell("a customer too many in a cell", DESCRIPTIONS, SUBJECT, "n_customers = n_customers + 1"),
    cell("a share of a segment off by 1 %", None, "", "share_of_segment = share_of_segment * 1.01"),
    cell("demographics of a segment that there is not", "columns", "table fct_segment_demographics", "segment_id = 9"),
    Corruption("a value moved by 1", DESCRIPTIONS, SUBJECT + ", visits", f"update fct_segment_feature_values set value = value + 1 where {ONE} and feature = 'visits'"),
    Corruption("a value dropped", DESCRIPTIONS, "customers of the values of a feature", "delete from fct_segment_feature_values where rowid = 0"),
    Corruption("a value's customers doubled", DESCRIPTIONS, "visits_spend, segment", "update fct_segment_feature_values set n_customers = 2 * n_customers where segmentation = 'visits_spend'"),
    Corruption("a chance above 1", "columns", "column p_value", "update fct_segment_differences set p_value = 1.2 where attribute = 'visits'"),
    Corruption("an effect above all", "columns", "column effect_size", "update fct_segment_differences set effect_size = 3 where attribute = 'visits'"),
)  # fmt: skip

rule = _update("fct_segment_rules", "segmentation = 'visits_spend' and rule_id = 1")
move = _update(
    "fct_segment_migrations", "segmentation = 'visits_spend' and to_segment_id = 1"
)
RULES_AND_MOVES = (
    rule("a rule that is more than comparisons", "fct_segment_rules", "rule_id 1", "rule_sql = rule_sql || ' or (select count(*) from glob(''*'')) > 0'"),
    rule("a rule that reads a table", "fct_segment_rules", "rule_id 1", "rule_sql = 'visits > (select min(visits) from dim_customers)'"),
    rule("a precision above 1", "columns", "column precision", "precision = 1.2"),
    rule("a precision off by 1 %", None, "", "precision = precision * 0.99"),
    rule("a coverage off by 1 %", None, "", "coverage = coverage * 0.99"),
    rule("another fidelity", None, "", "fidelity = 0.5"),
    rule("more in the segment than selected", "fct_segment_rules", "rule_id 1", "n_in_segment = 1000"),
    Corruption("a rule dropped", "customers", "fct_segment_rules", "delete from fct_segment_rules where segmentation = 'visits_spend' and rule_id = 1"),
    move("a customer too many who stayed", "previous generation, totals", SUBJECT, "n_customers = n_customers + 1"),
    move("a movement of another kind", "previous generation, totals", "visits_spend, left", "movement = 'left'"),
    move("moves of another build", "fct_segment_migrations", "20200101T000000.000000Z-00000000", "current_build_id = '20200101T000000.000000Z-00000000'"),
    move("moves since another build", "fct_segment_migrations", "20200101T000000.000000Z-00000000", "previous_build_id = '20200101T000000.000000Z-00000000'"),
    Corruption("moves dropped", "previous generation, totals", SUBJECT, "delete from fct_segment_migrations where segmentation = 'visits_spend' and to_segment_id = 1"),
    Corruption("a move that nobody made", "previous generation, totals", "visits_spend, moved", "insert into fct_customer_movements select segmentation, customer_id, 9, 'Before', segment_id, segment_name, 'moved' from fct_customer_segments where customer_id = 'c7' and segmentation = 'visits_spend'"),
    Corruption("a move of a stranger", "fct_customer_movements", "nobody", "insert into fct_customer_movements values ('visits_spend', 'nobody', 1, 'Regulars', 2, 'Spenders', 'moved')"),
)  # fmt: skip

scores = _update(
    "fct_cluster_count_scores", "segmentation = 'visits_spend' and n_segments = 3"
)
dbscan = _update("fct_algorithm_scores", "algorithm = 'dbscan'")
SCORES = (
    Corruption("two numbers of segments chosen", "segments", "chosen numbers", "update fct_cluster_count_scores set is_chosen = true where segmentation = 'visits_spend' and n_segments > 2"),
    Corruption("another number of segments chosen than made", "segments", "found 4, expected 3", "update fct_cluster_count_scores set is_chosen = n_segments = 4 where segmentation = 'visits_spend'"),
    Corruption("a number of segments without a score", None, "", "delete from fct_cluster_count_scores where segmentation = 'visits_spend' and n_segments = 2"),
    scores("a silhouette of a number of segments above 1", "columns", "column silhouette", "silhouette = 5.547"),
    scores("an inertia below 0", "columns", "column inertia", "inertia = -1"),
    scores("an agreement above 1", "columns", "column stability_ari", "stability_ari = 1.1"),
    scores("an inertia slightly off", None, "", "inertia = inertia * 0.999"),
    dbscan("parameters that are not JSON", "fct_algorithm_scores", "algorithm dbscan", "parameters = 'eps=0.4'"),
    dbscan("an algorithm that there is not", "columns", "column algorithm", "algorithm = 'kmedoids'"),
    dbscan("a share of noise above 1", "columns", "column noise_share", "noise_share = 1.2"),
    dbscan("neither a score nor a failure", None, "", "silhouette = null"),
    Corruption("a verdict that there is not", "columns", "column verdict", "update fct_segmentation_verdicts set verdict = 'perfect'"),
    Corruption("another verdict than the model's", "model.json", "weak segments", "update fct_segmentation_verdicts set verdict = 'weak segments' where segmentation = 'visits_spend'"),
    Corruption("a verdict on another number", "segments", "found 9, expected 3", "update fct_segmentation_verdicts set n_segments = 9 where segmentation = 'visits_spend'"),
    Corruption("a verdict dropped", "fct_segmentation_verdicts", "1 rows", "delete from fct_segmentation_verdicts where segmentation = 'visits_spend'"),
)  # fmt: skip

summary = _update("fct_feature_summary", "feature = 'spend_eur'")
bins = _update(
    "fct_feature_distribution", "feature = 'spend_eur' and gender = 'female'"
)
pairs = _update(
    "fct_feature_pairs", "feature = 'spend_eur' and other_feature = 'tenure_years'"
)
related = _update(
    "fct_feature_correlation", "feature = 'spend_eur' and other_feature = 'visits'"
)
drift = _update("fct_feature_drift", "feature = 'spend_eur'")
component = _update(
    "fct_principal_components", "segmentation = 'visits_spend' and component = 1"
)
FEATURES = (
    summary("an overall mean off by 1 %", None, "", "mean = mean * 1.01"),
    summary("missing values that are not", "features", "found 63, expected 60", "n_missing = 3"),
    summary("a quartile above the median", None, "", "p25 = p75, p75 = p25"),
    summary("more distinct values than customers", None, "", "n_distinct = 999"),
    Corruption("a bin dropped", "features", "customers of a histogram", "delete from fct_feature_distribution where feature = 'spend_eur' and gender = 'female'"),
    bins("a bin that ends before it begins", None, "", "bin_to = bin_from - 3"),
    bins("a bin's share off", "features", "shares of a histogram", "customer_share = customer_share * 1.01"),
    Corruption("a pair of bins dropped", None, "", "delete from fct_feature_pairs where feature = 'spend_eur' and other_feature = 'tenure_years' and segment_id = 1"),
    pairs("a pair of bins with a customer too many", None, "", "n_customers = n_customers + 1"),
    pairs("pairs of bins that end too early", None, "", "other_bin_to = other_bin_from - 1"),
    related("a correlation above 1", "columns", "column pearson", "pearson = 1.2"),
    related("a correlation that is not symmetric", None, "", "spearman = 0"),
    drift("a stability index below 0", "columns", "column population_stability_index", "population_stability_index = -0.1"),
    drift("a drift read as none", None, "", "population_stability_index = 0.5"),
    drift("a mean that the previous generation did not have", "previous generation, totals", "spend_eur", "previous_mean = previous_mean + 1"),
    drift("drift from the same input", "previous generation, same input", "feature spend_eur", "current_mean = current_mean + 1"),
    component("loadings that are no direction", None, "", "loading = 0.9"),
    component("components that explain more than all", "columns", "column explained_variance_ratio", "explained_variance_ratio = 1.4"),
    Corruption("another number of accepted customers", "customers", "accepted customers", "update fct_input_counts set n = n - 1 where measure = 'accepted customers'"),
    Corruption("a rejected row that was not counted", "fct_rejected_customers", "n_rows 3", "insert into fct_rejected_customers select * replace (60 as source_row) from fct_rejected_customers limit 1"),
    Corruption("a rejected row that the input does not have", "fct_rejected_customers", "for example 999", "update fct_rejected_customers set source_row = 999 where source_row = 61"),
)  # fmt: skip

SCHEMA = (
    Corruption("a column with another name", "columns", "centre_visits", "alter table dim_segments rename centroid_visits to centre_visits"),
    Corruption("a column of another type", "columns", "type text, declared_type whole", "alter table fct_segment_points alter segment_id type varchar"),
    Corruption("a column too many", "columns", "column email", "alter table dim_customers add column email varchar"),
    Corruption("a column too few", "columns", "column persona", "alter table dim_segments drop column persona"),
    Corruption("a table that is missing", "tables", "fct_segment_profiles", "drop table fct_segment_profiles"),
    Corruption("a table that nobody declared", "tables", "customer_emails", "create table customer_emails as select customer_id from dim_customers"),
)  # fmt: skip


def _edit_csv(old: str, new: str) -> Callable[[GenerationCopy], None]:
    return lambda copy: copy.edit_csv(lambda text: text.replace(old, new, 1))


def _edit_model(
    change: Callable[[dict[str, Any]], object],
) -> Callable[[GenerationCopy], None]:
    return lambda copy: copy.edit_model(change)


def _edit_segment(**values: object) -> Callable[[GenerationCopy], None]:
    return _edit_model(
        lambda model: model["segmentations"][0]["segments"][0].update(values)
    )


def _use_previous(name: str) -> Callable[[GenerationCopy], None]:
    def change(copy: GenerationCopy) -> None:
        (copy.folder / name).write_bytes((copy.previous_folder / name).read_bytes())
        copy.statements.extend(copy.manifest["tables"])

    return change


def _use_other_parquet(copy: GenerationCopy) -> None:
    folder = copy.folder / PARQUET
    content = (folder / "dim_customers.parquet").read_bytes()
    (folder / "dim_segments.parquet").write_bytes(content)


def _grow_parquet(copy: GenerationCopy) -> None:
    path = copy.folder / PARQUET / "dim_customers.parquet"
    run_sql(
        copy.folder,
        f"copy (from dim_customers union all (from dim_customers limit 1)) to '{path}' (format parquet)",
    )


def _delete(name: str) -> Callable[[GenerationCopy], None]:
    return lambda copy: (copy.folder / name).unlink()


def count_rejected(copy: GenerationCopy) -> None:
    """Let the manifest, the next time it is written, say another number."""
    copy.manifest_changes["input"] = {
        **read_json(copy.folder / "manifest.json")["input"],
        "rejected": 5,
    }


FILES = (
    Corruption("a customer's old segment in the CSV file", CUSTOMERS_CSV, "subject segment 2", _edit_csv("c1,female,13.0,11.0,2,", "c1,female,13.0,11.0,3,")),
    Corruption("a segment's old name in the CSV file", CUSTOMERS_CSV, "customers of a segment", _edit_csv("Spenders", "Old name")),
    Corruption("a row missing in the CSV file", CUSTOMERS_CSV, "found 59, expected 60", lambda copy: copy.edit_csv(lambda text: text[: text.rstrip().rindex("\n") + 1])),
    Corruption("a customer in the CSV file who was not accepted", None, "", _edit_csv("\nc1,", "\nc1001,")),
    Corruption("a value changed in the CSV file", None, "", _edit_csv("c1,female,13.0", "c1,female,31.0")),
    Corruption("a column renamed in the CSV file", None, "", _edit_csv("Cluster,", "Group,")),
    Corruption("a formula in the CSV file", CUSTOMERS_CSV, "begins like a formula", _edit_csv("c1,female", "c1,=1+1")),
    Corruption("no CSV file", CUSTOMERS_CSV, "cannot be checked", _delete(CUSTOMERS_CSV)),
    Corruption("a row too many in a Parquet file", None, "", _grow_parquet),
    Corruption("another table's Parquet file", None, "", _use_other_parquet),
    Corruption("no Parquet file", "tables", "table dim_customers", _delete(f"{PARQUET}/dim_customers.parquet")),
    Corruption("another name in the model", "model.json", "Somebody else", _edit_segment(segment_name="Somebody else")),
    Corruption("another size in the model", "model.json", "n_customers", _edit_segment(n_customers=99)),
    Corruption("another share in the model", BY_MODEL, "n_other_membership", _edit_model(lambda model: model["segmentations"][0]["segments"][1].update(share=0.05))),
    Corruption("a centroid shifted in the model", BY_MODEL, "n_other_distance", _edit_segment(coordinates=[0.0, 0.0])),
    Corruption("another imputed value in the model", None, "", _edit_model(lambda model: model["columns"][2].update(imputed=99.0))),
    Corruption("another scale in the model", BY_MODEL, "n_other_distance", _edit_model(lambda model: model["segmentations"][0]["coordinates"][0].update(scale=1.0))),
    Corruption("a model of other settings", "freshness", "model_settings", _edit_model(lambda model: model.update(settings_sha256="1" * 64))),
    Corruption("the model of the previous generation", "freshness", "model_build_id", _use_previous(MODEL)),
    Corruption("the database of the previous generation", "fct_segment_migrations", "0 rows", _use_previous(DATABASE)),
    Corruption("rejected rows that do not add up", "customers", "found 65, expected 62", count_rejected),
)  # fmt: skip

CORRUPTIONS = (
    *SEGMENTS,
    *CUSTOMERS,
    *FACTS,
    *POINTS,
    *PROFILES,
    *RULES_AND_MOVES,
    *SCORES,
    *FEATURES,
    *SCHEMA,
    *FILES,
)
