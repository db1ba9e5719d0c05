"""A check's result as HTML for notebooks: self-contained, light and dark, readable without colour."""

from __future__ import annotations

from html import escape

from labkit.checks.model import CheckResult, Fact, TestResult
from labkit.checks.text import GRADER_FAULT, facts_of, is_revealed, label_of, summary_of

__all__ = ["render_html"]

# Inline, because notebook front ends and sanitisers drop <style>. Colours are those that the page has already
# (inherited, or half transparent), so that light and dark themes both work; the stripe only adds to the word.
_BOX = (
    "border:1px solid rgba(128,128,128,.45);border-radius:6px;margin:.4em 0;max-width:60em;"
    "font-family:system-ui,sans-serif;font-size:14px;line-height:1.45;color:inherit;background:transparent"
)
_HEAD = "padding:.45em .8em;border-bottom:1px solid rgba(128,128,128,.3)"
_ROW = "padding:.45em .8em .45em .65em;border-left:4px solid {stripe}"
_FACTS = "display:grid;grid-template-columns:max-content 1fr;gap:.15em .9em;margin:.3em 0 .1em 1.6em"
_TERM = "opacity:.75;font-weight:normal;margin:0;white-space:nowrap;width:auto;float:none"
_VALUE = "margin:0;white-space:pre-wrap;overflow-wrap:anywhere"
_CODE = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.92em"
_PRINTED = (
    "margin:.2em 0 0 1.6em;padding:.4em .6em;background:rgba(128,128,128,.12);color:inherit;"
    "white-space:pre-wrap;overflow-wrap:anywhere;max-height:16em;overflow:auto;" + _CODE
)
# Okabe and Ito's colours, which remain apart for all common kinds of colour blindness.
_STRIPES = {
    "passed": "#009E73",
    "partly passed": "#E69F00",
    "failed": "#D55E00",
    "crashed": "#CC79A7",
    "timed out": "#CC79A7",
    "not attempted": "#56B4E9",
    "skipped": "rgba(128,128,128,.5)",
    "grader error": "#F0E442",
}
_AS_CODE = frozenset({"called", "where", "it was at", "the test evaluated", "at"})


def render_html(result: CheckResult) -> str:
    """Return self-contained HTML; everything that a student or a test wrote is escaped."""
    rows = "".join(_row(test) for test in result.tests)
    fault = ""
    if result.needs_person:
        fault = f'<div style="{_ROW.format(stripe=_STRIPES["grader error"])}">{GRADER_FAULT}</div>'
    return (
        f'<div role="group" aria-label="{escape(f"Check of {result.question}")}" style="{_BOX}">'
        f'<div style="{_HEAD}"><strong>{escape(result.question)}</strong> · '
        f"{escape(summary_of(result))}</div>"
        f"{rows}{fault}</div>"
    )


def _row(test: TestResult) -> str:
    sign, word = label_of(test)
    head = f'<span aria-hidden="true">{sign}</span> <strong>{escape(word)}</strong> · {_inline(test.title)}'
    body = _details(test) if is_revealed(test) else ""
    return f'<div style="{_ROW.format(stripe=_STRIPES[word])}"><div>{head}</div>{body}</div>'


def _details(test: TestResult) -> str:
    facts = facts_of(test)
    html = ""
    if facts:
        html = f'<dl style="{_FACTS}">{"".join(_fact(fact) for fact in facts)}</dl>'
    if test.output and not test.passed:
        html += (
            '<details style="margin:.2em 0 .1em 1.6em"><summary>what it printed</summary>'
            f'<pre style="{_PRINTED}">{escape(test.output)}</pre></details>'
        )
    return html


def _fact(fact: Fact) -> str:
    if not fact.label:
        return f'<dd style="grid-column:1/-1;{_VALUE}">{_inline(fact.text)}</dd>'
    text = (
        f'<code style="{_CODE}">{escape(fact.text)}</code>' if fact.label in _AS_CODE else _inline(fact.text)
    )
    return f'<dt style="{_TERM}">{escape(fact.label)}</dt><dd style="{_VALUE}">{text}</dd>'


def _inline(text: str) -> str:
    """Escape text; what stands between backticks is shown as code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a backtick without its partner is just a character
        return escape(text)
    return "".join(
        f'<code style="{_CODE}">{escape(piece)}</code>' if index % 2 else escape(piece)
        for index, piece in enumerate(pieces)
    )
