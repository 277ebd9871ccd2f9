"""What the quality tests share: an audited generation, and copies of it to damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from generation_copy import GenerationCopy, copy_generations

from mall_segments.audit.validation import Validator

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def validator() -> Validator:
    """One Great Expectations for all tests; importing it takes seconds."""
    return Validator()


@pytest.fixture
def copy(published_home: Path, tmp_path: Path) -> GenerationCopy:
    """A copy of the published generation that the test may damage."""
    return copy_generations(published_home, tmp_path)
