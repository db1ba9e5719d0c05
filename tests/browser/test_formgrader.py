"""An assistant grades a text answer in nbgrader's formgrader; points and comment are in the feedback."""

from __future__ import annotations

import csv
import os
import re
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "feedback"))
from handmade_class import make_lab, write_submission
from hostile_outputs import RUN

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

TIMEOUT_MS = 60_000
ONLY_FORMGRADER = {
    "nbgrader.server_extensions.formgrader": True,
    **dict.fromkeys(
        (
            *("jupyterlab", "notebook", "notebook_shim", "jupyter_lsp", "jupyterlab_jupytext"),
            *("jupyter_server_terminals", "nbgrader.server_extensions.course_list"),
            *("nbgrader.server_extensions.assignment_list", "nbgrader.server_extensions.validate_assignment"),
        ),
        False,
    ),
}
COMMENT = 'Right: *twice* is the word. What of `x < 0`? See "Doubling", page 3; compare, & tell me.'


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """Two submissions with a text answer, graded by the real command with the real engine."""
    from labs.cli import main

    lab = make_lab(tmp_path / "course")
    double = "def double(x):\n    return 2 * x"
    half = "def half(x):\n    return x / 2"
    right = {"double": double, "half": half, "why": "Twice **one** is two.", "plot": "print('a plot')"}
    write_submission(tmp_path / "in" / "ada", lab, right)
    # One who would give points to himself in the browser of whoever opens his work.
    hostile = {
        "half": "def half(x):\n    return x // 2",
        "why": f'<img src=x onerror="{RUN}"> **one**',
        "plot": f"from IPython.display import HTML, Javascript\ndisplay(HTML('<script>{RUN}</script>'))\n"
        f"display(Javascript('{RUN}'))",
    }
    write_submission(tmp_path / "in" / "blaise", lab, right | hostile)
    out = tmp_path / "graded"
    source = tmp_path / "course" / "source" / "doubling"
    command = ["grade", str(tmp_path / "in"), "--lab", str(source), "--out", str(out), "--jobs", "1"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture
def formgrader(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Start a Jupyter server with the formgrader alone in a folder; it is stopped when the test ends."""
    running: list[subprocess.Popen[bytes]] = []

    def start(folder: Path) -> str:
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        home = tmp_path / "home"
        environment = {
            **os.environ,
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "IPYTHONDIR": str(home / "ipython"),
            # nbgrader calls alembic
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        command = [
            *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}"),
            *("--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.port_retries=0"),
            f"--ServerApp.jpserver_extensions={ONLY_FORMGRADER}",
        ]
        log = tmp_path / "server.log"
        with log.open("wb") as file:
            running.append(
                subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT)
            )
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline and running[-1].poll() is None:
            try:
                with urllib.request.urlopen(f"{url}/api/status", timeout=5):
                    return url
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.2)
        raise AssertionError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")

    yield start
    for process in running:
        process.terminate()
        process.wait(timeout=20)


def _open(browser: Browser, url: str) -> Page:
    page = browser.new_page()
    # Nothing outside this machine is asked: formulas stay as they were typed.
    page.route(lambda address: not address.startswith(url), lambda route: route.abort())
    return page


def _submission_of(graded: Path, student: str) -> str:
    """Return the id under which the gradebook keeps the submission; formgrader shows no names at first."""
    query = (
        "SELECT one.id FROM submitted_notebook one JOIN submitted_assignment owner "
        "ON one.assignment_id = owner.id WHERE owner.student_id = ?"
    )
    with closing(sqlite3.connect(graded / "gradebook.db")) as book:
        return str(book.execute(query, (student,)).fetchone()[0])


def _give(page: Page, url: str, submission: str, points: str, comment: str) -> None:
    """Open a submission from the list, and type points and a comment for the answer, points for the plot."""
    page.goto(f"{url}/formgrader/gradebook/doubling/work")
    expect(page.locator("table tbody tr")).to_have_count(2, timeout=TIMEOUT_MS)
    page.locator(f"table a[href*='{submission}']").first.click()
    expect(page.locator("#why")).to_be_visible(timeout=TIMEOUT_MS)
    # Formgrader fills a field from the gradebook, and only then hears what is typed into it.
    expect(page.locator("#why")).to_have_class(re.compile("needs_manual_grade"), timeout=TIMEOUT_MS)
    expect(page.locator("#why-comment")).to_have_attribute("placeholder", re.compile("."), timeout=TIMEOUT_MS)
    expect(page.locator("#plot")).to_have_class(re.compile("needs_manual_grade"), timeout=TIMEOUT_MS)
    _type(page, "#why", points, "/api/grade/")
    _type(page, "#why-comment", comment, "/api/comment/")
    _type(page, "#plot", "2", "/api/grade/")


def _type(page: Page, field: str, text: str, saved_at: str) -> None:
    """Fill a field and leave it, and wait until it is saved."""
    with page.expect_response(
        lambda answer: saved_at in answer.url and answer.request.method == "PUT", timeout=TIMEOUT_MS
    ):
        page.fill(field, text)
        page.keyboard.press("Tab")


def _plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_points_and_comment_from_formgrader_are_in_feedback_and_export(
    graded: Path, formgrader: Callable[[Path], str], browser: Browser
) -> None:
    """Before: a person will grade it. After: points, the comment as text, the new total; also in the CSV.

    A script in another student's work does not run in the assistant's browser.
    """
    from labs.cli import main

    def feedback(student: str) -> str:
        done = CliRunner().invoke(main, ["feedback", str(graded)])
        assert done.exit_code == 0, done.output
        return _plain((graded / "feedback" / f"{student}.html").read_text(encoding="utf-8"))

    before = feedback("ada")
    assert "6 of 11 points so far; up to 5 more are given by a person" in before
    assert before.count("A person will grade this answer.") >= 2

    url = formgrader(graded)
    page = _open(browser, url)
    page.goto(f"{url}/formgrader/submissions/{_submission_of(graded, 'blaise')}/")
    expect(page.locator("#why")).to_be_visible(timeout=TIMEOUT_MS)
    expect(page.locator("strong", has_text="one").first).to_be_visible(timeout=TIMEOUT_MS)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.pwned") is None
    _give(page, url, _submission_of(graded, "ada"), "2.5", COMMENT)
    page.close()

    after = feedback("ada")
    assert "10.5 of 11 points" in after
    assert "so far" not in after
    assert "2.5 / 3" in after
    assert "A person gave these points." in after
    assert "Right: twice is the word. What of x &lt; 0 ?" in after
    keep_picture(browser, graded / "feedback" / "ada.html")
    assert "2.5 / 3" not in feedback("blaise")

    exported = graded / "export"
    command = ["export", str(graded), "--to", "csv", "--open", "blank", "--out", str(exported)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1, done.output  # blaise still waits for a person
    with next(exported.glob("*.csv")).open(encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert float(rows["ada"]["why"]) == 2.5
    assert float(rows["ada"]["total"]) == 10.5
    assert rows["blaise"]["total"] == ""


def keep_picture(browser: Browser, path: Path) -> None:
    """Keep a picture of the graded answer for the documents when asked to (`LABS_SCREENSHOTS=1`)."""
    if os.environ.get("LABS_SCREENSHOTS") == "1":
        page = browser.new_page(viewport={"width": 800, "height": 600})
        page.goto(path.as_uri())
        images = Path(__file__).resolve().parents[2] / "docs" / "images"
        part = page.locator("section.question", has=page.locator(".comment"))
        part.first.screenshot(path=images / "feedback-answer.png")
        page.close()
