"""One engine for all tests of the engine: starting one costs seconds."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# importmode=importlib does not put this folder on the path; xdist workers need it as well.
sys.path.insert(0, str(Path(__file__).parent))

from labgrade.engine import Engine
from labgrade.model import Limits


@pytest.fixture(scope="session")
def started_engine() -> Iterator[Engine]:
    """An engine with the strongest confinement of this machine."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with Engine(Limits()) as engine:
        yield engine


@pytest.fixture
def engine(started_engine: Engine) -> Iterator[Engine]:
    """The engine with ordinary limits; a test may set others."""
    started_engine.limits = Limits(cell_s=20)
    yield started_engine
    started_engine.limits = Limits()
