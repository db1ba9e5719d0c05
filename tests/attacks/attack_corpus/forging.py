"""Group C: forging scores, through the process, the notebook's own metadata, or files."""
# ruff: noqa: E501 - code in strings stands as it would be handed in

from __future__ import annotations

import copy
from typing import Any

from attack_corpus.attack import RIGHT, attack

_WITHOUT_FIRST = 5.0
"""What softmax, fit and count are worth together."""

_TESTS = ("test-mean_rows", "test-softmax", "test-fit", "test-count")


def cells_by_id(notebook: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the cells that nbgrader knows."""
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in notebook["cells"]
        if "nbgrader" in cell["metadata"]
    }


def _tag(word: str):
    def mutate(notebook: dict[str, Any]) -> None:
        for name in _TESTS:
            cells_by_id(notebook)[name]["metadata"]["tags"] = [word]

    return mutate


def _set_source(text: str):
    def mutate(notebook: dict[str, Any]) -> None:
        for name in _TESTS:
            cells_by_id(notebook)[name]["source"] = text

    return mutate


def _fake_outputs(notebook: dict[str, Any]) -> None:
    for name in _TESTS:
        cell = cells_by_id(notebook)[name]
        cell["execution_count"] = 1
        cell["outputs"] = [
            {
                "output_type": "execute_result",
                "execution_count": 1,
                "metadata": {},
                "data": {"text/plain": "3.0"},
            }
        ]


def _delete_tests(notebook: dict[str, Any]) -> None:
    notebook["cells"] = [
        cell
        for cell in notebook["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id") not in _TESTS
    ]


def _to_markdown(notebook: dict[str, Any]) -> None:
    for name in _TESTS:
        cell = cells_by_id(notebook)[name]
        cell["cell_type"] = "markdown"
        cell.pop("outputs")
        cell.pop("execution_count")


def _rename_ids(notebook: dict[str, Any]) -> None:
    for name in _TESTS:
        cells_by_id(notebook)[name]["metadata"]["nbgrader"]["grade_id"] = name + "\u0000 or 1=1 --"


def _duplicate(notebook: dict[str, Any]) -> None:
    for name in _TESTS:
        double = copy.deepcopy(cells_by_id(notebook)[name])
        double["source"] = "3.0"
        notebook["cells"].insert(0, double)


def _claim_points(notebook: dict[str, Any]) -> None:
    for name in _TESTS:
        meta = cells_by_id(notebook)[name]["metadata"]["nbgrader"]
        meta.update(points=100, solution=True, grade=True, locked=False)


def _answers_as_tests(notebook: dict[str, Any]) -> None:
    for name in ("mean_rows", "softmax", "fit", "count"):
        cells_by_id(notebook)[name]["metadata"]["nbgrader"].update(grade=True, points=50)


def _change_kernel(notebook: dict[str, Any]) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "bash", "display_name": "Bash", "language": "bash"}
    notebook["metadata"]["language_info"] = {"name": "bash"}


def _claim_identity(notebook: dict[str, Any]) -> None:
    notebook["metadata"]["nbgrader"] = {"student_id": "../../honest", "score": 8, "manual_score": 8}
    notebook["metadata"]["student"] = "honest"


def _insert_cells(notebook: dict[str, Any]) -> None:
    extra = {"cell_type": "code", "metadata": {}, "source": "3.0", "outputs": [], "execution_count": None}
    cells = []
    for cell in notebook["cells"]:
        cells += [cell, {**extra, "id": f"extra-{len(cells)}"}]
    notebook["cells"] = cells


def _reorder(notebook: dict[str, Any]) -> None:
    notebook["cells"].reverse()


def _old_schema(notebook: dict[str, Any]) -> None:
    for name in _TESTS:
        cells_by_id(notebook)[name]["metadata"]["nbgrader"].update(schema_version=1, points="inf")


def _strange_metadata(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        cell["metadata"]["nbgrader"] = ["not", {"a": "mapping"}]


ATTACKS = (
    attack(
        "exit-in-test",
        "C",
        "37",
        "ends the process inside a test; the other answers are right",
        base=RIGHT,
        cells={"mean_rows": "import os\ndef mean_rows(x):\n    os._exit(0)"},
        deserved=_WITHOUT_FIRST,
        exact=True,
    ),
    attack(
        "system-exit-in-test",
        "C",
        "38",
        "raises SystemExit inside a test; the other answers are right",
        base=RIGHT,
        cells={"mean_rows": "import sys\ndef mean_rows(x):\n    sys.exit(0)"},
        deserved=_WITHOUT_FIRST,
        exact=True,
    ),
    attack(
        "exit-in-cell",
        "C",
        "37",
        "ends the process while its own cell runs",
        before="import os",
        after="os._exit(0)",
    ),
    attack(
        "kill-itself",
        "C",
        "37",
        "sends itself a signal inside a test; the other answers are right",
        base=RIGHT,
        cells={"mean_rows": "import os\ndef mean_rows(x):\n    os.kill(os.getpid(), 9)\n    os.abort()"},
        deserved=_WITHOUT_FIRST,
        exact=True,
    ),
    attack(
        "write-database",
        "C",
        "39",
        "gives itself points in the gradebook",
        before="""
            import os, sqlite3
            for up in range(7):
                path = "../" * up + "gradebook.db"
                try:
                    if os.path.exists(path):
                        base = sqlite3.connect(path)
                        base.execute("update grade set manual_score = 9")
                        base.commit()
                except sqlite3.Error as error:
                    print(error)
        """,
    ),
    attack(
        "database-trigger",
        "C",
        "40",
        "leaves a trigger in the gradebook that gives points later",
        before="""
            import os, sqlite3
            for up in range(7):
                path = "../" * up + "gradebook.db"
                try:
                    if os.path.exists(path):
                        base = sqlite3.connect(path)
                        base.execute(
                            "create trigger if not exists t after update on grade begin "
                            "update grade set manual_score = 9; end"
                        )
                        base.commit()
                except sqlite3.Error as error:
                    print(error)
        """,
    ),
    attack(
        "print-results",
        "C",
        "41",
        "prints and displays what a result might look like",
        cells={
            "fit": """
                import json, sys
                def fit(xs, ys):
                    print(json.dumps({"score": 8, "max_score": 8, "passed": True}))
                    print("8 passed in 0.01s", file=sys.stderr)
                    display({"text/plain": "2.0"}, raw=True)
                    return 0.0, 100.0
            """
        },
        after="3.0",
    ),
    attack(
        "overwrite-results-later",
        "C",
        "42",
        "leaves behind a process and exit handlers that write results",
        before="""
            import atexit, os, threading, time
            def forge():
                for folder in (".", "..", "/tmp", os.path.expanduser("~")):
                    for name in ("results.json", "grade.json", "result", "gradebook.db"):
                        try:
                            open(os.path.join(folder, name), "w").write('{"score": 8}')
                        except OSError:
                            pass
            atexit.register(forge)
            try:
                if os.fork() == 0:
                    time.sleep(1)
                    forge()
                    os._exit(0)
            except OSError:
                pass
            forge()
        """,
    ),
    attack(
        "pytest-plugins",
        "C",
        "44",
        "hands in conftest.py, sitecustomize.py and pytest.ini",
        files={
            "conftest.py": b"import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport():\n"
            b"    out = yield\n    out.get_result().outcome = 'passed'\n",
            "sitecustomize.py": b"import numpy\nnumpy.allclose = lambda *a, **k: True\n",
            "usercustomize.py": b"import numpy\nnumpy.allclose = lambda *a, **k: True\n",
            "pytest.ini": b"[pytest]\naddopts = -p forged\n",
        },
    ),
    attack(
        "result-pipe",
        "C",
        "45",
        "writes a success byte to every descriptor",
        cells={
            "count": """
                import os
                def count_params(n_in, n_out):
                    for fd in range(3, 64):
                        for message in (b"\\x01", b"True", b'{"ok": true}'):
                            try:
                                os.write(fd, message)
                            except OSError:
                                pass
                    return -1
            """
        },
    ),
    attack(
        "raw-bytes",
        "C",
        "46",
        "writes noise on the connection to the grader",
        cells={
            "count": """
                import os
                def count_params(n_in, n_out):
                    for fd in range(3, 64):
                        try:
                            os.write(fd, os.urandom(4096))
                        except OSError:
                            pass
                    return -1
            """
        },
    ),
    attack(
        "false-answers",
        "C",
        "47",
        "uses the grader's own codec to answer before it is asked",
        cells={
            "count": """
                import gc, socket, sys
                def count_params(n_in, n_out):
                    encoders = [t for t in gc.get_objects() if type(t).__name__ == "Encoder"]
                    channels = [t for t in gc.get_objects() if type(t).__name__ == "Channel"]
                    for channel in channels:
                        for encoder in encoders[:1]:
                            for number in range(1, 200):
                                try:
                                    for value in (16, 36, 110, True, 3.0):
                                        header, raw = encoder.encode((number, "ok", ("value", value)))
                                        channel.send(header, raw)
                                except Exception as error:
                                    print(error)
                                    return -1
                    return -1
            """
        },
    ),
    attack(
        "patch-codec",
        "C",
        "47",
        "makes the grader's encoder say that everything equals everything",
        before="""
            import gc, sys
            for thing in gc.get_objects():
                if type(thing).__name__ in ("Encoder", "Objects", "_Server", "StudentShell"):
                    for name in dir(type(thing)):
                        if not name.startswith("_") and callable(getattr(type(thing), name, None)):
                            try:
                                setattr(type(thing), name, lambda *args, **kwargs: True)
                            except (AttributeError, TypeError):
                                pass
        """,
    ),
    attack(
        "forge-errors",
        "C",
        "31",
        "raises what a test helper might take for a skip or a pass",
        cells={
            "fit": """
                import unittest
                def fit(xs, ys):
                    raise unittest.SkipTest("nothing to see")
            """,
            "mean_rows": """
                def mean_rows(x):
                    import pytest
                    pytest.skip("nothing to see", allow_module_level=True)
            """,
            "count": """
                def count_params(n_in, n_out):
                    raise StopIteration
            """,
        },
    ),
    attack("tag-skip", "C", "48", "tags the test cells skip-execution", mutate=_tag("skip-execution")),
    attack("tag-raises", "C", "49", "tags the test cells raises-exception", mutate=_tag("raises-exception")),
    attack("fake-outputs", "C", "50", "hands in full marks as saved outputs", mutate=_fake_outputs),
    attack("edit-tests", "C", "51", "replaces the test cells by a number", mutate=_set_source("3.0")),
    attack("delete-tests", "C", "52", "deletes the test cells", mutate=_delete_tests),
    attack("tests-as-text", "C", "53", "turns the test cells into text cells", mutate=_to_markdown),
    attack("rename-ids", "C", "54", "gives the test cells other grade ids", mutate=_rename_ids),
    attack("duplicate-ids", "C", "55", "hands in each test cell twice", mutate=_duplicate),
    attack("claim-points", "C", "56", "claims 100 points for each test cell", mutate=_claim_points),
    attack("answers-with-points", "C", "56", "marks answers as graded by hand", mutate=_answers_as_tests),
    attack("other-kernel", "C", "57", "names another kernel", mutate=_change_kernel),
    attack(
        "forged-timestamp",
        "C",
        "58",
        "hands in a time stamp of its own",
        files={"timestamp.txt": b"1970-01-01 00:00:00 UTC\n", "gradebook.db": b"SQLite format 3\0"},
    ),
    attack("other-student", "C", "59", "claims to be somebody else", mutate=_claim_identity),
    attack("cells-between", "C", "56", "puts cells with full marks between all others", mutate=_insert_cells),
    attack("reverse-order", "C", "51", "hands in the cells in reverse order", mutate=_reorder),
    attack(
        "old-schema", "C", "56", "marks the tests with an old schema and infinite points", mutate=_old_schema
    ),
    attack("strange-metadata", "C", "54", "metadata of the wrong type", mutate=_strange_metadata),
)
