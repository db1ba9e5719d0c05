"""Expectations about values: what passes, what fails, and what the message says."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from labkit import expect
from labkit.checks import CheckError


def message(function, *arguments, **named) -> str:
    with pytest.raises(expect.Failure) as caught:
        function(*arguments, **named)
    return str(caught.value)


X = np.arange(6.0).reshape(2, 3) + 1


@pytest.mark.parametrize(
    "actual",
    [
        X,
        X.tolist(),
        torch.tensor(X),
        torch.tensor(X, dtype=torch.float32, requires_grad=True),
        (torch.tensor(X),),
        [torch.tensor(row) for row in X],
        tuple(map(tuple, X)),
        X[None],
        X[:, None, :, None],
        torch.tensor(X).T.contiguous().T,
        torch.tensor(X).to_sparse(),
        torch.tensor(X, dtype=torch.bfloat16),
        torch.nn.Parameter(torch.tensor(X)),
        np.asfortranarray(X.astype(">f8")),
        X.astype(np.float16),
        X.astype(int).tolist(),
    ],
)
def test_close_same_values_in_any_container_pass(actual):
    """Lists, arrays and tensors are compared by value; superfluous axes of length 1 are left out."""
    expect.close(actual, X)
    expect.close(actual, torch.tensor(X))


def test_close_numbers_pass_within_tolerance_only():
    """The tolerance is absolute and relative at once."""
    expect.close(1000.001, 1000.0)
    expect.close(np.float32(0.1), 0.1)
    expect.close(torch.tensor(2), 2)
    expect.close(338896.0, 338896)
    text = message(expect.close, 1000.1, 1000.0)
    assert "expected: 1000" in text
    assert "off by 0.1" in text


def test_close_message_comes_in_reading_order():
    """Called, expected, came back, likely cause, where to read."""
    with pytest.raises(expect.Failure) as caught:
        expect.close(X * 2, X, "f(x)", variants={"the half was forgotten": lambda: X * 2}, read="section 3")
    assert [fact.label for fact in caught.value.facts] == ["called", "expected", "came back", "read"]
    assert caught.value.cause == "the half was forgotten"
    text = str(caught.value)
    assert "array of shape (2, 3), float64; 6 of 6 values differ, first at [0, 0]: 2 instead of 1" in text
    assert "largest error 6 absolute, 1 relative" in text


def test_close_call_is_taken_from_the_source():
    """Without `call` the text of the first argument is shown."""
    assert "called: np.zeros(2)" in message(lambda: expect.close(np.zeros(2), np.ones(2)))


def test_close_wrong_shape_is_told_before_values():
    """A missing or superfluous axis, or axes in another order, are named."""
    assert "axes are in a different order" in message(expect.close, X.T, X)
    assert "one axis too many in front, of length 2" in message(expect.close, np.stack([X, X]), X)
    assert "the first axis, of length 2, is missing" in message(expect.close, X[0], X)
    assert "sum or mean over all axes" in message(expect.close, 3.0, X)
    assert "array of shape (2, 1), float64" in message(expect.close, X[:, :1], X)


def test_close_axis_of_length_one_in_the_reference_must_be_there():
    """Only axes that the reference lacks are left out, and none with drop_axes=False."""
    expect.close(X[:, :1], X[:, :1])
    message(expect.close, X[:, 0], X[:, :1])
    message(expect.close, X[None], X, drop_axes=False)


def test_close_wrong_kind_of_number_is_told():
    """A mask of 0 and 1 is not one of True and False; whole-number arrays are not decimals."""
    mask = np.array([True, False])
    assert "True/False" in message(expect.close, np.array([1, 0]), mask)
    assert "whole numbers" in message(expect.close, torch.tensor([1, 2]), torch.tensor([1.0, 2.0]))
    expect.close([1, 2], torch.tensor([1.0, 2.0]))


def test_close_nan_and_infinity_have_their_own_message():
    """Not-finite values are counted and placed, with their usual origins."""
    bad = X.copy()
    bad[1, 2] = np.nan
    text = message(expect.close, bad, X)
    assert "1 of 6 values are NaN (not a number), the first at [1, 2]" in text
    assert "likely cause: NaN comes from" in text
    bad[1, 2] = -np.inf
    assert "infinite" in message(expect.close, bad, X)
    expect.close(bad, bad)
    expect.close(np.array([np.nan, 1]), np.array([np.nan, 1]))


@pytest.mark.parametrize(
    ("actual", "cause"),
    [
        (-X, "the sign is wrong everywhere"),
        (X / np.sqrt(8), "everything is 0.3536 times what it should be"),
        (X + 3, "the same number, 3, is added everywhere"),
    ],
)
def test_close_simple_relations_are_recognised(actual, cause):
    """Sign, factor and offset are seen without a variant from the author."""
    assert f"likely cause: {cause}" in message(expect.close, actual, X)


def test_close_transposed_square_is_recognised():
    """Swapped axes of a square matrix do not show in the shape; they are seen in the values."""
    square = np.arange(9.0).reshape(3, 3)
    assert "transposed" in message(expect.close, square.T, square)


def test_close_variants_first_match_wins_and_are_lazy():
    """Variants are looked at only after a failure, in order; the reference itself explains nothing."""
    calls = []

    def variant(value):
        calls.append(1)
        return value

    expect.close(X, X, variants={"never": lambda: variant(X)})
    assert not calls
    text = message(
        expect.close,
        X + 1,
        X,
        variants={
            "same": X,
            "other": X * 3,
            "one too many": lambda: torch.tensor(X + 1)[None],
            "also": X + 1,
        },
    )
    assert "likely cause: one too many" in text


def test_close_variant_that_raises_is_noted_for_the_author():
    """A broken variant neither hides the failure nor becomes it."""
    with pytest.raises(expect.Failure) as caught:
        expect.close(X + 1, X, variants={"broken": lambda: 1 / 0, "one too many": X + 1})
    assert caught.value.cause == "one too many"
    assert "broken" in caught.value.notes[0]


@pytest.mark.parametrize(
    ("actual", "came_back", "cause"),
    [
        (None, "None", "is a `return` missing?"),
        ("1.5", "the text '1.5'", ""),
        ((X, np.zeros(2)), "a tuple of 2 parts with different shapes", "part 0 of the tuple"),
        ([[1, 2], [3]], "different shapes: (2,), (1,)", ""),
        (np.sum, "a ", "parentheses"),
        ({"a": 1}, "a dict with 1 entries", ""),
        (np.array(["a"]), "not numbers", ""),
        (object(), "an object", ""),
    ],
)
def test_close_value_that_is_no_array_says_what_it_is(actual, came_back, cause):
    """None, texts, ragged lists and the like are named instead of breaking the comparison."""
    text = message(expect.close, actual, X)
    assert came_back in text
    assert cause in text


def test_close_never_calls_methods_of_a_students_object():
    """A class of the student's cannot answer for itself, nor can a tensor subclass."""

    class Liar:
        shape, dtype = (2, 3), np.dtype(float)

        def __array__(self, *arguments, **named):
            raise AssertionError("asked")

        def __eq__(self, other):
            return True

        __hash__ = None

    class LyingTensor(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return torch.tensor(X)

    assert "a Liar" in message(expect.close, Liar(), X)
    assert "a Liar" in message(expect.equal, Liar(), 3)
    message(expect.close, torch.zeros(2, 3).as_subclass(LyingTensor), X)


def test_close_proxy_of_an_object_is_not_asked():
    """What is not plain data in another process is named as such."""

    class Proxy:
        def __labkit_probe__(self, verb, *arguments):
            raise AssertionError("asked")

    assert "not plain data" in message(expect.close, Proxy(), X)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (3, 3),
        (3, 3.0),
        ("he", "he"),
        (True, True),
        (None, None),
        ((1, 2), [1, 2]),
        (torch.Size([2, 3]), (2, 3)),
        (torch.tensor([1, 2]), [1, 2]),
        ({"a": [1, 2]}, {"a": (1, 2)}),
        ({1, 2}, {2, 1}),
        (np.int64(4), 4),
        (10**30, 10**30),
    ],
)
def test_equal_same_content_passes(actual, expected):
    """Containers are compared by content, numbers by value."""
    expect.equal(actual, expected)


