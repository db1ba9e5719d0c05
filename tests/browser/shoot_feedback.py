"""Make the picture of a feedback page for the documents: docs/images/feedback-page.png.

    python tests/browser/shoot_feedback.py GRADED_DIR STUDENT

The one in the repository is of `grace` in the sample class of lab 02, graded by ``labs grade``. The picture
of a hand-graded answer comes from the test with formgrader (`LABS_SCREENSHOTS=1`).
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"


def shoot(graded: Path, student: str) -> None:
    """Open the page and write the picture."""
    executable = next(path for name in ("chromium", "google-chrome") if (path := shutil.which(name)))
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own sandbox needs an ordinary user
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        page = browser.new_page(viewport={"width": 1000, "height": 1000}, color_scheme="light")
        page.goto((graded / "feedback" / f"{student}.html").resolve().as_uri())
        page.screenshot(path=IMAGES / "feedback-page.png")
        browser.close()


if __name__ == "__main__":
    shoot(Path(sys.argv[1]), sys.argv[2])
