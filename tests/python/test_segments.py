import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from threadpoolctl import ThreadpoolController

from mall_segments.clustering.kmeans import assign_points
from mall_segments.errors import InputError
from mall_segments.clustering.segments import fit_segments, score_cluster_counts

PROJECT = Path(__file__).parents[2]
HEADERS = {
    "Age": "age_years",
    "Annual Income (k$)": "annual_income_kusd",
    "Spending Score (1-100)": "spending_score",
}
INCOME, SPENDING = "annual_income_kusd", "spending_score"


@pytest.fixture(scope="module")
def settings():
    return yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]


@pytest.fixture(scope="module")
def customers():
    frame = pd.read_csv(PROJECT / "seeds" / "Mall_Customers.csv")
    return frame.rename(columns=HEADERS)[list(HEADERS.values())].astype("float64")


@pytest.fixture(scope="module")
def personas():
    return pd.read_csv(PROJECT / "seeds" / "segment_personas.csv", dtype="str")


def only(settings, name, **changes):
    """Keep one segmentation, with some of its settings changed."""
    kept = copy.deepcopy(settings)
    kept["segmentations"] = [
        {**segmentation, **changes}
        for segmentation in kept["segmentations"]
        if segmentation["name"] == name
    ]
    return kept


def build(customers, settings):
    """Points and scalers as the SQL models make them, with standard scalers."""
    points, scalers = [], []
    for segmentation in settings["segmentations"]:
        features = [
            feature["name"]
            for feature in settings["features"]
            if feature["name"] in segmentation["features"]
        ]
        grouped = customers.groupby(features).size().rename("n_customers")
        own = grouped.reset_index().assign(segmentation=segmentation["name"])
        own["n_fitted"] = own["n_customers"]
        for feature in features:
            mean = customers[feature].mean()
            deviation = customers[feature].std(ddof=0)
            own[f"{feature}_scaled"] = (own[feature] - mean) / deviation
            scalers.append(
                {
                    "segmentation": segmentation["name"],
                    "feature": feature,
                    "center": mean,
                    "scale": deviation,
                    "mean": mean,
                    "standard_deviation": deviation,
                }
            )
        points.append(own)
    return pd.concat(points, ignore_index=True), pd.DataFrame(scalers)


def chosen(**counts):
    return pd.DataFrame(
        {
            "segmentation": list(counts),
            "n_segments": list(counts.values()),
            "is_chosen": [True] * len(counts),
        }
    )


def of(segments, name):
    """The segments of one segmentation, with the columns it uses."""
    return segments[segments["segmentation"] == name].dropna(axis="columns", how="all")


def labels_of(customers, segments):
    """Segment id of each customer, by the one rule."""
    names = [
        column.removeprefix("scaled_centroid_")
        for column in segments.columns
        if column.startswith("scaled_centroid_") and segments[column].notna().all()
    ]
    values = np.column_stack(
        [
            (customers[name] - segments[f"scaler_center_{name}"].iloc[0])
            / segments[f"scaler_scale_{name}"].iloc[0]
            for name in names
        ]
    )
    centroids = segments[[f"scaled_centroid_{name}" for name in names]].to_numpy()
    return segments["segment_id"].to_numpy()[assign_points(values, centroids)]


@pytest.fixture(scope="module")
def frames(customers, settings):
    return build(customers, settings)


@pytest.fixture(scope="module")
def cluster_counts(frames, settings):
    return score_cluster_counts(frames[0], settings)


@pytest.fixture(scope="module")
def segments(frames, cluster_counts, personas, settings):
    return fit_segments(*frames, cluster_counts, personas, settings)


