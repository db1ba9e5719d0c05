"""The class page in a real browser: table, keys, filters, paper, hostile text, and the cost of 2,000."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from labgrade.model import Finding, Outcome, Severity, TestOutcome
from labgrade.report import read_results, write_json
from labgrade.report.book import BookStudent
from labgrade.report.classpage import FeedbackLinks, render_class_page
from labgrade.report.classview import view_class
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)  # a machine that runs the whole suite is slow at times


def _load_made_class() -> ModuleType:
    path = ROOT / "tests" / "report" / "made_class.py"
    spec = importlib.util.spec_from_file_location("made_class_for_browser", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


made_class = _load_made_class()


def _write_page(folder: Path, count: int) -> Path:
    results = read_results(made_class.write_class(folder, count))
    view = view_class(results, made_class.make_book(count, absent=5))
    students = frozenset(one.student for one in view.standings[:count])
    page = folder / "report.html"
    text = render_class_page(view, feedback=FeedbackLinks("feedback/", students), written=WRITTEN)
    page.write_text(text, encoding="utf-8")
    return page


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of 300 students, five of whom have handed in nothing."""
    return _write_page(tmp_path_factory.mktemp("class-page"), 295)


@pytest.fixture(scope="session")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of 2,000 students."""
    return _write_page(tmp_path_factory.mktemp("large-page"), 1995)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a file; errors of its script and other requests fail the test."""
    opened: list[Page] = []
    troubles: list[str] = []

    def open_(path: Path, **options: Any) -> Page:
        page = browser.new_page(viewport=options.pop("viewport", {"width": 1280, "height": 900}), **options)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on(
            "request", lambda request: None if request.url == path.as_uri() else troubles.append(request.url)
        )
        page.goto(path.as_uri())
        opened.append(page)
        return page

    yield open_
    for page in opened:
        page.close()
    assert troubles == []


def _rows(page: Page) -> list[str]:
    return page.locator("#class-rows tr th").all_inner_texts()


def _column(page: Page, title: str) -> list[str]:
    titles = page.locator("#class-box thead th").all_inner_texts()
    place = next(number for number, text in enumerate(titles) if text.startswith(title))
    return page.locator(f"#class-rows tr > :nth-child({place + 1})").all_inner_texts()


def test_table_of_2000_keeps_only_rows_in_view(large_file: Path, open_page: Callable[..., Page]) -> None:
    """Opening, scrolling, sorting and searching draw a screenful of rows each, whatever the class's size."""
    page = open_page(large_file)
    box = page.locator("#class-box")
    made = int(str(box.get_attribute("data-made")))
    in_view = len(_rows(page))
    assert 20 <= in_view <= 60
    assert made <= 2 * in_view + 2
    assert page.evaluate("document.querySelectorAll('#class-app *').length") < 1500
    assert page.evaluate("document.querySelectorAll('*').length") < 10_000  # 2,000 rows alone would be 30,000
    assert page.locator("#class-box table").get_attribute("aria-rowcount") == "2001"

    def drawn(act: Callable[[], object]) -> int:
        before = int(str(box.get_attribute("data-made")))
        act()
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return int(str(box.get_attribute("data-made"))) - before

    assert 0 < drawn(lambda: box.evaluate("(one) => { one.scrollTop = one.scrollHeight / 2; }")) <= 80
    rows = page.locator("#class-rows tr")
    assert 900 < int(str(rows.first.get_attribute("aria-rowindex"))) < 1100
    assert rows.count() <= 60
    assert 0 < drawn(lambda: page.get_by_role("button", name="total").click()) <= 80
    assert 0 < drawn(lambda: page.get_by_label("Search").fill("s2612")) <= 80
    expect(page.locator("#class-count")).to_have_text("10 of 2,000 students")


