"""What the quality tests share: a small published home, and copies of it to damage."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from generation_copy import GenerationCopy, copy_generations
from sample_published import FIRST, OTHER_CUSTOMERS, SECOND, publish_sample

from mall_segments.audit import suites
from mall_segments.audit.validation import Validator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def suites_read_once() -> Iterator[None]:
    """Reading them anew would take a third of the time of each small audit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suites, "_read_file", cache(suites._read_file))
        yield


@pytest.fixture(scope="session")
def validator() -> Validator:
    """One Great Expectations for all tests; importing it takes seconds."""
    return Validator()


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the sample was published twice; only to be read."""
    home = tmp_path_factory.mktemp("sample")
    publish_sample(home, FIRST)
    publish_sample(home, SECOND)
    return home


@pytest.fixture(scope="session")
def drifted_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose customers stayed twenty years longer than those before."""
    home = tmp_path_factory.mktemp("drifted")
    publish_sample(home, SECOND)
    publish_sample(home, OTHER_CUSTOMERS, older=20)
    return home


@pytest.fixture
def copy(sample_home: Path, tmp_path: Path) -> GenerationCopy:
    """A copy of the current generation that the test may damage."""
    return copy_generations(sample_home, tmp_path)
