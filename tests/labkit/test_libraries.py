"""torchvision imports beside a CPU-only torch, and keras computes with torch."""

import importlib.util
import os
import subprocess
import sys

import pytest

VISION = """
import labkit
import torchvision
from torchvision import datasets, transforms, utils
import torch
assert tuple(utils.make_grid(torch.rand(4, 1, 5, 5)).shape) == (3, 9, 30)
assert issubclass(datasets.MNIST, torch.utils.data.Dataset)
assert labkit.torchvision_compat() == "imported"
if not torchvision.extension._has_ops():
    try:
        torch.ops.torchvision.nms(torch.rand(2, 4), torch.rand(2), 0.5)
    except RuntimeError as error:
        assert "CPU-only torch" in str(error), error
    else:
        raise AssertionError("nms ran without operators")
"""


def run(program: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
def test_torchvision_after_labkit_imports_whatever_its_operators():
    """Data sets, transforms and utilities work; a missing operator says what is wrong."""
    run(VISION)


def test_hooks_installed_twice_stand_once():
    """A second ``import labkit`` adds no second hook, and the hook finds no module itself."""
    from labkit import libraries

    libraries.install_hooks()
    hooks = [finder for finder in sys.meta_path if type(finder).__module__ == "labkit.libraries"]
    assert len(hooks) == 1
    assert hooks[0].find_spec("json", None) is None


def test_keras_on_torch_respects_an_explicit_choice(monkeypatch):
    """Torch is the default; a backend that somebody asked for stays."""
    from labkit.libraries import keras_on_torch

    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    keras_on_torch()
    assert os.environ["KERAS_BACKEND"] == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras_on_torch()
    assert os.environ["KERAS_BACKEND"] == "jax"
