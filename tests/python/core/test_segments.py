from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from customer_frames import chosen, judged, make_frames, make_settings

from mall_segments.clustering.parameters import build_model, wide_parameters
from mall_segments.clustering.segments import Known, fit_segments
from mall_segments.scoring.assignment import assign
from mall_segments.settings import parse_settings

GENERATOR = np.random.default_rng(3)


def model_of(frames, settings, previous=None):
    sizes = frames.segments.assign(
        n_customers=frames.segments["n_fitted"], customer_share=frames.segments["share"]
    )
    names = list(frames.coordinates["segmentation"])
    return build_model(
        settings=parse_settings(settings),
        coordinates=frames.coordinates,
        segments=frames.segments,
        sizes=sizes,
        verdicts=judged("clear segments", *names),
        previous=previous,
        build_id="20260101T000000.000000Z-0",
        settings_sha256="0" * 64,
    )


def refit(customers, settings, known, previous=None, **options):
    frames = make_frames(customers, settings)
    frames.segments = fit_segments(
        frames.points,
        frames.coordinates,
        settings,
        replace(known, previous=previous, **options),
    )
    return frames


def test_the_shipped_segments_are_the_published_ones(shipped):
    own = shipped.segments[shipped.segments["segmentation"] == "income_spending"]
    assert own["segment_id"].tolist() == [1, 2, 3, 4, 5]
    assert own["n_fitted"].tolist() == [81, 39, 35, 23, 22]
    assert own["inertia"].iloc[0] == pytest.approx(65.5684, abs=5e-5)
    assert own["persona"].tolist() == [
        "Standard customers",
        "Target customers",
        "Careful savers",
        "Budget shoppers",
        "Eager spenders",
    ]
    assert own["centroid_annual_income_kusd"].iloc[1] == pytest.approx(
        86.5385, abs=1e-4
    )
    assert (own["stability_jaccard"] > 0.9).all()
    # The clouds overlap a little, so they are wider than the segments cut from them.
    assert 1 < own["variance"].iloc[0] / (65.5684 / (195 * 2)) < 1.1


def test_the_model_takes_no_logarithm_of_what_is_below_0(known_shipped):
    settings = make_settings(
        [{"name": "spend", "transform": "log"}, {"name": "change"}],
        [{"name": "both", "features": ["spend", "change"], "n_segments": 2}],
    )
    customers = pd.DataFrame(
        {"spend": [1.0, 2.0, 900.0, 1000.0], "change": [-5.0, -4.0, 4.0, 5.0]}
    )
    facts = {"counts": chosen(both=2), "verdicts": judged("clear segments", "both")}
    frames = refit(customers, settings, known_shipped, **facts)
    model = model_of(frames, settings)
    assert [column.minimum for column in model.columns] == [0, None]


def test_two_segmentations_never_share_a_persona(shipped):
    assert shipped.segments["persona"].is_unique


def test_ids_stay_whatever_the_order_and_numbers(
    shipped, shipped_customers, shipped_settings, known_shipped
):
    model = model_of(shipped, shipped_settings)
    again = refit(
        shipped_customers.sample(frac=0.9, random_state=5),
        shipped_settings,
        known_shipped,
        model,
    )
    own = again.segments[again.segments["segmentation"] == "income_spending"]
    assert own["previous_segment_id"].tolist() == [1, 2, 3, 4, 5]
    assert not own["is_new"].any()
    assert (own["centroid_distance_moved"] < 0.3).all()


def test_a_number_of_segments_that_comes_back_brings_its_ids_back(
    shipped, shipped_customers, shipped_settings, known_shipped
):
    five = model_of(shipped, shipped_settings)
    counts = chosen(income_spending=3, age_income_spending=3)
    fewer = refit(
        shipped_customers, shipped_settings, known_shipped, five, counts=counts
    )
    three = model_of(fewer, shipped_settings, five)
    kept = three.segmentation("income_spending")
    assert {segment.segment_id for segment in kept.segments} & {1, 2, 3, 4, 5}
    assert kept.retired_segments
    # Once more the three: what was retired before them stays known.
    still = refit(
        shipped_customers, shipped_settings, known_shipped, three, counts=counts
    )
    three = model_of(still, shipped_settings, three)
    retired = three.segmentation("income_spending").retired_segments
    assert [each.segment_id for each in retired] == [
        each.segment_id for each in kept.retired_segments
    ]
    again = refit(shipped_customers, shipped_settings, known_shipped, three)
    own = again.segments[again.segments["segmentation"] == "income_spending"]
    sizes = dict(zip(own["segment_id"], own["n_fitted"], strict=True))
    assert sizes == {1: 81, 2: 39, 3: 35, 4: 23, 5: 22}


