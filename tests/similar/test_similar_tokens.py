"""What is compared of a line of code, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labgrade.similar.fingerprints import RUN, WINDOW, fingerprint
from labgrade.similar.tokens import normalise


def _tokens(text: str) -> list[str]:
    return [" ".join(line.tokens) for line in normalise(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "total = 0\nfor x in values:\n    total += x",
            "s = 0\nfor value in values:\n\n    s += value  # add",
        ),
        (
            "def f(a, b=2):\n    '''Sum.'''\n    return a + b",
            "def g(left, right=2):\n    return left + right",
        ),
        ("x = [a for a in b]\n", "y = [\n    c\n    for c in b\n]"),
        ("with open(p) as f:\n    t = f.read()", "with open(p) as handle:\n    text = handle.read()"),
        ("import numpy as np\nz = np.exp(1)", "import numpy as foo\nz = foo.exp(1)"),
        ("f = lambda q: q + 1", "g = lambda w: w + 1"),
        ("if (n := len(v)) > 2: pass", "if (size := len(v)) > 2: pass"),
        ("a, (b, c) = pair", "x, (y, z) = pair"),
        ("sum = 0\nsum += 1", "total = 0\ntotal += 1"),
    ],
)
def test_normalise_of_the_same_code_in_disguise_is_the_same(one: str, other: str) -> None:
    """Names, comments, docstrings, spaces and line breaks do not count."""
    lines = [(line.tokens, line.pattern) for line in normalise(one)]
    assert lines == [(line.tokens, line.pattern) for line in normalise(other)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = a.sum(axis=0)", "x = a.mean(axis=0)"),
        ("x = a.sum(axis=0)", "x = a.sum(axis=1)"),
        ("h = h @ w + h", "h = h @ w + g"),
        ("x = sorted(v)", "x = list(v)"),
        ("out[t] = h", "t = h"),
    ],
)
def test_normalise_of_other_code_differs(one: str, other: str) -> None:
    """Methods, numbers, builtins, and which name stands where, count."""
    mine = [(line.tokens, line.pattern) for line in normalise("h = g = w = v = a = 1\n" + one)]
    assert mine != [(line.tokens, line.pattern) for line in normalise("h = g = w = v = a = 1\n" + other)]


def test_normalise_of_broken_code_and_magics_goes_on() -> None:
    """A cell that Python cannot read is compared line by line like any other."""
    assert _tokens("%timeit f(x)\nfor x in (1, 2:\n    y = 'open\n") != []
    assert _tokens("y = 1\n!ls") == ["· = 1", "! ls"]


def test_normalise_counts_lines_as_they_stand() -> None:
    """Marks must hit the right line, after strings and brackets over several lines too."""
    text = '"""Doc\nover lines."""\nx = (1,\n     2)\ny = """a\nb"""\nz = x\n'
    assert [line.number for line in normalise(text)] == [3, 5, 7]


def test_fingerprint_finds_every_agreement_of_the_promised_length() -> None:
    """A shared run of RUN + WINDOW - 1 tokens has a common fingerprint wherever it stands."""
    shared = " + ".join(f"g.a{n}" for n in range(RUN))
    one = f"x = 1 - 2 - 3 - {shared}"
    other = f"q.w(r.t, 5)\ny = {shared} * 7 * 8"
    assert fingerprint(one).keys() & fingerprint(other).keys()
    assert len(normalise(shared)[0].tokens) > RUN + WINDOW - 1


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_fingerprint_of_any_text_ends_without_an_error(text: str) -> None:
    """Whatever a student writes has fingerprints, whose lines are in the text."""
    count = text.count("\n") + 1
    for lines in fingerprint(text).values():
        assert all(1 <= line <= count for line in lines)