class TestClusterCounts:
    def test_has_a_row_per_segmentation_and_number(self, cluster_counts):
        assert cluster_counts.groupby("segmentation")["n_segments"].apply(
            list
        ).to_dict() == {
            "income_spending": list(range(1, 11)),
            "age_income_spending": list(range(1, 11)),
        }
        assert cluster_counts["is_exact"].all()

    def test_auto_chooses_five_and_an_integer_stands(self, cluster_counts):
        rows = cluster_counts[cluster_counts["is_chosen"]]
        assert rows["segmentation"].tolist() == [
            "income_spending",
            "age_income_spending",
        ]
        assert rows["n_segments"].tolist() == [5, 3]
        assert rows["chosen_by"].tolist() == [
            "elbow, silhouette, davies_bouldin",
            "setting",
        ]

    def test_disagreement_is_visible(self, cluster_counts):
        rows = cluster_counts[cluster_counts["segmentation"] == "age_income_spending"]
        six = rows.set_index("n_segments").loc[6]
        assert six["chosen_by"] == "silhouette, calinski_harabasz"
        assert not six["is_chosen"]
        assert rows["chosen_by"].isna().sum() >= 3

    def test_undefined_scores_are_missing_and_typed(self, cluster_counts):
        one = cluster_counts[cluster_counts["n_segments"] == 1]
        undefined = ["silhouette", "calinski_harabasz", "stability_ari", "chosen_by"]
        assert one[undefined].isna().all(axis=None)
        assert cluster_counts["stability_ari"].dtype == "float64"
        assert cluster_counts["n_segments"].dtype == "int64"
        assert cluster_counts["chosen_by"].dtype == "str"

    def test_a_range_that_excludes_the_best_silhouette_is_a_setting(
        self, frames, settings
    ):
        limited = only(settings, "income_spending", min_segments=2, max_segments=4)
        rows = score_cluster_counts(frames[0], limited).set_index("n_segments")
        assert rows["is_chosen"].idxmax() == 4
        assert rows.loc[4, "chosen_by"] == "setting"
        assert rows.loc[5, "chosen_by"] == "elbow, silhouette, davies_bouldin"
        assert len(rows) == 10

    def test_auto_refuses_numbers_with_too_small_a_segment(self, frames, settings):
        # With five segments the smallest holds 0.11 of the customers, with four
        # 0.115, with three 0.19.
        demanding = only(settings, "income_spending")
        demanding["min_segment_share"] = 0.12
        rows = score_cluster_counts(frames[0], demanding).set_index("n_segments")
        assert rows["is_chosen"].idxmax() == 3
        assert rows["is_chosen"].sum() == 1

    def test_names_the_shares_when_no_number_qualifies(self, frames, settings):
        impossible = only(settings, "income_spending", min_segments=5, max_segments=6)
        impossible["min_segment_share"] = 0.15
        with pytest.raises(InputError) as error:
            score_cluster_counts(frames[0], impossible)
        assert str(error.value) == (
            "segmentation income_spending: no number of segments from 5 to 6 leaves "
            "every segment min_segment_share=0.15 of the customers and has a "
            "silhouette; the smallest segments hold 0.1100 with 5, 0.0500 with 6. "
            "Lower min_segment_share or set n_segments."
        )

    def test_scores_no_more_segments_than_distinct_points(self, customers, settings):
        few = only(settings, "income_spending", n_segments=3)
        points, _ = build(customers.iloc[:6], few)
        rows = score_cluster_counts(points, few)
        assert rows["n_segments"].tolist() == [1, 2, 3, 4, 5, 6]
        assert rows["silhouette"].notna().tolist() == [False] + [True] * 4 + [False]

    def test_scores_as_far_as_the_settings_reach(self, frames, settings):
        wide = only(settings, "income_spending", n_segments=12)
        rows = score_cluster_counts(frames[0], wide)
        assert rows["n_segments"].max() == 12
        assert rows.loc[rows["is_chosen"], "n_segments"].tolist() == [12]

    def test_refuses_fewer_points_than_segments(self, customers, settings):
        few = only(settings, "income_spending", n_segments=5)
        points, _ = build(customers.iloc[[0, 1, 1, 1]], few)
        points.loc[0, "n_fitted"] = 0
        with pytest.raises(InputError) as error:
            score_cluster_counts(points, few)
        assert str(error.value) == (
            "segmentation income_spending: n_segments=5 needs as many different "
            "customers, but the 3 complete customers have only 1 different "
            "combinations of annual_income_kusd, spending_score."
        )


