"""A student opens a built notebook in JupyterLab, fails a check, mends the answer and passes."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_MS = 60_000

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


COURSE = """
[colab]
notebook_url = "https://colab.research.google.com/github/example/course/blob/main/{lab}/{notebook}.ipynb"
release_url = "https://example.org/course/{lab}.zip"
"""


@pytest.fixture
def student_folder(tmp_path: Path) -> Path:
    """The student version of lab 01 in a course with a Colab address, built by the real command."""
    from click.testing import CliRunner
    from labs.cli import main

    course = tmp_path / "course"
    shutil.copytree(ROOT / "exercises" / "01-tensors", course / "01-tensors")
    (course / "course.toml").write_text(COURSE, encoding="utf-8")
    result = CliRunner().invoke(main, ["build", str(course / "01-tensors"), "--out", str(tmp_path / "build")])
    assert result.exit_code == 0, result.output
    return tmp_path / "build" / "student" / "01-tensors"


def cell_with(page: Page, text: str) -> Locator:
    """Return the code cell whose source contains a text."""
    return page.locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first


def run_cell(page: Page, cell: Locator) -> None:
    """Run a cell the way a student does, and wait until its prompt shows a number."""
    prompt = cell.locator(".jp-InputPrompt")
    # JupyterLab drops the keys while it is still connecting to the kernel: a person would press them again.
    for _ in range(12):
        cell.locator(".cm-content").first.click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(500)
        if prompt.inner_text().strip() != "[ ]:":
            break
        page.wait_for_timeout(4500)
    expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=TIMEOUT_MS)


def type_over(page: Page, cell: Locator, text: str) -> None:
    """Replace a cell's text by typing."""
    cell.locator(".cm-content").first.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def test_student_path_through_a_lab_from_a_failed_check_to_the_file_to_hand_in(
    student_folder: Path, jupyterlab: Callable[[Path], object], browser: Browser
) -> None:
    """A hint unfolds; a wrong answer fails and says why; the right one passes; the work is handed in."""
    lab = jupyterlab(student_folder)
    page = browser.new_page(viewport={"width": 1200, "height": 1400})
    # Nothing outside this machine is asked: the badge shows its description instead of its picture.
    page.route(lambda url: not url.startswith(lab.url), lambda route: route.abort())  # type: ignore[attr-defined]
    page.goto(f"{lab.url}/lab/tree/tensors.ipynb")  # type: ignore[attr-defined]
    expect(page.locator(".jp-Notebook")).to_be_visible(timeout=TIMEOUT_MS)
    # JupyterLab draws cells as they come into view; the whole notebook is drawn once it has been idle.
    expect(page.get_by_role("heading", name="Tensors, embeddings and attention by hand")).to_be_visible(
        timeout=TIMEOUT_MS
    )
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first).to_be_attached(
        timeout=TIMEOUT_MS
    )

    badge = page.locator("a[href*='colab.research.google.com']").first
    expect(badge).to_be_visible(timeout=TIMEOUT_MS)
    assert str(badge.get_attribute("href")).endswith("/01-tensors/tensors.ipynb")

    imports = cell_with(page, "from labkit import check, expect")
    run_cell(page, imports)

    hint = page.locator("details", has_text="Compare the two shapes").first
    hint.scroll_into_view_if_needed()
    hint.locator("summary").click()
    expect(hint.get_by_text("Compare the two shapes")).to_be_visible()

    answer = cell_with(page, "def rearrange(x)")
    check_cell = cell_with(page, "def test_squeeze_write_shape_is_right")
    type_over(page, answer, "def rearrange(x):\n    return x.squeeze(1).unsqueeze(0)\n")
    run_cell(page, answer)
    run_cell(page, check_cell)
    output = check_cell.locator(".jp-OutputArea")
    expect(output).to_contain_text("failed", timeout=TIMEOUT_MS)
    expect(output).to_contain_text("(1, 3, 4, 1, 1)")
    expect(output).to_contain_text("(1, 3, 4, 1)")
    check_cell.scroll_into_view_if_needed()
    save_screenshot(page, "student-check-fails")

    type_over(page, answer, "def rearrange(x):\n    return x.squeeze(1).unsqueeze(0).unsqueeze(-1)\n")
    run_cell(page, answer)
    run_cell(page, check_cell)
    expect(check_cell.locator(".jp-OutputArea")).to_contain_text("1 of 1 test passed", timeout=TIMEOUT_MS)
    expect(check_cell.locator(".jp-OutputArea")).not_to_contain_text("failed")
    check_cell.scroll_into_view_if_needed()
    save_screenshot(page, "student-check-passes")

    hand_in = cell_with(page, "hand_in()")
    page.keyboard.press("Control+s")
    run_cell(page, hand_in)
    receipt = hand_in.locator(".jp-OutputArea")
    expect(receipt).to_contain_text("the list of members is not filled in", timeout=TIMEOUT_MS)
    assert not (student_folder / "01-tensors-submission.zip").exists()
    type_over(page, cell_with(page, "members = ["), 'members = [{"name": "Ada Lovelace", "id": "s1815"}]')
    page.keyboard.press("Control+s")
    expect(page.get_by_role("tab", name="tensors.ipynb")).not_to_have_class(
        re.compile("jp-mod-dirty"), timeout=TIMEOUT_MS
    )
    run_cell(page, hand_in)
    expect(receipt).to_contain_text("Receipt: 01-tensors-submission.zip", timeout=TIMEOUT_MS)
    hand_in.scroll_into_view_if_needed()
    save_screenshot(page, "student-hands-in")
    page.close()
    with zipfile.ZipFile(student_folder / "01-tensors-submission.zip") as bundle:
        assert "s1815" in bundle.read("tensors.ipynb").decode()


def save_screenshot(page: Page, name: str) -> None:
    """Keep a picture under docs/images when asked to (`LABS_SCREENSHOTS=1`)."""
    if os.environ.get("LABS_SCREENSHOTS") == "1":
        folder = ROOT / "docs" / "images"
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png")
