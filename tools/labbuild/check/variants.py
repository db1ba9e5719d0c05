"""Read ``variants.toml``: wrong answers that must lose points, other right answers that must keep them."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from labbuild.check.findings import Finding

__all__ = ["VARIANTS_FILE", "CheckSettings", "Kind", "Variant", "VariantsFile", "read_variants"]

VARIANTS_FILE = "variants.toml"
Kind = Literal["mutant", "alternative"]
_KINDS: tuple[Kind, ...] = ("mutant", "alternative")
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*(mutant|alternative)[ \t]*\]\]", re.MULTILINE)
_SETTINGS = ("leak_tokens", "allow", "cell_timeout_s", "notebook_timeout_s")
_KEYS = ("question", "name", "replace", "with", "edits", "code", "cell", "file", "says")


@dataclass(frozen=True, slots=True)
class Variant:
    """A named edit of the solution of one question.

    Args:
        kind: ``mutant`` must lose points, ``alternative`` must keep them all.
        question: id of the question.
        name: what is wrong in it, or what is different; unique for the question and kind.
        line: 1-based line of its entry in ``variants.toml``.
        edits: (old, new) pairs, each old text standing exactly once in the answer; or empty.
        code: text that replaces the region of the answer; None otherwise.
        cell: text that replaces the whole cell in which the answer stands; None otherwise.
        file: where the answer stands, needed for ``code`` when it stands in several files; "" otherwise.
        says: text that the message of a failing test must contain, "" for any. Mutants only.

    """

    kind: Kind
    question: str
    name: str
    line: int
    edits: tuple[tuple[str, str], ...] = ()
    code: str | None = None
    cell: str | None = None
    file: str = ""
    says: str = ""

    @property
    def label(self) -> str:
        """How the variant is named in messages."""
        return f"{self.kind} {self.name!r} of {self.question!r}"


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """The table ``[check]``.

    Args:
        leak_tokens: a run of this many tokens of an answer is a leak.
        allow: texts of answers that students may know.
        cell_timeout_s: wall-clock seconds for one cell.
        notebook_timeout_s: wall-clock seconds for one run of a notebook.

    """

    leak_tokens: int = 12
    allow: tuple[str, ...] = ()
    cell_timeout_s: float = 120.0
    notebook_timeout_s: float = 900.0


@dataclass(frozen=True, slots=True)
class VariantsFile:
    """What ``variants.toml`` says.

    Args:
        path: of the file, which need not exist.
        variants: by line.
        settings: of the table ``[check]``.
        findings: what is wrong with it.

    """

    path: Path
    variants: tuple[Variant, ...] = ()
    settings: CheckSettings = CheckSettings()
    findings: tuple[Finding, ...] = ()


def read_variants(path: Path, questions: tuple[str, ...]) -> VariantsFile:
    """Read the variants of one lab.

    Args:
        path: the ``variants.toml``; a file that does not exist holds no variants.
        questions: ids of the questions that tests grade.

    Returns:
        The variants that are well formed, in the file's order, the settings, and what is wrong with the rest.

    """
    if not path.exists():
        return VariantsFile(path)
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        at = re.search(r"line (\d+)", str(error))
        finding = Finding("LC101", path, int(at[1]) if at else 1, f"{path.name} is not TOML: {error}")
        return VariantsFile(path, findings=(finding,))
    reader = _Reader(path, questions)
    for key in table:
        if key not in (*_KINDS, "check"):
            reader.report(
                1, f"unknown table [[{key}]]", _suggest(key, _KINDS, "write [[mutant]] or [[alternative]]")
            )
    lines = _header_lines(text)
    for kind in _KINDS:
        entries = table.get(kind, [])
        if not isinstance(entries, list):
            reader.report(1, f"[{kind}] is one table", f"write [[{kind}]] with two brackets")
            continue
        # Lines are known only where every entry has a header of its own.
        known = lines[kind] if len(lines[kind]) == len(entries) else [1] * len(entries)
        for line, entry in zip(known, entries, strict=True):
            reader.read(kind, entry, line)
    settings = reader.read_settings(table.get("check", {}), _line_of_check(text))
    variants = sorted(reader.variants, key=lambda variant: variant.line)
    return VariantsFile(path, tuple(variants), settings, tuple(reader.findings))


class _Reader:
    """Turns entries into variants and keeps what is wrong with the others."""

    def __init__(self, path: Path, questions: tuple[str, ...]) -> None:
        self.path = path
        self.questions = questions
        self.variants: list[Variant] = []
        self.findings: list[Finding] = []
        self._seen: dict[tuple[str, str, str], int] = {}

    def report(self, line: int, message: str, hint: str, question: str = "") -> None:
        self.findings.append(Finding("LC102", self.path, line, message, hint, question))

    def read(self, kind: Kind, entry: object, line: int) -> None:
        if not isinstance(entry, dict):
            self.report(line, f"an entry of {kind} is not a table", f"write [[{kind}]] and its keys below it")
            return
        before = len(self.findings)
        question, name = str(entry.get("question", "")), str(entry.get("name", ""))
        self._check_names(kind, entry, line, question, name)
        edits = self._edits(entry, line)
        whole: dict[str, str | None] = {}
        for key in ("code", "cell"):
            whole[key] = entry.get(key)
            if key in entry and not isinstance(entry[key], str):
                self.report(line, f"`{key}` is not text", f"write {key} = '''…'''", question)
        if bool(edits) + sum(text is not None for text in whole.values()) != 1:
            self.report(
                line,
                f"{kind} {name!r} must say either what to replace or the whole answer",
                'write replace = "old" and with = "new", or edits = [["old", "new"], …], or code = "…" for '
                'the region of the answer, or cell = "…" for its whole cell',
                question,
            )
        if kind == "alternative" and "says" in entry:
            self.report(
                line, "an alternative passes, so `says` has nothing to look at", "leave it out", question
            )
        if len(self.findings) == before:
            self.variants.append(
                Variant(
                    kind=kind,
                    question=question,
                    name=name,
                    line=line,
                    edits=tuple(edits),
                    code=whole["code"],
                    cell=whole["cell"],
                    file=str(entry.get("file", "")),
                    says=str(entry.get("says", "")),
                )
            )

    def read_settings(self, table: object, line: int) -> CheckSettings:
        if not isinstance(table, dict):
            self.report(line, "`check` is not a table", "write [check] and its keys below it")
            return CheckSettings()
        values: dict[str, Any] = {}
        for key, value in table.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
            if key not in _SETTINGS:
                self.report(
                    line, f"unknown key {key!r}", _suggest(key, _SETTINGS, f"known: {', '.join(_SETTINGS)}")
                )
            elif key == "allow" and isinstance(value, list) and all(isinstance(text, str) for text in value):
                values[key] = tuple(value)
            elif key != "allow" and is_number and (key != "leak_tokens" or isinstance(value, int)):
                values[key] = value
            else:
                self.report(line, f"{key} = {value!r}", 'leak_tokens = 12, allow = ["text"], …_s = seconds')
        return CheckSettings(**values)

    def _check_names(self, kind: Kind, entry: dict[str, Any], line: int, question: str, name: str) -> None:
        for key in entry:
            if key not in _KEYS:
                self.report(line, f"unknown key {key!r}", _suggest(key, _KEYS, f"known: {', '.join(_KEYS)}"))
        if question not in self.questions:
            hint = _suggest(
                question, self.questions, f"questions with tests: {', '.join(self.questions) or 'none'}"
            )
            self.report(line, f"there is no question {question!r} with a test", hint, question)
        if not name:
            self.report(line, f"the {kind} has no name", 'write name = "bias forgotten"', question)
        first = self._seen.setdefault((kind, question, name), line)
        if first != line:
            self.report(
                line,
                f"{name!r} of {question!r} stands at line {first} already",
                "give it another name",
                question,
            )

    def _edits(self, entry: dict[str, Any], line: int) -> list[tuple[str, str]]:
        pairs: list[object] = list(entry["edits"]) if isinstance(entry.get("edits"), list) else []
        if "edits" in entry and not pairs:
            self.report(
                line, "`edits` is not a list of pairs", 'write edits = [["old", "new"], ["old", "new"]]'
            )
        if ("replace" in entry) != ("with" in entry):
            self.report(
                line, "`replace` and `with` belong together", 'write replace = "old" and with = "new"'
            )
        elif "replace" in entry:
            pairs.insert(0, [entry["replace"], entry["with"]])
        edits = []
        for pair in pairs:
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair):
                edits.append((pair[0], pair[1]))
            else:
                self.report(line, f"not a pair of texts: {pair!r}", 'write ["old", "new"]')
        return edits


def _header_lines(text: str) -> dict[Kind, list[int]]:
    lines: dict[Kind, list[int]] = {"mutant": [], "alternative": []}
    for match in _HEADER.finditer(text):
        kind: Kind = "mutant" if match[1] == "mutant" else "alternative"
        lines[kind].append(text.count("\n", 0, match.start(1)) + 1)
    return lines


def _line_of_check(text: str) -> int:
    match = re.search(r"^[ \t]*\[[ \t]*check[ \t]*\]", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else 1


def _suggest(word: str, known: tuple[str, ...], otherwise: str) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise
