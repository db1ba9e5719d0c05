"""Expectations about shapes, probabilities, exceptions, warnings and inputs."""

import warnings

import numpy as np
import pytest
import torch
from labkit import expect
from labkit.checks.failure import collecting_notes


def message(function, *arguments, **named) -> str:
    with pytest.raises(expect.Failure) as caught:
        function(*arguments, **named)
    return str(caught.value)


def test_shape_sizes_and_wildcards_count_every_axis():
    """None stands for any size; an axis of length 1 is an axis."""
    expect.shape(torch.zeros(2, 5, 3), (2, None, 3))
    expect.shape([1, 2], (2,))
    text = message(expect.shape, torch.zeros(5, 2, 3), (2, 5, 3), "rnn(x)", axes="batch time hidden")
    assert "called: rnn(x)" in text
    assert "expected: shape (2, 5, 3) = (batch, time, hidden)" in text
    assert "came back: tensor of shape (5, 2, 3), float32" in text
    assert "different order" in text
    message(expect.shape, torch.zeros(1, 2), (2,))


def test_finite_counts_and_places_what_is_not():
    """NaN and infinities are counted apart."""
    expect.finite([1.0, 2.0])
    assert "1 NaN and 2 infinite of 4 values, first at [1]" in message(
        expect.finite, np.array([0, np.inf, np.nan, -np.inf])
    )


def test_probabilities_of_softmax_pass_and_the_wrong_axis_is_named():
    """Rows must sum to 1 along the axis asked for; if another axis does, that is the cause."""
    scores = torch.arange(6.0).reshape(2, 3)
    expect.probabilities(scores.softmax(-1))
    expect.probabilities(scores.softmax(0), axis=0)
    assert "wrong axis" in message(expect.probabilities, scores.softmax(0))
    assert "without a softmax" in message(expect.probabilities, -scores)
    assert "2 of 2 sums are not 1" in message(expect.probabilities, scores)
    message(expect.probabilities, 1.0)


def test_raises_right_exception_passes_and_others_are_told():
    """Type and text of the exception are looked at; the stub's NotImplementedError goes through."""

    def index(error):
        if error is not None:
            raise error

    expect.raises(IndexError, index, IndexError("out of range"), match="range")
    with expect.raises((IndexError, KeyError)):
        index(KeyError("k"))
    assert "no exception" in message(expect.raises, IndexError, index, None, call="index(3)")
    assert "ValueError: bad" in message(expect.raises, IndexError, index, ValueError("bad"))
    assert "/range/" in message(expect.raises, IndexError, index, IndexError("bad"), match="range")
    with pytest.raises(NotImplementedError):
        expect.raises(IndexError, index, NotImplementedError())


def test_no_warning_shows_the_text_of_a_warning():
    """A quiet block passes; only the asked category counts."""
    with expect.no_warning():
        pass
    with expect.no_warning(category=DeprecationWarning):
        warnings.warn("other", UserWarning, stacklevel=1)

    def noisy():
        with expect.no_warning("softmax(x)"):
            warnings.warn("implicit dimension", UserWarning, stacklevel=1)

    text = message(noisy)
    assert "called: softmax(x)" in text
    assert "implicit dimension" in text


def test_unchanged_modified_input_is_noted_and_costs_nothing():
    """The note names the input; nothing is raised, also for inputs that are no arrays."""
    notes = []
    token = collecting_notes.set(notes)
    try:
        x, y = torch.zeros(3), [1, 2]
        with expect.unchanged(x=x, y=y, f=print):
            x += 1
    finally:
        collecting_notes.reset(token)
    assert notes == ["the input `x` was modified in place; the caller may still need it"]


def test_unchanged_outside_a_test_is_silent():
    """Used in a plain cell it does nothing visible."""
    x = np.zeros(2)
    with expect.unchanged(x=x):
        x += 1
