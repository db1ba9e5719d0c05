"""Group F: notebooks and folders that no editor writes."""
# ruff: noqa: E501 - code in strings stands as it would be handed in

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from attack_corpus.attack import FULL, RIGHT, attack
from attack_corpus.forging import cells_by_id

NOTEBOOK = "ps.ipynb"


def _bytes_of(text: str):
    return lambda notebook: text.encode()


def _truncated(notebook: dict[str, Any]) -> bytes:
    return json.dumps(notebook).encode()[:-400]


def _version_99(notebook: dict[str, Any]) -> None:
    notebook["nbformat"] = 99


def _with_bom(notebook: dict[str, Any]) -> bytes:
    return b"\xef\xbb\xbf" + json.dumps(notebook, indent=1).replace("\n", "\r\n").encode()


def _as_lists(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)


def _wrong_types(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["source"] = {"not": ["text", 1]}


def _huge(notebook: dict[str, Any]) -> None:
    flood = {"output_type": "stream", "name": "stdout", "text": "x" * (25 << 20)}
    cells_by_id(notebook)["mean_rows"]["outputs"] = [flood]


def _scripts(notebook: dict[str, Any]) -> None:
    notebook["cells"].insert(
        0,
        {
            "cell_type": "markdown",
            "id": "script",
            "metadata": {},
            "source": "<script>alert(1)</script><img src=x onerror=alert(1)>[x](javascript:alert(1))\x1b[2J\x1b]0;x\x07",
            "attachments": {"x.html": {"text/html": "<script>alert(1)</script>"}},
        },
    )


def _surrogates(notebook: dict[str, Any]) -> bytes:
    text = json.dumps(notebook)
    return text.replace('"def mean_rows', '"# \\ud800 \\u0000 \\u202e\\ndef mean_rows', 1).encode()


def _nan_constants(notebook: dict[str, Any]) -> bytes:
    text = json.dumps(notebook)
    return text.replace('"nbformat": 4', '"nbformat": 4, "points": NaN, "more": Infinity', 1).encode()


def _repeated_keys(notebook: dict[str, Any]) -> bytes:
    text = json.dumps(notebook)
    return text.replace('{"cells":', '{"cells": [], "nbformat": 3, "cells":', 1).encode()


def _symlink(target: str):
    def arrange(folder: Path) -> None:
        (folder / NOTEBOOK).unlink()
        (folder / NOTEBOOK).symlink_to(target)

    return arrange


def _hard_link(folder: Path) -> None:
    (folder / NOTEBOOK).unlink()
    os.link(folder.parent.parent / "honest" / "ps1" / NOTEBOOK, folder / NOTEBOOK)


def _fifo(folder: Path) -> None:
    (folder / NOTEBOOK).unlink()
    os.mkfifo(folder / NOTEBOOK)
    os.mkfifo(folder / "data.csv")


def _as_folder(folder: Path) -> None:
    (folder / NOTEBOOK).unlink()
    (folder / NOTEBOOK).mkdir()
    (folder / NOTEBOOK / "x").write_text("x")


def _linked_folder(folder: Path) -> None:
    (folder / "data").symlink_to("/etc")
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("../..")


def _twins(folder: Path) -> None:
    shutil.copy(folder / NOTEBOOK, folder / "PS.ipynb")
    shutil.copy(folder / NOTEBOOK, folder / "ps (1).ipynb")


def _strange_names(folder: Path) -> None:
    for name in ("a\nb", "-rf", "x" * 200, "\u202etxt.exe", "=cmd|' !A0", "CON", "a\\..\\b"):
        (folder / name).write_text("x")
    os.mkdir(folder / "deep")
    here = folder / "deep"
    for _ in range(40):
        here = here / "d"
        here.mkdir()


ATTACKS = (
    attack("truncated", "F", "108", "JSON that ends in the middle", mutate=_truncated, finding="notebook"),
    attack(
        "deep-json",
        "F",
        "109",
        "JSON nested two hundred thousand times",
        mutate=_bytes_of("[" * 200_000 + "]" * 200_000),
        finding="notebook",
    ),
    attack(
        "json-list",
        "F",
        "110",
        "a list, not a notebook",
        mutate=_bytes_of("[1, 2]"),
        finding="not-a-notebook",
    ),
    attack(
        "not-json",
        "F",
        "110",
        "a picture with another name",
        mutate=lambda notebook: b"\x89PNG\r\n\x1a\n\0",
        finding="notebook",
    ),
    attack("empty-file", "F", "110", "nothing at all", mutate=lambda notebook: b"", finding="notebook"),
    attack("version-99", "F", "110", "a format that does not exist", mutate=_version_99),
    attack(
        "shell-commands",
        "F",
        "111",
        "runs programs by magics",
        before="""
            !echo forged > ../result; id
            get_ipython().system("touch /tmp/pickled")
            get_ipython().run_cell_magic("bash", "", "touch /tmp/pickled")
            get_ipython().run_line_magic("sx", "id")
        """,
    ),
    attack(
        "script-outputs",
        "F",
        "114",
        "shows HTML, SVG and JavaScript that would run in a reader's page",
        base=RIGHT,
        before="""
            from IPython.display import HTML, SVG, Javascript, Markdown, display
            display(HTML("<script>document.title = 'forged'</script><img src=x onerror=alert(1)>"))
            display(Javascript("alert(1)"))
            display(Markdown("[x](javascript:alert(1))"))
            print("\\x1b]0;forged\\x07\\x1b[2J")
        """,
        mutate=_scripts,
        deserved=FULL,
        exact=True,
    ),
    attack(
        "update-display",
        "F",
        "113",
        "changes the output of earlier cells from inside a test",
        before="from IPython.display import display\nhandle = display('first', display_id='x')",
        cells={"count": "def count_params(n_in, n_out):\n    handle.update('3.0')\n    return -1"},
    ),
    attack(
        "byte-order-mark",
        "F",
        "130",
        "a mark at the start, and Windows line ends",
        base=RIGHT,
        mutate=_with_bom,
        deserved=FULL,
    ),
    attack(
        "sources-as-lists",
        "F",
        "130",
        "cell texts as lists of lines",
        base=RIGHT,
        mutate=_as_lists,
        deserved=FULL,
        exact=True,
    ),
    attack("wrong-types", "F", "130", "cell texts that are no text", mutate=_wrong_types),
    attack(
        "lone-surrogates",
        "F",
        "122",
        "text that is not valid Unicode",
        base=RIGHT,
        mutate=_surrogates,
        deserved=FULL,
    ),
    attack(
        "nan-in-json",
        "F",
        "122",
        "constants that JSON does not have",
        base=RIGHT,
        mutate=_nan_constants,
        deserved=FULL,
    ),
    attack(
        "repeated-keys", "F", "122", "the same key twice", base=RIGHT, mutate=_repeated_keys, deserved=FULL
    ),
    attack("huge-outputs", "F", "128", "saved outputs of 25 MB", base=RIGHT, mutate=_huge, deserved=FULL),
    attack(
        "link-to-other",
        "F",
        "124",
        "the notebook is a link to another student's",
        arrange=_symlink("../../honest/ps1/ps.ipynb"),
    ),
    attack(
        "link-to-host",
        "F",
        "125",
        "the notebook is a link to a file of the machine",
        arrange=_symlink("/etc/hostname"),
    ),
    attack(
        "hard-link",
        "F",
        "126",
        "the notebook is another student's under a second name: what a copy of it would get, and a note",
        arrange=_hard_link,
        deserved=FULL,
        finding="file-linked",
    ),
    attack("fifo", "F", "126", "the notebook is a pipe that nobody writes", arrange=_fifo),
    attack("notebook-is-folder", "F", "126", "the notebook is a folder", arrange=_as_folder),
    attack("linked-folders", "F", "125", "links that lead out of the submission", arrange=_linked_folder),
    attack("several-notebooks", "F", "127", "three notebooks with nearly the same name", arrange=_twins),
    attack(
        "strange-names", "F", "122", "file names with control characters and formulas", arrange=_strange_names
    ),
)
