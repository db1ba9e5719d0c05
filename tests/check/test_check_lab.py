"""`labs check` on whole labs: a sound one, and ones with planted faults."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from labbuild.check.soundness import check_lab
from labbuild.cli.check import check

MakeLab = Callable[[], Any]


def test_sound_lab_is_found_sound(make_lab: MakeLab) -> None:
    """Solution full, stub zero, mutants killed, alternatives accepted, no leak: so says the JSON, exit 0."""
    lab = make_lab()
    done = CliRunner().invoke(check, [str(lab.path), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)["labs"][0]
    assert report["sound"] is True
    assert report["leaks"] == 0
    assert report["findings"] == []
    rows = {row["id"]: row for row in report["questions"]}
    assert {name: (row["solution"], row["stub"]) for name, row in rows.items()} == {
        "average": (2.0, 0.0),
        "half-life": (1.0, 0.0),
        "why": (None, None),
    }
    assert (rows["average"]["mutants_killed"], rows["average"]["mutants"]) == (2, 2)
    assert (rows["average"]["alternatives_accepted"], rows["average"]["alternatives"]) == (2, 2)
    assert (rows["half-life"]["mutants_killed"], rows["half-life"]["alternatives_accepted"]) == (1, 1)


def test_lab_with_faults_in_points_names_each(make_lab: MakeLab) -> None:
    """A vacuous test, a surviving mutant, a message that names nothing, a refused alternative and more."""
    lab = make_lab()
    cells = "cells.md"
    # The solution of half-life does not get full points.
    lab.replace(
        cells, "return np.log(0.5) / np.log(keep)", "return np.log(0.5) / np.log(keep) + (keep > 0.7)"
    )
    # A test of average that never looks at the answer.
    lab.replace(
        cells, "#!TAG HIDDENBEGIN\ndef", 'def test_shape():\n    """S."""\n\n\n#!TAG HIDDENBEGIN\ndef'
    )
    entry = '[[{kind}]]\nquestion = "average"\nname = "{name}"\nreplace = "{old}"\nwith = "{new}"\n{says}'
    entries = [
        {
            "kind": "mutant",
            "name": "same values",
            "old": "value in values",
            "new": "value in list(values)",
            "says": "",
        },
        {
            "kind": "mutant",
            "name": "unnamed",
            "old": "(1 - keep) * value",
            "new": "value",
            "says": 'says = "factor"\n',
        },
        {
            "kind": "alternative",
            "name": "rounded",
            "old": "np.array(averages)",
            "new": "np.round(averages)",
            "says": "",
        },
        {"kind": "mutant", "name": "twice", "old": "average", "new": "x", "says": ""},
        {"kind": "mutant", "name": "never", "old": "torch", "new": "x", "says": ""},
        {"kind": "mutant", "name": "blanks", "old": "0.0, []", "new": "0.0,  []", "says": ""},
        {"kind": "mutant", "name": "broken", "old": "0.0, []", "new": "0.0, [", "says": ""},
    ]
    for item in entries:
        lab.append("variants.toml", "\n" + entry.format(**item))
    report = check_lab(lab.path)
    found = {(finding.code, finding.path.name, finding.line) for finding in report.blockers}

    def line(text: str) -> int:
        return int(lab.line("variants.toml", f'"{text}"')) - 2

    test_line = lab.line(cells, "#!TAG TEST average") - 1
    half_line = lab.line(cells, "#!TAG TEST half-life") - 1
    assert {(code, name) for code, name, _ in found} >= {("LC201", cells), ("LC202", cells)}
    assert {at for code, _, at in found if code == "LC202"} <= {test_line, test_line + 1}
    assert {at for code, _, at in found if code == "LC201"} <= {half_line, half_line + 1}
    assert {(code, at) for code, name, at in found if name == "variants.toml"} == {
        ("LC203", line("same values")),
        ("LC204", line("unnamed")),
        ("LC205", line("rounded")),
        ("LC103", line("twice")),
        ("LC103", line("never")),
        ("LC104", line("blanks")),
        ("LC105", line("broken")),
    }
    vacuous = next(finding for finding in report.blockers if finding.code == "LC202")
    assert "test_shape" in vacuous.message
    rows = {row.id: row for row in report.questions}
    assert rows["average"].stub == pytest.approx(2 / 3, abs=1e-5)
    assert rows["half-life"].solution == 0.0
    assert rows["half-life"].variants == ()


def test_lab_that_leaks_and_does_not_run_names_each_place(make_lab: MakeLab) -> None:
    """Lines of answers in text, modules, files and outputs; cells that fail; links that lead nowhere."""
    lab = make_lab()
    cells = "cells.md"
    lab.append(
        cells,
        """
