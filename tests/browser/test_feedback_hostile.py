"""Feedback pages in a real browser: nothing a student's program shows runs, loads, leads away or covers."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from labgrade.feedback import write_feedback
from labgrade.model import Finding, Outcome
from labgrade.pages import OutputRenderer, content_policy
from labgrade.report.place import find_class
from playwright.sync_api import Browser, BrowserContext, Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "feedback"))
from handmade_class import GradedClass, Student, make_class, outcome
from hostile_outputs import HOST, HTML, LATEX, MARKDOWN, RUN, TEXTS, URL, hostile_outputs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PER_CELL = 30
COVERED = """() => {
  const covered = [];
  const ours = ".summary, table.questions, .question > h2, .check .title";
  for (const element of document.querySelectorAll(ours)) {
    element.scrollIntoView({block: "center"});
    const box = element.getBoundingClientRect();
    for (const [x, y] of [[.02, .5], [.5, .5], [.98, .5], [.5, .1], [.5, .9]]) {
      const top = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
      const isOurs = top && (element.contains(top) || top.contains(element));
      if (!isOurs) covered.push(element.outerHTML.slice(0, 80));
    }
  }
  return covered;
}"""


@dataclass
class Watched:
    """A page: what it asked for, what of that its policy refused to send, and its dialogs."""

    page: Page
    requests: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def hostile_class(tmp_path_factory: pytest.TempPathFactory) -> GradedClass:
    """A class in which a student shows everything, everywhere."""
    outputs = hostile_outputs()
    names = ["double", "half", "plot", "#1", "#8"]
    students = {}
    for number in range(0, len(outputs), PER_CELL * len(names)):
        part = outputs[number : number + PER_CELL * len(names)]
        students[f"mallory{number}"] = Student(
            outputs={
                name: part[index * PER_CELL : (index + 1) * PER_CELL] for index, name in enumerate(names)
            }
        )
    everything = "\n".join([*HTML.values(), *TEXTS[:3]])
    for number, text in enumerate(["\n\n".join(MARKDOWN[:9]), "\n\n".join(LATEX[:9]), MARKDOWN[10]]):
        students[f"writer{number}"] = Student(
            answers={"why": text, "double": f"def double(x):\n    '''{text[:5000]}'''", "plot": text[:5000]},
            module=f"'''\n{text[:5000]}\n'''\n",
        )
    students["x' onclick='alert(1)"] = Student(
        tests=(
            outcome(
                "test_double_of_two", HTML["script"], Outcome.FAILED, message=everything, cause=everything
            ),
            outcome("test_b", everything[:3000], Outcome.CRASHED, message=f"expected: `{everything}`"),
        ),
        half=[{"output_type": "error", "ename": "E", "evalue": everything, "traceback": [everything]}],
        findings=[Finding("notebook-renamed", "", notebook=f"<img src=x onerror={RUN}>")],
        stamp="2026-11-18 10:00:00 UTC",
    )
    made = make_class(tmp_path_factory.mktemp("hostile"), students)
    with sqlite3.connect(made.folder / "gradebook.db") as book:
        book.execute(
            "UPDATE student SET first_name = ?, last_name = ?", (HTML["script"], HTML["closing tags"])
        )
        book.execute("UPDATE comment SET manual_comment = ?", ("\n\n".join(HTML.values()),))
    book.close()
    done = write_feedback(find_class(str(made.folder), None))
    assert done.troubles == []
    assert len(done.written) == len(students)
    return made


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One context for all pages; whatever is asked for is refused and written down."""
    made = browser.new_context(viewport={"width": 1000, "height": 900})
    yield made
    made.close()


def _open(context: BrowserContext, path: Path) -> Watched:
    page = context.new_page()
    watched = Watched(page)
    page.on("request", lambda request: watched.requests.append(request.url))
    page.on(
        "requestfailed",
        lambda request: watched.refused.append(request.url) if request.failure == "csp" else None,
    )
    page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(path.as_uri())
    page.wait_for_load_state("load")
    return watched


def _went_out(watched: Watched) -> list[str]:
    return [url for url in watched.requests if not url.startswith(("file:", "data:"))]


