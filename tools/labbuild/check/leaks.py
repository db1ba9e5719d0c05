"""Search what students get for lines of answers and hidden tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from labbuild.check.confidential import Secret
from labbuild.check.findings import Finding
from labbuild.check.places import Place
from labbuild.check.tokens import Token, grams, tokens_of

__all__ = ["LeakIndex", "search_places"]

_KINDS = {
    "LC301": "in",
    "LC302": "in an output of",
    "LC303": "in the metadata of",
    "LC304": "in an attachment of",
}


class LeakIndex:
    """Knows every run of tokens that is confidential.

    Args:
        secrets: what must not be known.
        open_texts: what the sources say outside of them.
        length: tokens in a run.
        allowed: texts that may be given away all the same.

    """

    def __init__(
        self,
        secrets: Iterable[Secret],
        open_texts: Iterable[str],
        length: int = 12,
        allowed: Iterable[str] = (),
    ) -> None:
        self.length = length
        permitted = _all_grams(allowed, length)
        known = _all_grams(open_texts, length)
        self._runs: dict[tuple[str, ...], tuple[Secret, int]] = {}
        self._lines: dict[tuple[str, ...], tuple[Secret, int]] = {}
        for secret in secrets:
            tokens = tokens_of(secret.text)
            for run, start in grams(tokens, length):
                if run not in permitted and run not in known:
                    self._runs.setdefault(run, (secret, tokens[start].line))
            if secret.is_answer:
                for line in _whole_lines(tokens, length):
                    run = tuple(token.text for token in line)
                    if not any(part in permitted for part, _ in grams(line, length)):
                        self._lines.setdefault(run, (secret, line[0].line))

    def find(self, text: str) -> Iterator[tuple[Secret, int, int]]:
        """Yield (secret, line in it, line in the text) once for each secret that the text gives away."""
        tokens = tokens_of(text)
        seen: set[Secret] = set()
        for run, start in grams(tokens, self.length):
            hit = self._runs.get(run)
            if hit and hit[0] not in seen:
                seen.add(hit[0])
                yield hit[0], hit[1], tokens[start].line

    def find_copied_lines(self, text: str) -> Iterator[tuple[Secret, int, int]]:
        """Yield likewise for a whole line of an answer that was copied to a place outside of every region."""
        tokens = tokens_of(text)
        texts = [token.text for token in tokens]
        starts: dict[str, list[int]] = {}
        for position, word in enumerate(texts):
            starts.setdefault(word, []).append(position)
        for run, (secret, line) in self._lines.items():
            for start in starts.get(run[0], ()):
                if tuple(texts[start : start + len(run)]) == run:
                    yield secret, line, tokens[start].line
                    break


def _all_grams(texts: Iterable[str], length: int) -> set[tuple[str, ...]]:
    return {run for text in texts for run, _ in grams(tokens_of(text), length)}


def _whole_lines(tokens: list[Token], length: int) -> Iterator[list[Token]]:
    """Yield the lines that are an answer by themselves: long enough, no loop header, import or comment."""
    by_line: dict[int, list[Token]] = {}
    for token in tokens:
        by_line.setdefault(token.line, []).append(token)
    for line in by_line.values():
        code = line[: next((i for i, token in enumerate(line) if token.text == "#"), len(line))]
        is_header = code and (code[-1].text == ":" or code[0].text in ("import", "from", "def", "class", "@"))
        if len(code) >= length and not is_header and any(True for _ in grams(code, length)):
            yield code


def search_places(index: LeakIndex, places: Iterable[Place]) -> list[Finding]:
    """Search places, and name both ends of every leak."""
    findings = []
    for place in places:
        hits = dict.fromkeys(index.find(place.text))
        if place.code in ("LC301", "LC305"):
            found = {hit[0] for hit in hits}
            hits |= dict.fromkeys(hit for hit in index.find_copied_lines(place.text) if hit[0] not in found)
        for secret, secret_line, line in hits:
            kind = f"the answer of {secret.question!r}" if secret.is_answer else "a region"
            findings.append(
                Finding(
                    place.code,
                    secret.path,
                    secret.line + secret_line - 1,
                    f"{kind} stands {_KINDS.get(place.code, 'in')} {place.name}, line {line}",
                    "take it out; what students may know goes under `allow` in [check] of variants.toml",
                    secret.question,
                    place.text.split("\n")[line - 1],
                )
            )
    return findings
