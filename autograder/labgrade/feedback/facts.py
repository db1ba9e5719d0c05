"""The message of a check, taken apart again into its labelled lines."""

from __future__ import annotations

import re

from labgrade.feedback.content import Fact

__all__ = ["read_facts"]

_LABELLED = re.compile(r"([a-z][a-z ]{1,24}): (.*)", re.DOTALL)
_AS_CODE = frozenset({"called", "where", "it was at", "the test evaluated", "at", "it raised"})
MAX_FACTS = 30


def read_facts(message: str, cause: str = "") -> tuple[Fact, ...]:
    """Return the facts of a message as `labkit` writes it: one labelled line each, the next ones indented.

    Args:
        message: of a test outcome.
        cause: the known mistake it resembles, which stands before where to read; "" if none.

    """
    found: list[list[str]] = []
    for line in message.split("\n"):
        if found and (line.startswith("  ") or not line):
            found[-1].append(line)
        else:
            found.append([line])
    facts = [fact for lines in found if (fact := _fact(lines)).text]
    if cause:
        position = next((index for index, fact in enumerate(facts) if fact.label == "read"), len(facts))
        facts.insert(position, Fact("likely cause", cause))
    return tuple(facts[:MAX_FACTS])


def _fact(lines: list[str]) -> Fact:
    head = _LABELLED.fullmatch(lines[0])
    label, first = (head[1], head[2]) if head else ("", lines[0])
    width = len(label) + 2 if head else 0
    rest = [line[width:] if not line[:width].strip() else line.lstrip() for line in lines[1:]]
    return Fact(label, "\n".join([first, *rest]).rstrip(), label in _AS_CODE)
