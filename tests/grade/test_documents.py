"""What the documents say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "autograder" / "labgrade"
OURS = ("cli", "executor", "prepare", "record", "report")
CODE = re.compile(
    r"(?:Finding|report|_look|_note|NotebookError|UsageError|MachineError)\(\s*\"([a-z][a-z0-9-]+)\"",
    re.DOTALL,
)


def _codes() -> set[str]:
    """Return all codes of findings and errors that the modules of grading can give."""
    paths = [*PACKAGE.glob("*.py"), *(path for name in OURS for path in (PACKAGE / name).rglob("*.py"))]
    found = {code for path in paths for code in CODE.findall(path.read_text(encoding="utf-8"))}
    gradebook = (PACKAGE / "record" / "faults.py").read_text(encoding="utf-8")
    return found | set(re.findall(r'"(gradebook-[a-z-]+|disk-[a-z]+)"', gradebook))


def test_every_code_is_documented() -> None:
    """A code that a person may meet stands in docs/grading.md."""
    text = (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z][a-z0-9-]+)`", text))
    codes = _codes()
    assert len(codes) > 40
    assert codes - documented == set()


def test_every_option_is_documented() -> None:
    """Each option of the configuration file stands in the table."""
    import msgspec
    from labgrade.config import Options

    text = (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")
    for field in msgspec.structs.fields(Options):
        if field.encode_name != "out":
            assert f"| `{field.encode_name}` |" in text


def test_trusted_modules_use_nothing_that_runs_data() -> None:
    """No pickle and its like, and no shell, in the modules of grading."""
    banned = (
        "import pickle",
        "import dill",
        "weights_only=False",
        "allow_pickle=True",
        "shell=True",
        "eval(",
        "marshal",
    )
    for path in (path for name in (".", *OURS) for path in (PACKAGE / name).glob("*.py")):
        text = path.read_text(encoding="utf-8").replace("literal_eval(", "")
        assert [word for word in banned if word in text] == [], path