def test_other_customers_start_anew_unless_they_are_to_continue(
    shipped, shipped_customers, shipped_settings, known_shipped
):
    model = model_of(shipped, shipped_settings)
    others = refit(
        shipped_customers, shipped_settings, known_shipped, model, returning_share=0.0
    )
    assert others.segments["is_new"].all()
    assert others.segments["segment_id"].max() == 5
    kept = refit(
        shipped_customers,
        shipped_settings | {"other_customers": "keep"},
        known_shipped,
        model,
        returning_share=0.0,
    )
    assert not kept.segments["is_new"].any()


def test_a_name_that_is_no_longer_true_is_renewed(
    shipped, shipped_customers, shipped_settings, known_shipped
):
    model = model_of(shipped, shipped_settings)
    # Who spent much now spends little less than all others, so nobody stands out.
    flatter = shipped_customers.assign(
        spending_score=(shipped_customers["spending_score"] / 40).round() + 50
    )
    again = refit(
        flatter, shipped_settings | {"other_customers": "keep"}, known_shipped, model
    )
    before = {
        (each.name, segment.segment_id): segment.segment_name
        for each in model.segmentations
        for segment in each.segments
    }
    for row in again.segments.itertuples():
        if before.get((row.segmentation, row.segment_id)) == row.segment_name:
            assert "spending" in row.segment_name


def test_a_name_that_tells_a_segment_apart_stays(
    shipped, shipped_customers, shipped_settings, known_shipped
):
    model = model_of(shipped, shipped_settings)
    first = model.segmentations[0]
    names = [f"{each.segment_name} (income 1)" for each in first.segments]
    segments = [
        each.model_copy(update={"segment_name": name})
        for each, name in zip(first.segments, names, strict=True)
    ]
    first = first.model_copy(update={"segments": segments})
    model = model.model_copy(
        update={"segmentations": [first, *model.segmentations[1:]]}
    )
    again = refit(shipped_customers, shipped_settings, known_shipped, model).segments
    own = again[again["segmentation"] == first.name]
    assert own["segment_name"].tolist() == names


def test_parts_that_are_no_segments_claim_nothing(
    shipped_customers, shipped_settings, known_shipped
):
    verdicts = judged("no segments", "income_spending", "age_income_spending")
    parts = refit(
        shipped_customers, shipped_settings, known_shipped, verdicts=verdicts
    ).segments
    assert parts["segment_name"].str.startswith("Part ").all()
    own = parts[parts["segmentation"] == "income_spending"]
    assert (own["persona"] == own["segment_name"]).all()
    assert own["recommended_action"].str.startswith("None").all()


def test_mixed_customers_are_assigned_alike_by_fit_and_by_model():
    kinds = GENERATOR.integers(0, 3, 300)
    customers = pd.DataFrame(
        {
            "spend": np.exp(GENERATOR.normal(kinds * 2, 0.4)).round(2),
            "colour": np.array(["red", "green", "blue"])[
                np.where(GENERATOR.random(300) < 0.9, kinds, 0)
            ],
        }
    )
    settings = make_settings(
        [
            {"name": "spend", "transform": "yeo_johnson"},
            {"name": "colour", "type": "category"},
        ],
        [{"name": "mixed", "features": ["spend", "colour"], "n_segments": 3}],
    )
    frames = make_frames(customers, settings)
    known = Known(
        personas=pd.DataFrame(
            columns=["priority", "persona", "recommended_action"], dtype=object
        ),
        counts=chosen(mixed=3),
        verdicts=judged("clear segments", "mixed"),
        previous=None,
        returning_share=1.0,
    )
    frames.segments = fit_segments(frames.points, frames.coordinates, settings, known)
    model = model_of(frames, settings)
    found = assign(
        model,
        model.segmentation(),
        {name: customers[name].tolist() for name in customers},
    )
    counts = np.bincount(found.segment).tolist()
    assert counts == frames.segments["n_fitted"].tolist()
    row = wide_parameters(frames.coordinates, frames.segments, settings).iloc[0]
    assert row["s1_id"] == 1
    assert row["s1_share"] == pytest.approx(counts[0] / 300)
    # Level slots that nobody fills take no part.
    assert row["c12_scale"] == 1.0