@pytest.mark.parametrize(
    ("actual", "expected", "cause"),
    [
        (1, True, ""),
        (2, 3, ""),
        ("He ", "he", "capitals or spaces"),
        ("3", 3, "leave out the quotes"),
        ([2, 1], [1, 2], "another order"),
        (None, 3, "is a `return` missing?"),
        ({"a": 1}, {"b": 1}, ""),
        ([1, 2, 3], [1, 2], ""),
        (OrderedDict(a=1), {"a": 1}, ""),
        ("a", ["a"], ""),
    ],
)
def test_equal_other_content_fails_with_cause(actual, expected, cause):
    """Near misses of answers typed by hand are named."""
    text = message(expect.equal, actual, expected)
    assert "expected: " in text
    assert cause in text


def test_equal_variant_names_the_mistake():
    """A known wrong answer has its own sentence."""
    text = message(expect.equal, 236, 338896, variants={"only the inputs were counted": 236})
    assert "likely cause: only the inputs were counted" in text


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), np.array([[True]])])
def test_true_of_true_passes(value):
    """One True, in whatever form, holds."""
    expect.true(value, "it holds")


@pytest.mark.parametrize(
    "value", [False, 1, "yes", None, np.array([True, True]), torch.tensor(1.0), object()]
)
def test_true_of_anything_else_fails(value):
    """What is merely truthy does not hold."""
    assert "expected: it holds" in message(expect.true, value, "it holds")


def test_tiers_thresholds_out_of_order_are_an_authors_slip():
    """A harder threshold that gives fewer points is refused, whatever the value."""
    with pytest.raises(CheckError, match="harder threshold"):
        expect.tiers(1.0, {2.5: 10, 2.0: 5})
    with pytest.raises(CheckError, match="hardest must give some"):
        expect.tiers(1.0, {})


def test_tiers_higher_is_better_and_tensors_count():
    """Accuracy works upwards; a tensor of one number is a number, a text is not."""
    assert expect.tiers(torch.tensor(0.9), {0.5: 1, 0.8: 4}, lower_is_better=False).share == 1
    assert expect.tiers(0.6, {0.5: 1, 0.8: 4}, lower_is_better=False).share == 0.25
    assert expect.tiers(0.5, {0.5: 1, 0.8: 4}, lower_is_better=False).share == 0
    assert "the text" in message(expect.tiers, "0.9", {0.5: 1})
    assert "not a finite number" in message(expect.tiers, float("inf"), {0.5: 1})
