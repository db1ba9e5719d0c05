"""What the tests of feedback share: a small graded class, made by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from handmade_class import GradedClass, Student, make_class


@pytest.fixture
def graded(tmp_path: Path) -> Callable[[Mapping[str, Student]], GradedClass]:
    """Return the function that makes a graded class."""
    return lambda students: make_class(tmp_path, students)