class TestSegments:
    def test_income_spending_is_the_published_analysis(self, segments):
        rows = segments[segments["segmentation"] == "income_spending"]
        assert rows["segment_id"].tolist() == [1, 2, 3, 4, 5]
        assert rows["n_fitted"].tolist() == [81, 39, 35, 23, 22]
        assert rows["segment_name"].tolist() == [
            "Average income and spending",
            "High income and high spending",
            "High income and low spending",
            "Low income and low spending",
            "Low income and high spending",
        ]
        assert rows["persona"].tolist() == [
            "Standard customers",
            "Target customers",
            "Careful savers",
            "Budget shoppers",
            "Eager spenders",
        ]
        centroids = rows[[f"centroid_{INCOME}", f"centroid_{SPENDING}"]].to_numpy()
        expected = [
            [55.30, 49.52],
            [86.54, 82.13],
            [88.20, 17.11],
            [26.30, 20.91],
            [25.73, 79.36],
        ]
        assert centroids == pytest.approx(np.array(expected), abs=0.01)
        assert rows["inertia"].tolist() == pytest.approx([65.5684] * 5, abs=1e-4)

    def test_three_features_have_their_own_names_and_no_duplicates(self, segments):
        rows = segments[segments["segmentation"] == "age_income_spending"]
        assert rows["segment_name"].tolist() == [
            "Older, average income and low spending",
            "Young, low income and average spending",
            "Middle-aged, high income and high spending",
        ]
        assert rows["chosen_by"].unique().tolist() == ["setting"]

    def test_measures_agree_with_the_customers(self, segments, customers):
        rows = segments[segments["segmentation"] == "income_spending"]
        labels = labels_of(customers, rows)
        values = customers[[INCOME, SPENDING]].to_numpy()
        scaled = (values - values.mean(axis=0)) / values.std(axis=0)
        for row in rows.to_dict("records"):
            own = labels == row["segment_id"]
            centroid = values[own].mean(axis=0)
            assert row[f"centroid_{INCOME}"] == pytest.approx(centroid[0])
            assert row[f"mean_z_{SPENDING}"] == pytest.approx(scaled[own, 1].mean())
            distances = np.linalg.norm(scaled[own] - scaled[own].mean(axis=0), axis=1)
            share = (distances**2).sum() / row["inertia"]
            assert row["inertia_share"] == pytest.approx(share)
            first, third = np.quantile(distances, [0.25, 0.75])
            fence = third + 1.5 * (third - first)
            assert row["outlier_distance"] == pytest.approx(fence)
        mean = np.average(rows["mean_silhouette"], weights=rows["n_fitted"])
        assert mean == pytest.approx(0.5547, abs=5e-5)
        assert rows["inertia_share"].sum() == pytest.approx(1)

    def test_features_a_segmentation_does_not_use_are_missing(self, segments):
        rows = segments[segments["segmentation"] == "income_spending"]
        unused = [column for column in rows.columns if column.endswith("age_years")]
        assert len(unused) == 5
        assert rows[unused].isna().all(axis=None)

    def test_a_first_build_continues_nothing(self, segments):
        assert segments["is_new"].all()
        assert segments["previous_segment_id"].isna().all()
        assert segments["centroid_distance_moved"].isna().all()
        assert segments["previous_segment_id"].dtype == "Int64"

    def test_row_order_changes_nothing(
        self, frames, cluster_counts, personas, settings, segments
    ):
        points, scalers = frames
        for seed in range(5):
            shuffled = fit_segments(
                points.sample(frac=1, random_state=seed),
                scalers.sample(frac=1, random_state=seed),
                cluster_counts.sample(frac=1, random_state=seed),
                personas.sample(frac=1, random_state=seed),
                settings,
            )
            pd.testing.assert_frame_equal(shuffled, segments, check_exact=True)

    @pytest.mark.slow(seconds=45)
    @pytest.mark.parametrize("n_threads", [1, 2, 4])
    def test_seeds_row_orders_and_threads_change_no_id_name_or_assignment(
        self, n_threads, customers, cluster_counts, personas, settings, segments
    ):
        expected = segments.drop(columns="random_seed")
        names = list(expected["segmentation"].unique())
        assigned = [labels_of(customers, of(expected, name)) for name in names]
        seeded = [copy.deepcopy(settings) for _ in range(20)]
        for seed, settings_of_seed in enumerate(seeded):
            for segmentation in settings_of_seed["segmentations"]:
                segmentation["random_seed"] = seed
        identical = 0
        libraries = ThreadpoolController()  # Found once: that takes milliseconds.
        for shuffle in range(20):
            rows = customers.sample(frac=1, random_state=shuffle)
            # Which segment a customer is assigned to follows from the segments alone.
            for name, labels in zip(names, assigned, strict=True):
                shuffled = labels_of(rows, of(expected, name))
                assert (pd.Series(shuffled, rows.index).sort_index() == labels).all()
            points, scalers = build(customers, settings)
            points = points.sample(frac=1, random_state=shuffle)
            for settings_of_seed in seeded:
                with libraries.limit(limits=n_threads):
                    fitted = fit_segments(
                        points, scalers, cluster_counts, personas, settings_of_seed
                    )
                found = fitted.drop(columns="random_seed")
                assert found.equals(expected), found.compare(expected)
                identical += 1
        assert identical == 400

    def test_the_order_of_a_segmentations_features_changes_nothing(
        self, frames, personas, settings
    ):
        counts = chosen(age_income_spending=3)
        given = only(settings, "age_income_spending")
        turned = only(
            settings,
            "age_income_spending",
            features=["spending_score", "age_years", "annual_income_kusd"],
        )
        pd.testing.assert_frame_equal(
            fit_segments(*frames, counts, personas, given),
            fit_segments(*frames, counts, personas, turned),
            check_exact=True,
        )

    def test_imputed_customers_are_not_fitted(
        self, frames, cluster_counts, personas, settings, segments
    ):
        points, scalers = frames
        imputed = points.iloc[[0]].assign(n_fitted=0, n_customers=50)
        imputed[f"{INCOME}_scaled"] = 25.0
        fitted = fit_segments(
            pd.concat([points, imputed]), scalers, cluster_counts, personas, settings
        )
        pd.testing.assert_frame_equal(fitted, segments, check_exact=True)

    def test_needs_exactly_one_chosen_number(self, frames, personas, settings):
        counts = chosen(income_spending=5)
        with pytest.raises(ValueError, match="chooses 0 numbers of segments for age"):
            fit_segments(*frames, counts, personas, settings)

    def test_constant_features_are_average_everywhere(self, personas, settings):
        two = only(settings, "income_spending", n_segments=2)
        same = pd.DataFrame({INCOME: [50.0] * 4, SPENDING: [10.0, 12.0, 88.0, 90.0]})
        points, scalers = build(same, two)
        points[f"{INCOME}_scaled"] = 0.0
        scalers["scale"] = scalers["scale"].replace(0.0, 1.0)
        rows = fit_segments(points, scalers, chosen(income_spending=2), personas, two)
        assert rows["segment_name"].tolist() == [
            "Average income and low spending",
            "Average income and high spending",
        ]

    def test_segments_without_spread_share_no_inertia(self, personas, settings):
        two = only(settings, "income_spending", n_segments=2)
        pair = pd.DataFrame({INCOME: [20.0, 20.0, 80.0], SPENDING: [10.0, 10.0, 90.0]})
        rows = fit_segments(*build(pair, two), chosen(income_spending=2), personas, two)
        assert rows["inertia_share"].tolist() == [0, 0]
        assert rows["outlier_distance"].tolist() == [0, 0]
        assert rows["mean_silhouette"].tolist() == [1, 0]


