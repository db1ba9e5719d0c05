"""Reading variants.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from labbuild.check.variants import CheckSettings, VariantsFile, read_variants

GOOD = """\
# mutants first
[[mutant]]
question = "rnn"
name = "bias forgotten"
replace = "+ bias"
with = ""
says = "bias"

[[alternative]]
question = "rnn"
name = "with lists"
code = '''
return [1]
'''

[[mutant]]
question = "rnn"
name = "two edits"
edits = [["a", "b"], ["c", "d"]]
"""


def _read(tmp_path: Path, text: str, questions: tuple[str, ...] = ("rnn", "gru")):  # type: ignore[no-untyped-def]
    path = tmp_path / "variants.toml"
    path.write_text(text, encoding="utf-8")
    read = read_variants(path, questions)
    return list(read.variants), list(read.findings)


def test_variants_well_formed_are_read_in_order_with_lines(tmp_path: Path) -> None:
    """Each entry becomes a variant that knows the line of its header."""
    variants, findings = _read(tmp_path, GOOD)
    assert findings == []
    assert [(v.kind, v.name, v.line) for v in variants] == [
        ("mutant", "bias forgotten", 2),
        ("alternative", "with lists", 9),
        ("mutant", "two edits", 16),
    ]
    assert variants[0].edits == (("+ bias", ""),)
    assert variants[0].says == "bias"
    assert variants[1].code == "return [1]\n"
    assert variants[2].edits == (("a", "b"), ("c", "d"))


def test_variants_without_a_file_are_none(tmp_path: Path) -> None:
    """A lab without variants.toml has no variants and no finding."""
    path = tmp_path / "variants.toml"
    assert read_variants(path, ("rnn",)) == VariantsFile(path)


@pytest.mark.parametrize(
    ("text", "line", "part", "hint"),
    [
        ("[[mutant]\n", 1, "not TOML", ""),
        ('[[mutant]]\nquestion="rn"\nname="x"\ncode="y"\n', 1, "no question 'rn'", "'rnn'"),
        ('\n[[mutant]]\nquestion="rnn"\ncode="y"\n', 2, "has no name", "name ="),
        ('[[mutant]]\nquestion="rnn"\nname="x"\n', 1, "either what to replace", "replace ="),
        (
            '[[mutant]]\nquestion="rnn"\nname="x"\ncode="y"\nreplace="a"\nwith="b"\n',
            1,
            "either what",
            "replace =",
        ),
        ('[[mutant]]\nquestion="rnn"\nname="x"\nreplace="y"\n', 1, "belong together", "with ="),
        ('[[mutant]]\nquestion="rnn"\nname="x"\nedits=[["a"]]\n', 1, "not a pair", "old"),
        ('[[mutant]]\nquestion="rnn"\nname="x"\ncode="y"\nsay="b"\n', 1, "unknown key 'say'", "'says'"),
        (
            '[[alternative]]\nquestion="rnn"\nname="x"\ncode="y"\nsays="b"\n',
            1,
            "nothing to look at",
            "leave it out",
        ),
        ('[[mutants]]\nquestion="rnn"\nname="x"\ncode="y"\n', 1, "unknown table", "'mutant'"),
        ('[mutant]\nquestion="rnn"\n', 1, "is one table", "two brackets"),
    ],
)
def test_entry_that_is_wrong_is_named_with_line_and_mend(
    tmp_path: Path, text: str, line: int, part: str, hint: str
) -> None:
    """A mistake in an entry gives its line, what is wrong, and what to write."""
    variants, findings = _read(tmp_path, text)
    assert variants == []
    first = findings[0]
    assert first.line == line
    assert part in first.message
    assert hint in first.hint
    assert str(first.path).endswith("variants.toml")


def test_entry_with_a_name_used_before_is_refused(tmp_path: Path) -> None:
    """Two mutants of one question cannot share a name: the table could not tell them apart."""
    entry = '[[mutant]]\nquestion="rnn"\nname="x"\ncode="y"\n'
    variants, findings = _read(tmp_path, entry * 2)
    assert [v.line for v in variants] == [1]
    assert [(f.line, "line 1" in f.message) for f in findings] == [(5, True)]


def test_settings_are_read_and_their_mistakes_named(tmp_path: Path) -> None:
    """[check] sets the leak length, what may be known, and time limits."""
    path = tmp_path / "variants.toml"
    path.write_text('[check]\nleak_tokens = 8\nallow = ["a b"]\ncell_timeout_s = 2.5\n', encoding="utf-8")
    read = read_variants(path, ())
    assert read.settings == CheckSettings(leak_tokens=8, allow=("a b",), cell_timeout_s=2.5)
    path.write_text('[check]\nleak_token = 8\nallow = "a"\nleak_tokens = 1.5\n', encoding="utf-8")
    messages = [finding.message for finding in read_variants(path, ()).findings]
    assert messages == ["unknown key 'leak_token'", "allow = 'a'", "leak_tokens = 1.5"]