See `average = keep * average + (1 - keep) * value`, [a page](missing.html), [the top](#Averages) and
![](figures/no.svg).

```python
print(open("notes.txt").read())
```

```python
moving_average([1.0], 0.5)[0]
```

```python
undefined_name
```

## More

```python
#!TAG TEST half-life points=1
#!TAG HIDDENBEGIN
def test_more():
    assert half_life(0.5) == 1.0
#!TAG HIDDENEND
```
""",
    )
    lab.replace(cells, "import numpy as np", "import helper\nimport numpy as np")
    answer_lines = [
        "average, averages = 0.0, []",
        "for value in values:",
        "    average = keep * average + (1 - keep) * value",
        "    averages.append(average)",
    ]
    lab.write("helper.py", "\n    ".join(["def again(keep, values):", *answer_lines]) + "\n")
    lab.write("notes.txt", "average = keep * average + (1 - keep) * value\naverages.append(average)\n")
    lab.write("old/averages.py~", "x")
    lab.replace("lab.toml", 'notebooks = ["cells"]', 'notebooks = ["cells"]\nfiles = ["notes.txt", "old/*"]')
    report = check_lab(lab.path)
    found = {(finding.code, finding.path.name, finding.line) for finding in report.findings}
    codes = {code for code, _, _ in found}
    answer = lab.line("averages.py", "average = keep * average")
    assert ("LC301", "averages.py", answer) in found
    assert any(code == "LC305" and name == "averages.py" for code, name, _ in found)
    assert any(code == "LC302" and name == "averages.py" for code, name, _ in found)
    assert ("LC306", "averages.py~", 0) in found
    assert ("LC502", cells, lab.line(cells, "missing.html")) in found
    assert ("LC503", cells, lab.line(cells, "no.svg")) in found
    assert {at for code, _, at in found if code == "LC401"} == {
        lab.line(cells, "moving_average([1.0]"),
        lab.line(cells, "undefined_name"),
    }
    assert ("LC402", cells, lab.line(cells, "undefined_name")) in found
    assert "LC206" in codes
    places = " ".join(finding.message for finding in report.findings if finding.code.startswith("LC3"))
    for place in ("helper.py", "notes.txt", "when run", "averages.py~"):
        assert place in places
    assert {row.id: row.leaks > 0 for row in report.questions} == {
        "average": True,
        "half-life": False,
        "why": False,
    }


def test_lab_that_does_not_build_is_not_run(make_lab: MakeLab) -> None:
    """Errors of the source are shown as they are, and the exit code is 1."""
    lab = make_lab()
    lab.replace("averages.py", "    #!TAG HWEND\n", "")
    done = CliRunner().invoke(check, [str(lab.path)], catch_exceptions=False)
    assert done.exit_code == 1
    assert "LC001 LB302" in done.output
    assert "averages.py" in done.output


def test_path_that_is_not_there_is_wrong_usage() -> None:
    """A path that does not exist gives exit code 2 and its name."""
    done = CliRunner().invoke(check, ["no-such-lab"])
    assert done.exit_code == 2
    assert "no-such-lab" in done.output


def test_notebook_in_another_language_is_read_and_not_run(tmp_path: Path) -> None:
    """Its text and links are looked at, and a note says that it was not run."""
    kernel = "    display_name: R\n    language: R\n    name: ir\n"
    text = f"---\njupyter:\n  kernelspec:\n{kernel}---\n\n# In R\n\n[x](gone.html)\n\n```R\nx <- 1\n```\n"
    (tmp_path / "lab.md").write_text(text, encoding="utf-8")
    codes = {finding.code for finding in check_lab(tmp_path / "lab.md").findings}
    assert {"LC404", "LC502"} <= codes
    assert not codes & {"LC401", "LC402", "LC403"}


def test_missing_package_is_the_environment(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3 and the command that installs it, never a traceback."""
    monkeypatch.setitem(sys.modules, "nbformat", None)
    done = CliRunner().invoke(check, [str(make_lab().path)], catch_exceptions=False)
    assert done.exit_code == 3
    assert "needs the package 'nbformat'" in done.output
    assert "seqlabs[build]" in done.output