class TestNextGenerations:
    def fit(self, customers, settings, personas, previous=None, **options):
        n_segments = options.pop("n_segments", 5)
        return fit_segments(
            *build(customers, settings),
            chosen(income_spending=n_segments),
            personas,
            settings,
            previous=previous,
            **options,
        )

    @pytest.fixture
    def one(self, settings):
        return only(settings, "income_spending", n_segments=5)

    @pytest.fixture
    def published(self, segments):
        """Published segments under ids and names that no rule would give."""
        rows = segments[segments["segmentation"] == "income_spending"].copy()
        rows["segment_id"] = [4, 1, 9, 2, 3]
        rows["segment_name"] = [f"Name {number}" for number in rows["segment_id"]]
        rows["persona"] = [f"Persona {number}" for number in rows["segment_id"]]
        columns = ["segmentation", "segment_id", "segment_name", "persona"]
        centroids = [column for column in rows if column.startswith("centroid_")]
        return rows[[*columns, "recommended_action", *centroids]].drop(
            columns="centroid_distance_moved"
        )

    def test_takes_over_ids_names_and_personas(
        self, customers, one, personas, published
    ):
        rows = self.fit(customers, one, personas, published.sample(frac=1))
        assert rows["segment_id"].tolist() == [1, 2, 3, 4, 9]
        assert rows["n_fitted"].tolist() == [39, 23, 22, 81, 35]
        assert rows["segment_name"].tolist() == [
            "Name 1",
            "Name 2",
            "Name 3",
            "Name 4",
            "Name 9",
        ]
        assert rows["persona"].iloc[-1] == "Persona 9"
        assert not rows["is_new"].any()
        assert rows["previous_segment_id"].tolist() == [1, 2, 3, 4, 9]
        assert rows["centroid_distance_moved"].max() < 1e-12

    def test_a_vanished_segment_retires_its_id(
        self, customers, one, personas, published
    ):
        careful = (customers[INCOME] > 70) & (customers[SPENDING] < 40)
        rest = customers[~careful]
        four = self.fit(rest, one, personas, published, n_segments=4)
        assert four["segment_id"].tolist() == [1, 2, 3, 4]

        retired = pd.DataFrame({"segmentation": ["income_spending"], "segment_id": [9]})
        again = self.fit(customers, one, personas, four, retired=retired)
        assert again["segment_id"].tolist() == [1, 2, 3, 4, 10]
        assert again["is_new"].tolist() == [False] * 4 + [True]
        assert again["segment_name"].iloc[-1] == "High income and low spending"
        assert again["previous_segment_id"].isna().tolist() == [False] * 4 + [True]

    def test_retired_rows_of_the_published_frame_only_reserve_their_ids(
        self, customers, one, personas, published
    ):
        gone = published["segment_id"] == 9
        frame = published.assign(is_retired=gone)
        texts = ["segment_name", "persona", "recommended_action"]
        frame.loc[gone, texts] = None
        frame.loc[gone, [f"centroid_{INCOME}", f"centroid_{SPENDING}"]] = np.nan
        rows = self.fit(customers, one, personas, frame)
        assert rows["segment_id"].tolist() == [1, 2, 3, 4, 10]

    def test_changed_features_start_anew_above_the_used_ids(
        self, customers, settings, personas, published
    ):
        wider = only(settings, "income_spending", n_segments=3)
        wider["segmentations"][0]["features"] = ["age_years", INCOME, SPENDING]
        rows = self.fit(customers, wider, personas, published, n_segments=3)
        assert rows["segment_id"].tolist() == [10, 11, 12]
        assert rows["is_new"].all()
        assert rows["n_fitted"].is_monotonic_decreasing

    def test_other_segmentations_do_not_matter(
        self, customers, one, personas, published, segments
    ):
        other = published.assign(segmentation="another")
        rows = self.fit(customers, one, personas, other)
        first = segments[segments["segmentation"] == "income_spending"]
        assert rows["segment_id"].tolist() == first["segment_id"].tolist()
        assert rows["segment_name"].tolist() == first["segment_name"].tolist()

    def test_an_empty_published_frame_is_a_first_build(
        self, customers, one, personas, published
    ):
        rows = self.fit(customers, one, personas, published.iloc[:0])
        assert rows["segment_id"].tolist() == [1, 2, 3, 4, 5]

    @pytest.mark.slow  # About 5 seconds per case.
    @pytest.mark.parametrize("change", ["add", "remove", "shift"])
    def test_surviving_customers_keep_their_segment(
        self, customers, one, personas, published, change
    ):
        before = self.fit(customers, one, personas, published)
        ids_before = labels_of(customers, before)
        generator = np.random.default_rng(2026)
        shares = []
        for _ in range(50):
            kept = generator.permutation(len(customers))
            if change == "remove":
                kept = kept[: len(kept) * 9 // 10]
            survivors = customers.iloc[kept]
            current = survivors
            if change == "add":
                low, high = customers.min(), customers.max()
                newcomers = pd.DataFrame(
                    generator.integers(low, high, size=(10, 3), endpoint=True),
                    columns=customers.columns,
                )
                current = pd.concat([survivors, newcomers.astype("float64")])
            if change == "shift":
                survivors = survivors.assign(**{INCOME: survivors[INCOME] * 1.03})
                current = survivors
            after = self.fit(current, one, personas, before)
            shares.append((labels_of(survivors, after) == ids_before[kept]).mean())
        assert len(shares) == 50
        assert np.mean(shares) >= 0.95
