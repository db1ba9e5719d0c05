"""How results look: golden HTML and text for every outcome. ``UPDATE_GOLDEN=1`` writes the files anew."""

import os
from html.parser import HTMLParser
from pathlib import Path

import pytest
from labkit.checks import CheckResult, Fact, Outcome, TestResult

GOLDEN = Path(__file__).parent / "golden"
MISSING = object()


def outcome(kind: Outcome, title: str = "`rnn` gives what `nn.RNN` gives.", **named) -> TestResult:
    fields = {"name": "test_it", "title": title, "outcome": kind, "points": 0.0, "max_points": 1.0}
    return TestResult(**{**fields, **named})


FAILED = outcome(
    Outcome.FAILED,
    facts=(
        Fact("called", "rnn(wt_h, wt_x, bias, h0, x)"),
        Fact("expected", "tensor of shape (2, 3), float32: [[1., 2., 3.], [4., 5., 6.]]"),
        Fact(
            "came back",
            "tensor of shape (2, 3), float32; 6 of 6 values differ, first at [0, 0]\nit is [[0., 0., 0.]]",
        ),
        Fact("read", "section 2.3"),
    ),
    cause="the bias was left out",
    output="x = 1 < 2\n",
    notes=("the input `x` was modified in place",),
)
CRASHED = outcome(
    Outcome.CRASHED,
    title="One step <b>works</b>.",
    facts=(
        Fact("called", 'rnn("<script>alert(1)</script>")'),
        Fact("it raised", "ValueError: <img src=x onerror=alert(1)> & `more"),
        Fact("where", 'line 3, in rnn: return x @ "</div>"'),
    ),
    output="</pre><script>alert(2)</script>",
)
RESULTS = {
    "passed": CheckResult("rnn", 2, 2, (outcome(Outcome.PASSED, points=2.0, max_points=2.0),)),
    "failed": CheckResult("rnn", 0, 1, (FAILED,)),
    "crashed": CheckResult('rnn"<x>', 0, 1, (CRASHED,)),
    "not-attempted": CheckResult(
        "rnn", 0, 3, (outcome(Outcome.NOT_ATTEMPTED, facts=(Fact("", "write `rnn` here"),)),), missing=2
    ),
    "timed-out": CheckResult(
        "rnn",
        0,
        1,
        (
            outcome(
                Outcome.TIMED_OUT,
                facts=(Fact("came back", "nothing within 2 seconds"),),
                cause="a loop without end",
            ),
        ),
    ),
    "skipped": CheckResult("rnn", 0, 1, (outcome(Outcome.SKIPPED, facts=(Fact("reason", "needs “A”"),)),)),
    "grader-error": CheckResult(
        "rnn",
        0,
        1,
        (outcome(Outcome.GRADER_ERROR, facts=(Fact("the test stopped with", "IndexError"),)),),
        needs_person=True,
    ),
    "partly": CheckResult(
        "lm",
        8,
        10,
        (
            outcome(
                Outcome.FAILED,
                "The loss is low.",
                points=8.0,
                max_points=10.0,
                facts=(Fact("came back", "1.9"),),
            ),
        ),
    ),
}


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text + "\n", (
        f"{name} differs; UPDATE_GOLDEN=1 accepts the new form"
    )


@pytest.mark.parametrize("name", RESULTS)
def test_render_html_of_each_outcome_is_as_agreed(name):
    """The HTML of each outcome equals its golden file."""
    compare(f"{name}.html", RESULTS[name].to_html())


@pytest.mark.parametrize("name", RESULTS)
def test_render_text_of_each_outcome_is_as_agreed(name):
    """The text of each outcome equals its golden file."""
    compare(f"{name}.txt", RESULTS[name].to_text())


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


@pytest.mark.parametrize("name", RESULTS)
def test_render_html_is_balanced_self_contained_and_says_the_outcome_in_words(name):
    """No script, no link, no class: only inline styles; the outcome stands there as a word."""
    reader = Reader()
    reader.feed(RESULTS[name].to_html())
    assert reader.open == []
    assert set(reader.tags) <= {
        "div",
        "span",
        "strong",
        "code",
        "dl",
        "dt",
        "dd",
        "details",
        "summary",
        "pre",
    }
    assert {key for key, _ in reader.attributes} <= {"style", "role", "aria-label", "aria-hidden"}
    word = "partly passed" if name == "partly" else str(RESULTS[name].tests[0].outcome)
    assert word in reader.words


def test_render_html_escapes_all_that_a_student_wrote():
    """Markup in messages, titles, output and ids is shown, not interpreted."""
    html = RESULTS["crashed"].to_html()
    assert "<script" not in html
    assert "<img" not in html
    reader = Reader()
    reader.feed(html)
    assert "<script>alert(1)</script>" in reader.words
    assert "</pre><script>alert(2)</script>" in reader.words


def test_render_cause_stands_before_where_to_read():
    """The order is: what came back, the likely cause, where to read."""
    html = RESULTS["failed"].to_html()
    text = RESULTS["failed"].to_text()
    for shown in (html, text):
        assert shown.index("it is [[0.") < shown.index("the bias was left out") < shown.index("section 2.3")


def test_result_in_ipython_is_shown_as_html_and_text():
    """IPython's own formatter takes both from the result."""
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(RESULTS["failed"])
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"] == RESULTS["failed"].to_text()


@pytest.mark.parametrize(("points", "score"), [(0.0, 0), (1.5, 1.5), (3.0, 3), (1 / 3, 0.333333)])
def test_result_while_grading_gives_nbgrader_its_points(points, score, monkeypatch):
    """nbgrader's own rule for partial credit reads the number of points from the result, also a zero."""
    from IPython.core.formatters import DisplayFormatter
    from labkit.checks.run import add_up
    from nbformat.v4 import new_code_cell, new_output
    from nbgrader.utils import determine_grade

    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    result = add_up("q", 3.0, (outcome(Outcome.FAILED, points=points, max_points=3.0),), 0)
    data, _ = DisplayFormatter().format(result)
    cell = new_code_cell(metadata={"nbgrader": {"grade": True, "solution": False, "points": 3}})
    cell.outputs = [new_output("execute_result", data=data, execution_count=1)]
    assert determine_grade(cell) == (score, 3)
