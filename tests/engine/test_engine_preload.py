"""What the warm process imports for a lab."""

from __future__ import annotations

import pytest
from handmade_labs import answer, given, make_lab
from labgrade.engine import PRELOAD
from labgrade.executor.preload import preload_for


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("import numpy as np\n# torchvision would do too", ()),
        ("import keras", ()),
        ("from torchvision import datasets", ("torchvision",)),
        ("def f():\n    from torchvision import transforms", ("torchvision",)),
        ("jacobian = torch.func.jacrev(f)", ("torch._dynamo",)),
        ("import torch\nx = torch.functional.norm(1)", ()),
    ],
)
def test_preload_of_a_lab_is_what_its_text_imports(text: str, more: tuple[str, ...]) -> None:
    """Large libraries are imported once, where the lab names them."""
    assert preload_for(make_lab(given(text), answer("f", "x = 1"))) == (*PRELOAD, *more)


def test_preload_of_a_given_module_counts() -> None:
    """What is imported beside the notebook is imported in every submission too."""
    lab = make_lab(
        answer("f", "x = 1"), files={"helpers.py": b"import torchvision\n", "a.txt": b"import keras"}
    )
    assert preload_for(lab) == (*PRELOAD, "torchvision")