@pytest.mark.parametrize("policy", ["with its policy", "without its policy"])
def test_hostile_feedback_runs_nothing_loads_nothing_covers_nothing(
    hostile_class: GradedClass, context: BrowserContext, tmp_path: Path, policy: str
) -> None:
    """The sanitiser alone is enough: the same holds when the content policy is taken out of the page."""
    pages = sorted((hostile_class.folder / "feedback").glob("*.html"))
    assert len(pages) == 6
    for path in pages:
        text = path.read_text(encoding="utf-8")
        if policy == "without its policy":
            text, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
            assert count == 1
            path = tmp_path / f"{len(text)}.html"
            path.write_text(text, encoding="utf-8")
        watched = _open(context, path)
        page = watched.page
        for link in page.locator(".student a").all()[:40]:
            assert (link.get_attribute("href") or "https:").startswith(("https:", "http:", "mailto:"))
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("window.pwned") is None, path
        assert page.evaluate(COVERED) == [], path
        assert page.locator("script, iframe, object, embed, form, input, svg, base, link, video").count() == 0
        assert page.locator("meta[http-equiv]:not([http-equiv='Content-Security-Policy'])").count() == 0
        assert page.locator("style").count() == 3
        assert page.locator(".student [style], .student [id], .student [onerror]").count() == 0
        assert page.locator(".summary").count() == 1
        assert page.url == path.as_uri()
        assert _went_out(watched) == []
        assert watched.dialogs == []
        page.close()


def test_policy_alone_stops_what_a_sanitiser_would_let_through(
    context: BrowserContext, tmp_path: Path
) -> None:
    """Raw hostile HTML in a page with our policy runs no script and loads nothing."""
    style = "p { margin: 0 }"
    # A navigation is no load: the policy has no word on these two.
    raw = "\n".join(
        html
        for name, html in HTML.items()
        if "refresh" not in name and not name.startswith(("open ", "closing"))
    )
    path = tmp_path / "raw.html"
    policy = content_policy([style])
    path.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>raw</title><style>{style}</style><p id=ours>ours</p>{raw}",
        encoding="utf-8",
    )
    watched = _open(context, path)
    watched.page.wait_for_timeout(300)
    assert watched.page.evaluate("window.pwned") is None
    assert watched.page.evaluate("getComputedStyle(document.getElementById('ours')).marginTop") == "0px"
    assert watched.page.evaluate("getComputedStyle(document.getElementById('ours')).opacity") == "1"
    assert any(HOST in url for url in watched.refused)
    assert [url for url in _went_out(watched) if url not in watched.refused] == []
    watched.page.close()


def test_without_sanitiser_and_policy_the_same_outputs_do_harm(
    context: BrowserContext, tmp_path: Path
) -> None:
    """The attacks are real: in a bare page they run and ask for addresses outside."""
    path = tmp_path / "bare.html"
    path.write_text(
        "<!DOCTYPE html><meta charset=utf-8>"
        + "".join(HTML[name] for name in ("image that fails", "image from elsewhere", "script"))
    )
    watched = _open(context, path)
    assert watched.page.evaluate("window.pwned") >= 2
    assert f"{URL}.png" in watched.requests
    assert watched.refused == []
    watched.page.close()


def test_picture_of_a_plot_is_shown_and_its_description_is_there(
    context: BrowserContext, tmp_path: Path
) -> None:
    """A real PNG and a real SVG from matplotlib are drawn."""
    import base64
    import io

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [1, 0])
    png, svg = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png")
    figure.savefig(svg, format="svg")
    shown = OutputRenderer()
    html = "".join(
        shown.render({"output_type": "display_data", "data": data})
        for data in (
            {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": "<Figure size 200x100>"},
            {"image/svg+xml": svg.getvalue(), "text/plain": "a drawing"},
        )
    )
    path = tmp_path / "plots.html"
    path.write_text(
        f'<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="{content_policy([])}">{html}'
    )
    watched = _open(context, path)
    sizes = watched.page.evaluate("[...document.images].map(image => [image.naturalWidth, image.alt])")
    assert [alt for _, alt in sizes] == ["<Figure size 200x100>", "a drawing"]
    assert all(width > 100 for width, _ in sizes)
    watched.page.close()
