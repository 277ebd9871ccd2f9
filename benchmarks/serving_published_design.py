"""The published design: K-means and a scaler by joblib, behind Flask.

It answers one customer at a time, as published. ``/predict_clusters`` is what it would
be with lists: one vectorised prediction for all of them.
"""

import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

FEATURES = ("Annual Income (k$)", "Spending Score (1-100)")

app = Flask(__name__)
folder = Path(os.environ["PUBLISHED_DESIGN"])
scaler = joblib.load(folder / "scaler.joblib")
kmeans = joblib.load(folder / "kmeans.joblib")


@app.post("/predict_cluster")
def predict_cluster() -> ResponseReturnValue:
    """Answer one customer."""
    (cluster,) = predict([request.get_json()])
    return jsonify({"cluster": cluster})


@app.post("/predict_clusters")
def predict_clusters() -> ResponseReturnValue:
    """Answer a list of customers."""
    return jsonify([{"cluster": cluster} for cluster in predict(request.get_json())])


def predict(customers: list[dict[str, Any]]) -> list[int]:
    """Scale the customers' features and find their clusters."""
    rows = [[customer[name] for name in FEATURES] for customer in customers]
    scaled = scaler.transform(np.array(rows, dtype=float))
    clusters: list[int] = kmeans.predict(scaled).tolist()
    return clusters
