"""Ways in which a generation could be wrong, and who must notice each of them.

The manifest is written anew after every one, so that checksums fit and only the
expectations can notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generation_copy import read_json, run_sql

from mall_segments.publishing.generations import DATABASE, MODEL
from mall_segments.publishing.publish import PARQUET

if TYPE_CHECKING:
    from collections.abc import Callable

    from generation_copy import GenerationCopy


@dataclass(frozen=True)
class Corruption:
    """One way to damage a generation.

    Attributes
    ----------
    name : str
        What is wrong then.
    suite : str
        The suite that must notice.
    column : str
        The column of the expectation that must fail; empty for one about a table.
    culprit : str
        What that expectation must name.
    change : str or callable
        SQL on the published database, or a function of the copy.
    seal : mapping
        What the manifest is made to say on top of what fits.
    """

    name: str
    suite: str
    column: str
    culprit: str
    change: str | Callable[[GenerationCopy], object]
    seal: dict[str, Any] | None = None

    def apply(self, copy: GenerationCopy) -> None:
        """Damage a copy and seal it."""
        if isinstance(self.change, str):
            copy.run(*self.change.split(";"))
        else:
            self.change(copy)
        copy.seal(**(self.seal or {}))


ONE = "segmentation = 'income_spending' and segment_id = 1"
IS_ONE = "segmentation income_spending, segment_id 1"
CUSTOMER = "customer_id = '7'"

SEGMENTS = (
    Corruption(
        "a share off by 1 %",
        "dim_segments",
        "customer_share",
        IS_ONE,
        f"update dim_segments set customer_share = customer_share * 1.01 where {ONE}",
    ),
    Corruption(
        "shares that do not add up to 1",
        "segmentation totals",
        "customer_shares",
        "income_spending",
        f"update dim_segments set customer_share = customer_share * 1.01 where {ONE}",
    ),
    Corruption(
        "a segment one customer too large",
        "segment sizes",
        "n_in_customers",
        IS_ONE,
        f"update dim_segments set n_customers = n_customers + 1 where {ONE}",
    ),
    Corruption(
        "segments that do not hold all customers",
        "segmentation totals",
        "n_in_segments",
        "n_in_segments 199",
        f"update dim_segments set n_customers = n_customers - 1 where {ONE}",
    ),
    Corruption(
        "two segments of the same name",
        "dim_segments",
        "segmentation, segment_name",
        "segment_id 2",
        "update dim_segments set segment_name = (select segment_name from dim_segments "
        f"where {ONE}) where segmentation = 'income_spending' and segment_id = 2",
    ),
    Corruption(
        "a segment twice",
        "dim_segments",
        "segmentation, segment_id",
        IS_ONE,
        f"insert into dim_segments select * from dim_segments where {ONE}",
    ),
    Corruption(
        "a segment that is not listed",
        "references",
        "n_orphans",
        "income_spending, segment 1",
        f"delete from dim_segments where {ONE}",
    ),
    Corruption(
        "a segment without an action",
        "missing values",
        "n_missing",
        "recommended_action",
        f"update dim_segments set recommended_action = ' ' where {ONE}",
    ),
    Corruption(
        "a centroid beyond the feature's range",
        "dim_segments",
        "centroid_spending_score",
        "149.5",
        "update dim_segments set centroid_spending_score = "
        f"centroid_spending_score + 100 where {ONE}",
    ),
    Corruption(
        "a centroid shifted in original units only",
        "dim_segments",
        "centroid_annual_income_kusd",
        IS_ONE,
        "update dim_segments set centroid_annual_income_kusd = "
        f"centroid_annual_income_kusd + 0.1 where {ONE}",
    ),
    Corruption(
        "a centroid that is not the mean of its customers",
        "segment centres",
        "centroid",
        "segment_id 1, feature annual_income_kusd",
        "update dim_segments set centroid_annual_income_kusd = "
        f"centroid_annual_income_kusd + 0.1 where {ONE}",
    ),
    Corruption(
        "a centroid of a feature that is not used",
        "dim_segments",
        "features",
        IS_ONE,
        f"update dim_segments set centroid_age_years = 40 where {ONE}",
    ),
    Corruption(
        "a wrong number of segments",
        "dim_segments",
        "n_segments",
        "n_segments 4",
        "update dim_segments set n_segments = 4 where segmentation = 'income_spending'",
    ),
    Corruption(
        "another scaler than was set",
        "dim_segments",
        "scaler",
        "minmax",
        f"update dim_segments set scaler = 'minmax' where {ONE}",
    ),
    Corruption(
        "another seed than was set",
        "dim_segments",
        "random_seed",
        "43",
        f"update dim_segments set random_seed = 43 where {ONE}",
    ),
    Corruption(
        "more outliers than customers",
        "dim_segments",
        "n_customers",
        "n_outliers 1000",
        f"update dim_segments set n_outliers = 1000 where {ONE}",
    ),
    Corruption(
        "an outlier too many",
        "segment measures",
        "n_outliers",
        IS_ONE,
        f"update dim_segments set n_outliers = n_outliers + 1 where {ONE}",
    ),
    Corruption(
        "a silhouette above 1",
        "dim_segments",
        "mean_silhouette",
        IS_ONE,
        f"update dim_segments set mean_silhouette = 2 where {ONE}",
    ),
    Corruption(
        "a flattered silhouette",
        "segment measures",
        "mean_silhouette",
        IS_ONE,
        f"update dim_segments set mean_silhouette = mean_silhouette + 0.01 where {ONE}",
    ),
    Corruption(
        "a share of the inertia below 0",
        "dim_segments",
        "inertia_share",
        IS_ONE,
        f"update dim_segments set inertia_share = -0.1 where {ONE}",
    ),
    Corruption(
        "a fence for outliers moved",
        "segment measures",
        "outlier_distance",
        IS_ONE,
        f"update dim_segments set outlier_distance = outlier_distance / 2 where {ONE}",
    ),
)

CUSTOMERS = (
    Corruption(
        "a score out of range",
        "dim_customers",
        "n_spending_score_outside",
        "for example 7",
        f"update dim_customers set spending_score = 150 where {CUSTOMER}",
    ),
    Corruption(
        "an age that is no whole number",
        "dim_customers",
        "n_age_years_not_whole",
        "for example 7",
        f"update dim_customers set age_years = 33.5 where {CUSTOMER}",
    ),
    Corruption(
        "an income that is not finite",
        "missing values",
        "n_not_finite",
        "annual_income_kusd",
        f"update dim_customers set annual_income_kusd = 'nan' where {CUSTOMER}",
    ),
    Corruption(
        "a customer without a gender",
        "missing values",
        "n_missing",
        "column gender",
        f"update dim_customers set gender = null where {CUSTOMER}",
    ),
    Corruption(
        "a customer twice",
        "dim_customers",
        "n_distinct_ids",
        "n_rows 201",
        f"insert into dim_customers select * from dim_customers where {CUSTOMER}",
    ),
    Corruption(
        "a customer too few",
        "row counts",
        "n_rows",
        "dim_customers",
        f"delete from dim_customers where {CUSTOMER}",
    ),
    Corruption(
        "a customer of another name than in the facts",
        "fct_customer_segments",
        "n_orphans",
        "for example 7",
        f"update dim_customers set customer_id = 'x7' where {CUSTOMER}",
    ),
    Corruption(
        "a gender in another spelling",
        "dim_customers",
        "n_other_genders",
        "for example 7",
        f"update dim_customers set gender = 'F' where {CUSTOMER}",
    ),
    Corruption(
        "an age band that does not fit",
        "dim_customers",
        "n_other_age_bands",
        "for example 7",
        f"update dim_customers set age_band = '55-64' where {CUSTOMER}",
    ),
    Corruption(
        "an imputed customer who is not",
        "dim_customers",
        "n_other_flags",
        "for example 7",
        f"update dim_customers set is_imputed = true where {CUSTOMER}",
    ),
    Corruption(
        "an imputed value that is not the median",
        "dim_customers",
        "n_age_years_not_median",
        "for example 7",
        "update dim_customers set is_age_years_imputed = true, is_imputed = true "
        f"where {CUSTOMER}",
    ),
    Corruption(
        "a customer whose values were changed",
        "fct_customer_segments",
        "n_other_distance",
        "segmentation age_income_spending",
        "update dim_customers set age_years = points.age_years, "
        "annual_income_kusd = points.annual_income_kusd, "
        "spending_score = points.spending_score from fct_segment_points as points "
        "where points.segmentation = 'age_income_spending' and points.point_id = 100 "
        f"and {CUSTOMER}",
    ),
    Corruption(
        "a customer on no point",
        "fct_customer_segments",
        "n_without_point",
        "for example 7",
        f"update dim_customers set annual_income_kusd = 999 where {CUSTOMER}",
    ),
)

FACTS = (
    Corruption(
        "two customers with each other's segment",
        "fct_customer_segments",
        "n_other_segment_id",
        "segmentation income_spending",
        "update fct_customer_segments set segment_id = case customer_id "
        "when '1' then 5 else 4 end "
        "where segmentation = 'income_spending' and customer_id in ('1', '2')",
    ),
    Corruption(
        "a customer's row dropped",
        "fct_customer_segments",
        "n_rows",
        "n_rows 199",
        "delete from fct_customer_segments where customer_id = '7' "
        "and segmentation = 'income_spending'",
    ),
    Corruption(
        "a customer's row twice, another's dropped",
        "fct_customer_segments",
        "n_distinct_ids",
        "n_distinct_ids 199",
        "delete from fct_customer_segments where customer_id = '8'"
        ";insert into fct_customer_segments select * from fct_customer_segments "
        f"where {CUSTOMER}",
    ),
    Corruption(
        "a row for nobody",
        "fct_customer_segments",
        "n_orphans",
        "for example nobody",
        "insert into fct_customer_segments select * replace ('nobody' as customer_id) "
        f"from fct_customer_segments where {CUSTOMER}",
    ),
    Corruption(
        "a membership above 1",
        "fct_customer_segments",
        "n_other_membership",
        "for example 7",
        f"update fct_customer_segments set membership = 1.5 where {CUSTOMER}",
    ),
    Corruption(
        "a distance of another point",
        "fct_customer_segments",
        "n_other_distance",
        "for example 7",
        f"update fct_customer_segments set distance = distance * 2 where {CUSTOMER}",
    ),
    Corruption(
        "a segment's old name",
        "fct_customer_segments",
        "n_other_segment_name",
        "for example 7",
        f"update fct_customer_segments set segment_name = 'Old name' where {CUSTOMER}",
    ),
    Corruption(
        "a second segment that is the first",
        "fct_customer_segments",
        "n_other_second_segment_id",
        "for example 7",
        f"update fct_customer_segments set second_segment_id = segment_id where "
        f"{CUSTOMER}",
    ),
    Corruption(
        "an outlier flag turned",
        "fct_customer_segments",
        "n_other_is_outlier",
        "for example 7",
        "update fct_customer_segments set is_outlier = not is_outlier "
        f"where {CUSTOMER}",
    ),
    Corruption(
        "an imputed flag turned",
        "fct_customer_segments",
        "n_other_flags",
        "for example 7",
        f"update fct_customer_segments set is_imputed = true where {CUSTOMER}",
    ),
    Corruption(
        "a segmentation that is missing",
        "fct_customer_segments",
        "",
        "1 rows",
        "delete from fct_customer_segments where segmentation = 'income_spending'",
    ),
    Corruption(
        "a segmentation that nobody configured",
        "fct_customer_segments",
        "segmentation",
        "spending_income",
        "update fct_customer_segments set segmentation = 'spending_income' "
        "where segmentation = 'income_spending'",
    ),
)

POINT = "segmentation = 'income_spending' and point_id = 5"
IS_POINT = "segmentation income_spending, point_id 5"

POINTS = (
    Corruption(
        "a point with a customer too many",
        "fct_segment_points, recounted",
        "n_customers",
        IS_POINT,
        f"update fct_segment_points set n_customers = n_customers + 1 where {POINT}",
    ),
    Corruption(
        "a point that is not in the nearest segment",
        "fct_segment_points",
        "segment_id",
        IS_POINT,
        f"update fct_segment_points set segment_id = 1 where {POINT}",
    ),
    Corruption(
        "a point with another segment's name",
        "fct_segment_points",
        "segment_name",
        IS_POINT,
        f"update fct_segment_points set segment_name = 'Nobody' where {POINT}",
    ),
    Corruption(
        "a point without a membership",
        "missing values",
        "n_missing",
        "table fct_segment_points, column membership",
        f"update fct_segment_points set membership = null where {POINT}",
    ),
    Corruption(
        "a membership that is not the one of the distances",
        "fct_segment_points",
        "membership",
        IS_POINT,
        "update fct_segment_points set membership = membership * 0.99 where " + POINT,
    ),
    Corruption(
        "a membership of more than all",
        "fct_segment_points",
        "membership",
        "membership 1.01",
        f"update fct_segment_points set membership = 1.01 where {POINT}",
    ),
    Corruption(
        "a distance below 0",
        "fct_segment_points",
        "distance",
        IS_POINT,
        f"update fct_segment_points set distance = -distance where {POINT}",
    ),
    Corruption(
        "a second distance below the first",
        "fct_segment_points",
        "second_distance",
        IS_POINT,
        f"update fct_segment_points set second_distance = distance / 2 where {POINT}",
    ),
    Corruption(
        "a silhouette of a point above 1",
        "fct_segment_points",
        "silhouette",
        IS_POINT,
        f"update fct_segment_points set silhouette = 1.7 where {POINT}",
    ),
    Corruption(
        "a point twice",
        "fct_segment_points",
        "segmentation, point_id",
        IS_POINT,
        "insert into fct_segment_points select * from fct_segment_points "
        f"where {POINT}",
    ),
    Corruption(
        "a point dropped",
        "fct_customer_segments",
        "n_without_point",
        "segmentation income_spending",
        f"delete from fct_segment_points where {POINT}",
    ),
    Corruption(
        "a point with a value of a feature that is not used",
        "fct_segment_points",
        "features",
        IS_POINT,
        f"update fct_segment_points set age_years = 40 where {POINT}",
    ),
    Corruption(
        "a point out of range",
        "fct_segment_points",
        "spending_score",
        IS_POINT,
        f"update fct_segment_points set spending_score = 0 where {POINT}",
    ),
    Corruption(
        "an outlier who is none",
        "fct_segment_points",
        "is_outlier",
        IS_POINT,
        f"update fct_segment_points set is_outlier = not is_outlier where {POINT}",
    ),
)

PROFILE = f"{ONE} and feature = 'spending_score'"
IS_PROFILE = f"{IS_ONE}, feature spending_score"
CELL = f"{ONE} and gender = 'female' and age_band = '18-24'"

PROFILES = (
    Corruption(
        "a mean off by 1 %",
        "fct_segment_profiles",
        "mean",
        IS_PROFILE,
        f"update fct_segment_profiles set mean = mean * 1.01 where {PROFILE}",
    ),
    Corruption(
        "quantiles out of order",
        "fct_segment_profiles",
        "median",
        IS_PROFILE,
        f"update fct_segment_profiles set p10 = p90, p90 = p10 where {PROFILE}",
    ),
    Corruption(
        "a z-score with the wrong sign",
        "fct_segment_profiles",
        "z_score",
        IS_PROFILE,
        f"update fct_segment_profiles set z_score = -z_score where {PROFILE}",
    ),
    Corruption(
        "ranks exchanged",
        "fct_segment_profiles",
        "difference_rank",
        IS_PROFILE,
        "update fct_segment_profiles set difference_rank = 4 - difference_rank "
        f"where {PROFILE}",
    ),
    Corruption(
        "a profile dropped",
        "segment sizes",
        "n_in_profiles_spending_score",
        IS_ONE,
        f"delete from fct_segment_profiles where {PROFILE}",
    ),
    Corruption(
        "a profile of a feature that nobody configured",
        "references",
        "n_orphans",
        "for example visits",
        f"update fct_segment_profiles set feature = 'visits' where {PROFILE}",
    ),
    Corruption(
        "a woman counted as a man",
        "fct_segment_demographics",
        "n_customers",
        "gender female, age_band 18-24",
        "update fct_segment_demographics set n_customers = n_customers + "
        "case gender when 'male' then 1 else -1 end "
        f"where {ONE} and age_band = '18-24'",
    ),
    Corruption(
        "a gender that there is not",
        "fct_segment_demographics",
        "gender",
        "other",
        f"update fct_segment_demographics set gender = 'other' where {CELL}",
    ),
    Corruption(
        "a share of a segment off by 1 %",
        "fct_segment_demographics",
        "share_of_segment",
        "gender female, age_band 18-24",
        "update fct_segment_demographics set share_of_segment = "
        f"share_of_segment * 1.01 where {CELL}",
    ),
    Corruption(
        "a value moved by 1",
        "fct_segment_feature_values",
        "n_customers",
        "feature spending_score",
        f"update fct_segment_feature_values set value = value + 1 where {PROFILE}",
    ),
)

RULE = "segmentation = 'income_spending' and rule_id = 1"
IS_RULE = "segmentation income_spending, rule_id 1"

RULES_AND_MOVES = (
    Corruption(
        "a rule that is more than comparisons",
        "fct_segment_rules",
        "rule_sql",
        IS_RULE,
        "update fct_segment_rules set rule_sql = "
        f"rule_sql || ' or (select count(*) from glob(''*'')) > 0' where {RULE}",
    ),
    Corruption(
        "a rule with another threshold",
        "fct_segment_rules",
        "n_customers",
        IS_RULE,
        "update fct_segment_rules set rule_sql = 'annual_income_kusd >= 20' where "
        + RULE,
    ),
    Corruption(
        "a precision above 1",
        "fct_segment_rules",
        "precision",
        IS_RULE,
        f"update fct_segment_rules set precision = 1.2 where {RULE}",
    ),
    Corruption(
        "a coverage off by 1 %",
        "fct_segment_rules",
        "coverage",
        IS_RULE,
        f"update fct_segment_rules set coverage = coverage * 0.99 where {RULE}",
    ),
    Corruption(
        "a rule that leaves customers without one",
        "segmentation totals",
        "n_in_rules",
        "income_spending",
        f"delete from fct_segment_rules where {RULE}",
    ),
    Corruption(
        "a customer too many who stayed",
        "fct_segment_migrations",
        "n_customers",
        "from_segment_id 1, to_segment_id 1",
        "update fct_segment_migrations set n_customers = n_customers + 1 "
        "where segmentation = 'income_spending' and to_segment_id = 1",
    ),
    Corruption(
        "a movement of another kind",
        "fct_segment_migrations",
        "movement",
        "movement left, movement_recomputed stayed",
        "update fct_segment_migrations set movement = 'left' "
        "where segmentation = 'income_spending' and to_segment_id = 1",
    ),
    Corruption(
        "moves of another build",
        "fct_segment_migrations",
        "current_build_id",
        "20200101T000000.000000Z-00000000",
        "update fct_segment_migrations set "
        "current_build_id = '20200101T000000.000000Z-00000000'",
    ),
)

SCORES = (
    Corruption(
        "two numbers of segments chosen",
        "segmentation totals",
        "n_chosen",
        "n_chosen 2",
        "update fct_cluster_count_scores set is_chosen = true "
        "where segmentation = 'income_spending' and n_segments in (4, 5)",
    ),
    Corruption(
        "another number of segments chosen than made",
        "segmentation totals",
        "n_segments_chosen",
        "n_segments_chosen 6, n_segments 5",
        "update fct_cluster_count_scores set is_chosen = n_segments = 6 "
        "where segmentation = 'income_spending'",
    ),
    Corruption(
        "a number of segments without a score",
        "fct_cluster_count_scores",
        "n_skipped",
        "segmentation income_spending, n_segments 4",
        "delete from fct_cluster_count_scores "
        "where segmentation = 'income_spending' and n_segments = 3",
    ),
    Corruption(
        "a silhouette of a number of segments above 1",
        "fct_cluster_count_scores",
        "silhouette",
        "n_segments 5",
        "update fct_cluster_count_scores set silhouette = 5.547 "
        "where segmentation = 'income_spending' and n_segments = 5",
    ),
    Corruption(
        "an inertia that no customers give",
        "segmentation totals",
        "inertia",
        "income_spending",
        "update fct_cluster_count_scores set inertia = inertia * 0.999 where is_chosen",
    ),
    Corruption(
        "a criterion that there is not",
        "fct_cluster_count_scores",
        "chosen_by",
        "intuition",
        "update fct_cluster_count_scores set chosen_by = 'intuition' "
        "where segmentation = 'income_spending' and n_segments = 5",
    ),
    Corruption(
        "parameters that are not JSON",
        "fct_algorithm_scores",
        "parameters",
        "algorithm dbscan",
        "update fct_algorithm_scores set parameters = 'eps=0.4' "
        "where algorithm = 'dbscan'",
    ),
    Corruption(
        "an algorithm that there is not",
        "fct_algorithm_scores",
        "algorithm",
        "kmedoids",
        "update fct_algorithm_scores set algorithm = 'kmedoids' "
        "where algorithm = 'dbscan'",
    ),
    Corruption(
        "a share of noise above 1",
        "fct_algorithm_scores",
        "noise_share",
        "algorithm dbscan",
        "update fct_algorithm_scores set noise_share = 1.2 where algorithm = 'dbscan'",
    ),
    Corruption(
        "neither a score nor a failure",
        "fct_algorithm_scores",
        "has_score_or_failure",
        "algorithm dbscan",
        "update fct_algorithm_scores set silhouette = null where algorithm = 'dbscan'",
    ),
)

FEATURES = (
    Corruption(
        "an overall mean off by 1 %",
        "fct_feature_summary",
        "mean",
        "feature age_years",
        "update fct_feature_summary set mean = mean * 1.01 where feature = 'age_years'",
    ),
    Corruption(
        "missing values that are not",
        "fct_feature_summary",
        "n_missing",
        "feature age_years",
        "update fct_feature_summary set n_missing = 3 where feature = 'age_years'",
    ),
    Corruption(
        "a bin dropped",
        "fct_feature_distribution",
        "n_customers",
        "feature age_years, gender female",
        "delete from fct_feature_distribution "
        "where feature = 'age_years' and gender = 'female' and bin_from = 21",
    ),
    Corruption(
        "a bin that overlaps the next",
        "fct_feature_distribution",
        "n_customers",
        "feature age_years, gender female, bin_from 21",
        "update fct_feature_distribution set bin_to = bin_to + 3 "
        "where feature = 'age_years' and gender = 'female' and bin_from = 21",
    ),
    Corruption(
        "a pair of bins dropped",
        "fct_feature_pairs",
        "n_customers",
        "feature age_years, other_feature spending_score",
        "delete from fct_feature_pairs where rowid = (select min(rowid) "
        "from fct_feature_pairs where feature = 'age_years' "
        "and other_feature = 'spending_score')",
    ),
    Corruption(
        "a pair of bins with a customer too many",
        "fct_feature_pairs",
        "n_customers",
        "feature age_years, other_feature spending_score",
        "update fct_feature_pairs set n_customers = n_customers + 1 "
        "where rowid = (select min(rowid) from fct_feature_pairs "
        "where feature = 'age_years' and other_feature = 'spending_score')",
    ),
    Corruption(
        "pairs of bins that end too late",
        "fct_feature_pairs",
        "other_bin_to",
        "feature age_years, other_feature spending_score",
        "update fct_feature_pairs set other_bin_to = other_bin_to + 1 "
        "where feature = 'age_years' and other_feature = 'spending_score'",
    ),
    Corruption(
        "a correlation above 1",
        "fct_feature_correlation",
        "pearson",
        "feature age_years, other_feature spending_score",
        "update fct_feature_correlation set pearson = 1.2 "
        "where feature = 'age_years' and other_feature = 'spending_score'",
    ),
    Corruption(
        "a correlation that is not symmetric",
        "fct_feature_correlation",
        "spearman",
        "feature age_years, other_feature spending_score",
        "update fct_feature_correlation set spearman = 0 "
        "where feature = 'age_years' and other_feature = 'spending_score'",
    ),
    Corruption(
        "a stability index below 0",
        "fct_feature_drift",
        "population_stability_index",
        "feature age_years",
        "update fct_feature_drift set population_stability_index = -0.1 "
        "where feature = 'age_years'",
    ),
    Corruption(
        "a drift read as none",
        "fct_feature_drift",
        "reading",
        "reading stable, reading_recomputed major",
        "update fct_feature_drift set population_stability_index = 0.5 "
        "where feature = 'age_years'",
    ),
    Corruption(
        "a mean that the previous generation did not have",
        "previous generation, drift",
        "previous_mean",
        "feature age_years",
        "update fct_feature_drift set previous_mean = previous_mean + 1 "
        "where feature = 'age_years'",
    ),
    Corruption(
        "drift from the same input",
        "previous generation, same input",
        "current_mean",
        "feature age_years",
        "update fct_feature_drift set current_mean = current_mean + 1 "
        "where feature = 'age_years'",
    ),
    Corruption(
        "loadings that are no direction",
        "fct_principal_components",
        "squared_loadings",
        "segmentation income_spending, component 1",
        "update fct_principal_components set loading = 0.9 "
        "where segmentation = 'income_spending' and component = 1",
    ),
    Corruption(
        "components that explain more than all",
        "fct_principal_components",
        "explained_variance_ratio",
        "component 1",
        "update fct_principal_components set explained_variance_ratio = 1.4 "
        "where segmentation = 'income_spending' and component = 1",
    ),
    Corruption(
        "another number of accepted customers",
        "fct_input_counts",
        "n",
        "measure accepted customers",
        "update fct_input_counts set n = n - 1 where measure = 'accepted customers'",
    ),
    Corruption(
        "a rejected row that was not counted",
        "row counts",
        "n_rows",
        "fct_rejected_customers",
        "insert into fct_rejected_customers values "
        "(201, null, null, null, null, null, 'customer_id: missing')",
    ),
    Corruption(
        "a rejected row that the input does not have",
        "fct_rejected_customers",
        "n_impossible_source_rows",
        "for example 999",
        "insert into fct_rejected_customers values "
        "(999, null, null, null, null, null, 'customer_id: missing')",
    ),
)

SCHEMA = (
    Corruption(
        "a column with another name",
        "columns",
        "column",
        "column centre_spending_score DOUBLE, declared centroid_spending_score DOUBLE",
        "alter table dim_segments rename centroid_spending_score to "
        "centre_spending_score",
    ),
    Corruption(
        "a column of another type",
        "columns",
        "column",
        "column segment_id VARCHAR, declared segment_id BIGINT",
        "alter table fct_segment_points alter segment_id type varchar",
    ),
    Corruption(
        "a column too many",
        "columns",
        "column",
        "column email VARCHAR, declared no column",
        "alter table dim_customers add column email varchar",
    ),
    Corruption(
        "a column too few",
        "columns",
        "column",
        "declared persona VARCHAR",
        "alter table dim_segments drop column persona",
    ),
    Corruption(
        "columns in another order",
        "columns",
        "column",
        "column subject VARCHAR, declared measure VARCHAR",
        "create or replace table fct_input_counts as "
        "select subject, measure, n from fct_input_counts",
    ),
    Corruption(
        "a table that is missing",
        "tables",
        "is_published",
        "fct_segment_profiles",
        "drop table fct_segment_profiles",
    ),
    Corruption(
        "a table that nobody declared",
        "tables",
        "is_published",
        "customer_emails",
        "create table customer_emails as select customer_id from dim_customers",
    ),
)


def _edit_csv(old: str, new: str) -> Callable[[GenerationCopy], None]:
    return lambda copy: copy.edit_csv(lambda text: text.replace(old, new, 1))


def _edit_segment(field: str, value: object) -> Callable[[GenerationCopy], None]:
    def change(model: dict[str, Any]) -> None:
        model["segmentations"][0]["segments"][0][field] = value

    return lambda copy: copy.edit_model(change)


def _shift_centroid(copy: GenerationCopy) -> None:
    def change(model: dict[str, Any]) -> None:
        segment = model["segmentations"][0]["segments"][0]
        segment["scaled_centroid"]["spending_score"] += 0.5

    copy.edit_model(change)


def _change_median(copy: GenerationCopy) -> None:
    def change(model: dict[str, Any]) -> None:
        model["features"][0]["median"] += 1

    copy.edit_model(change)


def _change_scale(copy: GenerationCopy) -> None:
    def change(model: dict[str, Any]) -> None:
        # The sample standard deviation instead of that of the population.
        model["segmentations"][0]["features"][0]["scale"] *= (200 / 199) ** 0.5

    copy.edit_model(change)


def _use_previous_model(copy: GenerationCopy) -> None:
    content = (copy.previous_folder / MODEL).read_bytes()
    (copy.folder / MODEL).write_bytes(content)


def _use_previous_database(copy: GenerationCopy) -> None:
    content = (copy.previous_folder / DATABASE).read_bytes()
    (copy.folder / DATABASE).write_bytes(content)
    copy.statements.extend(copy.manifest["tables"])


def _use_other_parquet(copy: GenerationCopy) -> None:
    folder = copy.folder / PARQUET
    content = (folder / "dim_customers.parquet").read_bytes()
    (folder / "dim_segments.parquet").write_bytes(content)


def _grow_parquet(copy: GenerationCopy) -> None:
    path = copy.folder / PARQUET / "dim_customers.parquet"
    run_sql(
        copy.folder,
        f"copy (from dim_customers union all (from dim_customers limit 1)) to '{path}' "
        "(format parquet)",
    )


def _drop_parquet(copy: GenerationCopy) -> None:
    (copy.folder / PARQUET / "dim_customers.parquet").unlink()


def _drop_csv(copy: GenerationCopy) -> None:
    (copy.folder / "segmented_mall_customers.csv").unlink()


def _count_differently(copy: GenerationCopy) -> None:
    counts = {**read_json(copy.folder / "manifest.json")["input"], "rejected": 5}
    copy.seal(input=counts)


CSV = "segmented_mall_customers.csv"

FILES = (
    Corruption(
        "a customer's old segment in the CSV file",
        CSV,
        "n_other_segments",
        "for example 1",
        _edit_csv("1,Male,19,15,39,4,", "1,Male,19,15,39,3,"),
    ),
    Corruption(
        "a segment's old name in the CSV file",
        CSV,
        "n_other_names",
        "for example 1",
        _edit_csv("Low income and low spending", "Old name"),
    ),
    Corruption(
        "a row missing in the CSV file",
        CSV,
        "n_rows",
        "n_rows 199",
        _edit_csv("1,Male,19,15,39,4,Low income and low spending\n", ""),
    ),
    Corruption(
        "a customer in the CSV file who was not accepted",
        CSV,
        "n_strangers",
        "for example 1001",
        _edit_csv("\n1,Male,19", "\n1001,Male,19"),
    ),
    Corruption(
        "a value changed in the CSV file",
        CSV,
        "n_other_age_years",
        "for example 1",
        _edit_csv("1,Male,19,15,39", "1,Male,91,15,39"),
    ),
    Corruption(
        "a column renamed in the CSV file",
        CSV,
        "added_columns",
        "Group",
        _edit_csv("Cluster,", "Group,"),
    ),
    Corruption(
        "a formula in the CSV file",
        CSV,
        "n_formulas",
        "for example 1",
        _edit_csv("1,Male,19", "1,=1+1,19"),
    ),
    Corruption(
        "no CSV file",
        "manifest.json, facts",
        "found",
        f"{CSV} is published",
        _drop_csv,
    ),
    Corruption(
        "a row too many in a Parquet file",
        "parquet",
        "in_parquet",
        "table dim_customers",
        _grow_parquet,
    ),
    Corruption(
        "another table's Parquet file",
        "parquet",
        "in_parquet",
        "table dim_segments",
        _use_other_parquet,
    ),
    Corruption(
        "no Parquet file",
        "parquet",
        "in_parquet",
        "table dim_customers",
        _drop_parquet,
    ),
    Corruption(
        "another name in the model",
        MODEL,
        "in_model",
        "field segment_name",
        _edit_segment("segment_name", "Somebody else"),
    ),
    Corruption(
        "another size in the model",
        "segment sizes",
        "n_in_model",
        "segmentation income_spending, segment_id 1",
        _edit_segment("n_customers", 82),
    ),
    Corruption(
        "a centroid shifted in the model",
        "fct_segment_points",
        "distance",
        "segmentation income_spending",
        _shift_centroid,
    ),
    Corruption(
        "another median in the model",
        "model.json, settings",
        "in_model",
        "features.age_years.median",
        _change_median,
    ),
    Corruption(
        "the sample's standard deviation in the model",
        "model.json, settings",
        "in_model",
        "segmentations.income_spending.features",
        _change_scale,
    ),
    Corruption(
        "the model of the previous generation",
        "manifest.json, facts",
        "found",
        "build id of model.json",
        _use_previous_model,
    ),
    Corruption(
        "the database of the previous generation",
        "row counts",
        "n_rows",
        "fct_segment_migrations",
        _use_previous_database,
    ),
    Corruption(
        "rejected rows that do not add up",
        "manifest.json, facts",
        "found",
        "accepted and rejected rows",
        _count_differently,
    ),
)

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
