"""Copies are found in their disguises, and nobody who worked alone is named."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import made_answers
import pytest
from labgrade.similar import SimilarPair, Unit, find_pairs

SAMPLE = Path(__file__).parents[1] / "sample_class" / "02-recurrent-attention"


def _units(answers: dict[str, str]) -> list[Unit]:
    return [Unit(f"cells/{question}", text) for question, text in answers.items()]


def _find(count: int, copies: int, seed: int) -> tuple[set[tuple[str, str]], dict[tuple[str, str], str]]:
    students, planted = made_answers.make_class(count, copies, seed)
    pairs = find_pairs([(student, _units(answers)) for student, answers in students.items()])
    return {(pair.left, pair.right) for pair in pairs}, planted


# students who work alone, copies, least share of pairs that are copies, least share of copies found
CLASSES = [
    (20, 4, 1.0, 1.0),
    (60, 12, 1.0, 1.0),
    (120, 16, 1.0, 1.0),
    pytest.param(300, 24, 1.0, 0.9, marks=pytest.mark.slow),
    pytest.param(2000, 100, 0.9, 0.75, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("count", "copies", "least_right", "least_found"), CLASSES)
def test_similar_pairs_of_a_made_class_are_the_copies(
    count: int, copies: int, least_right: float, least_found: float
) -> None:
    """The pairs that are named are copies, and hardly a copy is missed, whatever the disguise."""
    found, planted = _find(count, copies, seed=7 * count)
    right = found & set(planted)
    precision = len(right) / len(found)
    recall = len(right) / len(planted)
    table = Counter(planted[pair] for pair in right)
    assert precision >= least_right, sorted(found - set(planted))
    assert recall >= least_found, (recall, table)


def test_similar_pairs_of_a_class_without_copies_are_none() -> None:
    """The task's natural solution flags nobody."""
    assert _find(80, 0, seed=4)[0] == set()


def test_every_disguise_is_a_real_one() -> None:
    """The planted copies differ from their sources in text, and still are programs."""
    students, planted = made_answers.make_class(12, 8, seed=3)
    assert set(planted.values()) == {
        "nothing changed",
        "renamed",
        "renamed, reordered",
        "renamed, reordered, commented",
    }
    for (source, copier), how in planted.items():
        for question, text in students[copier].items():
            ast.parse(text)
            assert (text == students[source][question]) == (how == "nothing changed")


def _sample(student: str) -> str:
    return (SAMPLE / student / "implementation.py").read_text(encoding="utf-8")


def test_similar_pairs_of_the_sample_class_are_those_with_one_source() -> None:
    """The sample class was made from three sets of answers, some of them spoilt: pairs stay within a set."""
    sets = {
        "loops": ["amara", "elena", "farid", "noor", "oskar", "quinn"],
        "torch": ["boris", "maya"],
        "scipy": ["chloe", "priya"],
    }
    spoilt = {"elena", "farid"}
    origin = {student: name for name, students in sets.items() for student in students}
    answers = [(student, [Unit("implementation.py", _sample(student))]) for student in sorted(origin)]
    pairs = find_pairs(answers, {"implementation.py": _sample("hugo")})  # hugo handed in what was given
    named = {(pair.left, pair.right) for pair in pairs}
    same = {(a, b) for a in origin for b in origin if a < b and origin[a] == origin[b]}
    assert named <= same
    assert {(a, b) for a, b in same if not {a, b} & spoilt} <= named


def test_similar_pair_marks_the_lines_that_agree() -> None:
    """Renamed lines are marked on both sides, a line of one's own and what was handed out are not."""
    given = "def total(values):\n    # your code\n"
    body = "".join(
        f"    part{n} = (values[{n}] * {n} + offset) ** {n} - scale / {n + 1}\n" for n in range(1, 9)
    )
    left = f"def total(values):\n{body}    return [part1, part2]\n"
    right = f"def total(values):\n    print('hello')\n{body}    return [part1, part2]\n".replace(
        "part", "piece"
    )
    others = [(f"o{n}", [Unit("q", f"def total(values):\n    return values[{n}]\n")]) for n in range(8)]
    (pair,) = find_pairs([("a", [Unit("q", left)]), ("b", [Unit("q", right)]), *others], {"q": given})
    (unit,) = pair.units
    assert set(range(2, 10)) <= unit.left_lines
    assert 1 not in unit.left_lines
    assert 2 not in unit.right_lines
    assert pair.share > 0.9


def test_given_texts_are_nobodys_own() -> None:
    """Two students who handed in what they were given are not alike; what they were not given would be."""
    text = made_answers.make_class(1, 0, seed=9)[0]["s0000"]
    crowd = [(f"o{n}", [Unit("x", f"v{n} = {n}")]) for n in range(10)]
    both = [("a", _units(text)), ("b", _units(text)), *crowd]
    given = {f"cells/{question}": answer for question, answer in text.items()}
    assert [(pair.left, pair.right) for pair in find_pairs(both)] == [("a", "b")]
    assert find_pairs(both, given) == []


def test_answers_are_compared_question_by_question() -> None:
    """The same text under another question is no agreement: it may be a helper of the lecture."""
    text = "\n".join(made_answers.make_class(1, 0, seed=9)[0]["s0000"].values())
    crowd = [(f"o{n}", [Unit("one", f"v = {n}")]) for n in range(10)]
    assert find_pairs([("a", [Unit("one", text)]), ("b", [Unit("two", text)]), *crowd]) == []


def test_similar_pairs_are_the_same_in_any_order() -> None:
    """The result depends on the answers, not on the order of the students or on the process."""
    students, _ = made_answers.make_class(30, 5, seed=2)
    there = find_pairs([(student, _units(text)) for student, text in sorted(students.items())])
    back = find_pairs([(student, _units(text)) for student, text in sorted(students.items(), reverse=True)])

    def known(pairs: list[SimilarPair]) -> set[tuple[frozenset[str], float]]:
        return {(frozenset((pair.left, pair.right)), round(pair.evidence, 6)) for pair in pairs}

    assert known(there) == known(back)
    assert len(there) == 5
