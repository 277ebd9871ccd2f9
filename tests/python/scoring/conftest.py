"""The reference model for the tests of scoring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from reference_model import write_reference_model

if TYPE_CHECKING:
    from pathlib import Path

    from mall_segments.model_file import Model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path: Path = tmp_path_factory.mktemp("model") / "model.json"
    return write_reference_model(path)