def test_table_sorts_by_each_kind_of_column(page_file: Path, open_page: Callable[..., Page]) -> None:
    """Numbers go down first, then up; what is open stays last; the header says which way."""
    page = open_page(page_file)
    page.get_by_role("button", name="total").click()
    totals = [float(text) for text in _column(page, "total")]
    assert totals == sorted(totals, reverse=True)
    header = page.locator("#class-box thead th", has_text="total")
    assert header.get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="total").click()
    totals = [float(text) for text in _column(page, "total")]
    assert totals == sorted(totals)
    assert header.get_attribute("aria-sort") == "ascending"
    page.get_by_role("button", name="why").click()
    page.locator("#class-box").evaluate("(one) => { one.scrollTop = one.scrollHeight; }")
    page.wait_for_function("document.querySelector('#class-rows tr:last-child td.open') !== null")
    page.get_by_role("button", name="name").click()
    names = _column(page, "name")
    assert names == page.evaluate("(texts) => [...texts].sort(new Intl.Collator().compare)", names)


def test_table_filters_and_searches(page_file: Path, open_page: Callable[..., Page]) -> None:
    """Letters without their accents find a name; a filter and a search narrow each other."""
    page = open_page(page_file)
    page.get_by_label("Search").fill("zoe s26")
    names = _column(page, "name")
    assert names
    assert all("Zoë" in name for name in names)
    page.get_by_label("Search").fill("")
    page.get_by_label("Show").select_option("absent")
    expect(page.locator("#class-count")).to_have_text("5 of 300 students")
    assert set(_column(page, "notes")) == {"nothing handed in"}
    page.get_by_label("Show").select_option("q1:zero")
    assert set(_column(page, "gru /")) == {"0"}
    page.get_by_label("Search").fill("nobody of this name")
    expect(page.locator("#class-count")).to_have_text("0 of 300 students")


def test_table_is_used_with_keys_alone(page_file: Path, open_page: Callable[..., Page]) -> None:
    """Arrows, Page, Home and End move; Enter opens a student, Escape goes back to the same row."""
    page = open_page(page_file)
    page.get_by_label("Search").focus()
    focused = "document.activeElement.closest('tr')?.getAttribute('aria-rowindex')"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "class-show"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "class-box"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "2"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused) == "3"
    page.keyboard.press("PageDown")
    assert int(page.evaluate(focused)) > 12
    page.keyboard.press("End")
    assert page.evaluate(focused) == "301"
    box, row = page.locator("#class-box").bounding_box(), page.locator("tr.current").bounding_box()
    assert box is not None
    assert row is not None
    assert row["y"] + row["height"] <= box["y"] + box["height"] + 1, "the current row is in view"
    page.keyboard.press("Home")
    assert page.evaluate(focused) == "2"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("heading").first).to_contain_text("s26001")
    assert str(dialog.get_by_role("link").get_attribute("href")) == "feedback/s26001.html"
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    assert page.evaluate(focused) == "3"
    page.locator("#class-box thead button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#class-box thead th").first.get_attribute("aria-sort") == "descending"


def test_failures_lead_to_their_students(page_file: Path, open_page: Callable[..., Page]) -> None:
    """A group names its students with links to their feedback, and shows them in the table."""
    page = open_page(page_file)
    group = page.locator("details.failure", has_text="the bias was forgotten").first
    count = int(group.locator("summary b").inner_text().split()[0])
    group.locator("summary").click()
    assert group.locator("p.names a").count() == min(count, 40)
    assert str(group.locator("p.names a").first.get_attribute("href")).startswith("feedback/s2")
    group.get_by_role("button").click()
    expect(page.locator("#class-count")).to_have_text(f"{count} of 300 students")
    clear = page.locator("#class-clear")
    expect(clear).to_be_focused()
    assert "the bias was forgotten" in clear.inner_text()
    clear.click()
    expect(page.locator("#class-count")).to_have_text("300 students")


