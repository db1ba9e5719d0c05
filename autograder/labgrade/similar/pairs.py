"""Pairs of students whose answers share what others do not share.

A fingerprint that many have is the task's own: it weighs little, and from a certain number on nothing. What
two students share and hardly anyone else has weighs much. So the one natural way to write an answer flags
nobody, and the cost grows with the class, not with its square.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from labgrade.similar.answers import Unit
from labgrade.similar.fingerprints import fingerprint

__all__ = ["EVIDENCE_FACTOR", "MIN_SHARE", "SharedUnit", "SimilarPair", "find_pairs"]

MIN_SHARE = 0.6
"""Of the weight of the student who wrote less, what the other has too."""
EVIDENCE_FACTOR = 9.0
"""Times the logarithm of the class: the weight that two students must share. A larger class has more pairs
that agree by chance; neighbouring fingerprints agree together, which is why the factor is not 2."""
COMMON_SHARE = 0.02
COMMON_LEAST = 20
"""A fingerprint of more students than this, and than COMMON_SHARE of the class, is the task's own."""


@dataclass(frozen=True, slots=True)
class SharedUnit:
    """One text of two students.

    Args:
        name: see :class:`labgrade.similar.answers.Unit`.
        left, right: the texts.
        left_lines, right_lines: numbers of the lines that both have and few others, from 1.
        evidence: weight of what both have.

    """

    name: str
    left: str
    right: str
    left_lines: frozenset[int]
    right_lines: frozenset[int]
    evidence: float


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two students whose answers are alike.

    Args:
        left, right: ids, in order.
        share: 0 to 1, of the weight of the one who wrote less.
        evidence: weight of all that both have; compare it within a class only.
        units: texts in which they are alike, the heaviest first.

    """

    left: str
    right: str
    share: float
    evidence: float
    units: tuple[SharedUnit, ...]


@dataclass(slots=True)
class _Class:
    """Fingerprints of a class: key (unit, hash), so that only the same question is compared."""

    students: list[str]
    units: list[dict[str, Unit]]
    keys: list[dict[tuple[str, int], frozenset[int]]]
    holders: dict[tuple[str, int], list[int]]
    given: Mapping[str, frozenset[str]]


def find_pairs(
    answers: Iterable[tuple[str, Sequence[Unit]]],
    given: Mapping[str, str] | None = None,
    *,
    min_share: float = MIN_SHARE,
    min_evidence: float | None = None,
) -> list[SimilarPair]:
    """Return the pairs that a person should look at, the heaviest first.

    Args:
        answers: student and texts.
        given: unit -> text that students were given: its fingerprints are nobody's own.
        min_share: see :data:`MIN_SHARE`.
        min_evidence: weight that they must share; None for :data:`EVIDENCE_FACTOR` by the size of the class.

    """
    known = _read_class(answers, given or {})
    count = len(known.students)
    if min_evidence is None:
        min_evidence = EVIDENCE_FACTOR * math.log(count + 1)
    limit = max(COMMON_LEAST, int(COMMON_SHARE * count))
    weights = {
        key: math.log((count + 1) / len(holders))
        for key, holders in known.holders.items()
        if len(holders) <= limit
    }
    evidence: Counter[tuple[int, int]] = Counter()
    for key, weight in weights.items():
        holders = known.holders[key]
        for place, left in enumerate(holders):
            for right in holders[place + 1 :]:
                evidence[left, right] += weight  # type: ignore[assignment] # Counter of floats
    totals = [sum(weights.get(key, 0.0) for key in keys) for keys in known.keys]
    pairs = []
    for (left, right), shared in evidence.items():
        smaller = min(totals[left], totals[right])
        if shared >= min_evidence and shared >= min_share * smaller:
            pairs.append(_describe(known, weights, left, right, shared, shared / smaller))
    return sorted(pairs, key=lambda pair: (-pair.evidence, pair.left, pair.right))


def _read_class(answers: Iterable[tuple[str, Sequence[Unit]]], given: Mapping[str, str]) -> _Class:
    known = _Class([], [], [], {}, {unit: _lines(text) for unit, text in given.items()})
    nobodys = {unit: fingerprint(text).keys() for unit, text in given.items()}
    everywhere = frozenset().union(*(set(keys) for keys in nobodys.values()))
    for student, units in answers:
        number = len(known.students)
        keys: dict[tuple[str, int], frozenset[int]] = {}
        for unit in units:
            for value, lines in fingerprint(unit.text).items():
                if value not in everywhere:
                    keys[unit.name, value] = lines
        for key in keys:
            known.holders.setdefault(key, []).append(number)
        known.students.append(student)
        known.units.append({unit.name: unit for unit in units})
        known.keys.append(keys)
    return known


def _lines(text: str) -> frozenset[str]:
    return frozenset(line.strip() for line in text.split("\n"))


def _describe(
    known: _Class,
    weights: Mapping[tuple[str, int], float],
    left: int,
    right: int,
    evidence: float,
    share: float,
) -> SimilarPair:
    by_unit: dict[str, list[tuple[str, int]]] = {}
    for key in known.keys[left]:
        if key in weights and key in known.keys[right]:
            by_unit.setdefault(key[0], []).append(key)
    units = [
        SharedUnit(
            name,
            known.units[left][name].text,
            known.units[right][name].text,
            _own_lines(known, left, name, keys),
            _own_lines(known, right, name, keys),
            sum(weights[key] for key in keys),
        )
        for name, keys in by_unit.items()
    ]
    units.sort(key=lambda unit: (-unit.evidence, unit.name))
    return SimilarPair(known.students[left], known.students[right], share, evidence, tuple(units))


def _own_lines(known: _Class, student: int, name: str, keys: Sequence[tuple[str, int]]) -> frozenset[int]:
    """Return the lines of some fingerprints, less those that were handed out as they are."""
    given = known.given.get(name, frozenset())
    lines = known.units[student][name].text.split("\n")
    numbers = frozenset().union(*(known.keys[student][key] for key in keys))
    return frozenset(
        number for number in numbers if number <= len(lines) and lines[number - 1].strip() not in given
    )
