"""Profile, device, seed and progress: the settings that every notebook shares."""

import io
import random

import numpy as np
import pytest
import torch
from labkit import device, profile, progress, seed
from labkit.progressbar import is_watched


def test_profile_without_variable_is_full_and_quick_while_grading(monkeypatch):
    """A student gets full sizes; nbgrader gets quick ones."""
    assert profile.pick(quick=1, full=2) == 2
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert profile.is_quick
    monkeypatch.setenv("LABS_PROFILE", "FULL")
    assert profile.pick(quick=1, full=2) == 2


def test_profile_unknown_name_says_what_to_write(monkeypatch):
    """A misspelt profile is refused with the two names that exist."""
    monkeypatch.setenv("LABS_PROFILE", "fast")
    with pytest.raises(ValueError, match="quick or full"):
        profile.pick(quick=1, full=2)


def test_device_without_accelerator_is_cpu_and_a_missing_one_is_refused(monkeypatch):
    """The CPU is the last resort; asking for a device that is not here lists those that are."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device() == torch.device("cpu")
    monkeypatch.setenv("LABS_DEVICE", "cuda:0")
    with pytest.raises(ValueError, match="this machine has: cpu"):
        device()


def test_device_prefers_cuda_then_mps_and_obeys_the_variable(monkeypatch):
    """CUDA before MPS before CPU, unless LABS_DEVICE decides."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device().type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device().type == "cuda"
    monkeypatch.setenv("LABS_DEVICE", "cpu")
    assert device().type == "cpu"


def test_seed_twice_gives_the_same_numbers_everywhere():
    """Python, NumPy and torch start again at the same place."""
    state = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    draws = []
    for _ in range(2):
        seed(3)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.random.set_rng_state(state[2])
    with pytest.raises(ValueError, match="whole number"):
        seed(-1)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_unwatched_is_silent_and_gives_all_items(capsys):
    """Without a terminal or notebook nothing is printed."""
    assert list(progress(range(5), "counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def test_progress_in_a_terminal_shows_only_what_takes_long(monkeypatch):
    """The bar appears on stdout after the delay, and not before."""
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    assert is_watched()
    assert sum(progress(range(5), "counting")) == 10
    assert screen.getvalue() == ""
    monkeypatch.setattr("labkit.progressbar._DELAY_S", 0)
    assert sum(progress(range(5), "counting")) == 10
    assert "counting" in screen.getvalue()


@pytest.mark.parametrize("variable", ["NBGRADER_EXECUTION", "LABS_QUIET", "CI"])
def test_progress_run_by_a_machine_is_not_watched(monkeypatch, variable):
    """Grading and automatic runs get no bars, whatever their output looks like."""
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv(variable, "1")
    assert not is_watched()