def test_page_without_script_still_reads(page_file: Path, open_page: Callable[..., Page]) -> None:
    """The whole table is there as plain rows, and no control that does nothing."""
    page = open_page(page_file, java_script_enabled=False)
    rows = page.locator("table.class-table tbody tr")
    assert rows.count() == 300
    expect(rows.first).to_contain_text("s26000")
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_label("Search")).to_be_hidden()


def test_page_on_paper_has_everything(
    page_file: Path, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    """Printing draws all rows and unfolds what is folded; afterwards all is as it was."""
    page = open_page(page_file)
    folded = page.locator("details:not([open])").count()
    page.evaluate("window.addEventListener('beforeprint', () => { window.opened ="
                  " document.querySelectorAll('details[open]').length; })")  # fmt: skip
    page.pdf(path=tmp_path / "report.pdf")
    assert page.locator("#class-box").get_attribute("data-printed") == "300"
    assert page.evaluate("window.opened") == page.locator("details").count()
    assert page.locator("details:not([open])").count() == folded
    assert len(_rows(page)) < 60


def test_page_fits_a_telephone(page_file: Path, open_page: Callable[..., Page]) -> None:
    """Nothing but the tables' own boxes is wider than a narrow screen."""
    page = open_page(page_file, viewport={"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="s26000").click()
    expect(page.get_by_role("dialog")).to_contain_text("Zhou")


def test_page_is_named_for_those_who_cannot_see_it(page_file: Path, open_page: Callable[..., Page]) -> None:
    """Controls have names, drawings have descriptions, headings follow each other, header cells a scope."""
    page = open_page(page_file)
    nameless = page.evaluate(
        """() => [
          ...[...document.querySelectorAll('input, select')].filter((one) => !one.labels.length),
          ...[...document.querySelectorAll('button')].filter((one) => !one.hidden && !one.textContent.trim()),
          ...[...document.querySelectorAll('svg')].filter(
            (one) => one.getAttribute('role') !== 'img' || !one.getAttribute('aria-label').trim()),
          ...[...document.querySelectorAll('th')].filter((one) => !one.hasAttribute('scope')),
          ...[...document.querySelectorAll('[role=region]')].filter((one) => one.tabIndex < 0),
        ].map((one) => one.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((one) => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_light_and_dark(
    page_file: Path, open_page: Callable[..., Page], scheme: str
) -> None:
    """Text of every kind has a contrast of at least 4.5 to 1 with what is behind it."""
    page = open_page(page_file, color_scheme=scheme)
    low = page.evaluate(
        """() => {
          const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
            .getContext('2d', { willReadFrequently: true });
          const paint = (colours) => {
            context.clearRect(0, 0, 1, 1);
            for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
            return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
          };
          const light = (rgb) => {
            const [r, g, b] = rgb.map((v) => v / 255)
              .map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b;
          };
          const low = [];
          const kinds = 'p, td, th, dt, dd, summary, code, a, button, .soft, .mark, .tag, .advice, label';
          for (const one of document.querySelectorAll(kinds)) {
            if (!one.checkVisibility()) continue;
            const behind = [];
            for (let at = one; at; at = at.parentElement) {
              behind.unshift(getComputedStyle(at).backgroundColor);
            }
            const a = light(paint(behind)), b = light(paint([...behind, getComputedStyle(one).color]));
            const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            const what = [one.tagName, one.className, one.textContent.slice(0, 30), ratio.toFixed(2)];
            if (ratio < 4.5) low.push(what);
          }
          return low;
        }"""
    )
    assert low == []
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (dark == "rgb(255, 255, 255)") == (scheme == "light")


HOSTILE = '</script><script>window.hacked=1</script><img src="https://evil.example/x" onerror="hacked=1">'


def test_hostile_text_is_shown_and_does_nothing(open_page: Callable[..., Page], tmp_path: Path) -> None:
    """Ids, names, messages and texts that students made are text: no element, no script, no request."""
    results = list(made_class.make_submissions(12))
    name = "<img src=x onerror=hacked=1>"
    test = TestOutcome("t", HOSTILE, Outcome.CRASHED, 0.0, 3.0, f"came back: {HOSTILE}", cause="")
    cell = replace(results[0].notebooks[0].cells[0], tests=(test,), score=0.0)
    finding = Finding(
        "cell-matched", HOSTILE, Severity.LOOK, "cells", "rnn", HOSTILE, "<style>*{display:none}</style>"
    )
    notebook = replace(
        results[0].notebooks[0], cells=(cell, *results[0].notebooks[0].cells[1:]), slowest_cell=HOSTILE
    )
    results[0] = replace(results[0], student=name, notebooks=(notebook,), findings=(finding,))
    write_json(tmp_path / "results.json", made_class.SPEC, results, about={"sandbox": HOSTILE})
    book = replace(made_class.make_book(12), students={name: BookStudent(name, HOSTILE, "L")})
    view = view_class(read_results(tmp_path), book)
    path = tmp_path / "report.html"
    links = FeedbackLinks("feedback/", frozenset({name}))
    path.write_text(render_class_page(view, feedback=links, written=WRITTEN), encoding="utf-8")

    page = open_page(path)
    page.get_by_role("button", name=name).first.click()
    expect(page.get_by_role("dialog")).to_contain_text("<script>window.hacked=1</script>")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, body style, body script:not(#class-data):not(:last-of-type)").count() == 0
    link = str(page.get_by_role("dialog").get_by_role("link").get_attribute("href"))
    assert link == "feedback/%3Cimg%20src%3Dx%20onerror%3Dhacked%3D1%3E.html"
    plain = open_page(path, java_script_enabled=False)
    assert plain.locator("img").count() == 0
    expect(plain.locator("table.class-table")).to_contain_text(name)


def test_policy_stops_what_an_escape_would_have_missed(page_file: Path, browser: Browser) -> None:
    """Even markup that is put into the page runs no script and loads nothing."""
    page = browser.new_page()
    served: list[str] = []
    page.route("https://**", lambda route: (served.append(route.request.url), route.fulfill(body="x")))
    page.goto(page_file.as_uri())
    stopped = page.evaluate(
        """() => {
          const stopped = [];
          const note = (event) => stopped.push(event.effectiveDirective);
          document.addEventListener('securitypolicyviolation', note);
          const script = document.createElement('script');
          script.textContent = 'window.hacked = 1';
          document.body.append(script);
          document.body.insertAdjacentHTML('beforeend',
            '<img src="https://evil.example/a.png" onerror="window.hacked = 2"><p style="color: red">x</p>');
          const kinds = ['script-src-elem', 'script-src-attr', 'img-src', 'style-src-attr'];
          return new Promise((done) => {
            const look = (left) => {
              if (!left || kinds.every((kind) => stopped.includes(kind))) done(stopped);
              else setTimeout(look, 50, left - 1);
            };
            look(200);
          });
        }"""
    )
    assert {"script-src-elem", "script-src-attr", "img-src", "style-src-attr"} <= set(stopped)
    assert page.evaluate("window.hacked") is None
    assert served == []
    page.close()


@pytest.mark.parametrize(("name", "scheme"), [("class-report", "light"), ("class-report-dark", "dark")])
def test_pictures_for_the_documents_can_be_made(
    page_file: Path, open_page: Callable[..., Page], name: str, scheme: str
) -> None:
    """The page can be shown as in docs/images; `LABS_SCREENSHOTS=1` keeps the pictures there."""
    page = open_page(page_file, color_scheme=scheme)
    if scheme == "dark":
        page.evaluate("document.getElementById('class').scrollIntoView()")
    picture = page.screenshot()
    assert 10_000 < len(picture) < 250_000
    if os.environ.get("LABS_SCREENSHOTS") == "1":
        folder = ROOT / "docs" / "images"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").write_bytes(picture)
