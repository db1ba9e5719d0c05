"""Bring a submission's files into memory: every limit that is passed is a finding, and the rest goes on."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from labgrade.collect.limits import (
    MAX_DEPTH,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_NESTED_MEMBERS,
    MAX_NESTING,
    MAX_TOTAL_BYTES,
)
from labgrade.collect.model import Bundle, Claim, Member, MemberError
from labgrade.collect.names import clean_path, fold_path, is_junk
from labgrade.collect.sources import Source, is_archive_name, open_archive
from labgrade.model import Finding, Severity

__all__ = ["unpack_submission"]

MAX_PATH_BYTES = 1_000
"""Leaves room for the folders above; systems take 4,096."""
MAX_FINDINGS = 40
"""A zip with 10,000 links is one fault, not 10,000."""


class _Unpacking:
    """A submission on its way into memory."""

    def __init__(self) -> None:
        self.bundle = Bundle()
        self._total = 0
        self._seen: dict[str, str] = {}
        self._folders: set[str] = set()
        self._full = False

    def refuse(self, path: str, code: str, message: str, severity: Severity = Severity.LOOK) -> None:
        """Note a file that is left out."""
        if len(self.bundle.findings) < MAX_FINDINGS:
            self.bundle.findings.append(Finding(code, f"'{path[:120]}' was left out: {message}", severity))
        elif len(self.bundle.findings) == MAX_FINDINGS:
            self.bundle.findings.append(
                Finding("too-many-faults", "further faults of this kind are not listed", Severity.LOOK)
            )

    def keep(self, name: str, data: bytes) -> None:
        """Put bytes aside as they were handed in; the number in front keeps names from meeting."""
        self.bundle.kept[f"{len(self.bundle.kept) + 1:03}-{name}"] = data

    def take(self, path: str, source: Source, member: Member, nesting: int) -> None:
        """Read a member and add it, or what it holds."""
        if member.problem:
            self.refuse(path, member.problem, member.message)
            return
        if self._full:
            return
        if len(self.bundle.files) >= MAX_FILES:
            self._full = True
            self.refuse(path, "too-many-files", f"the submission has more than {MAX_FILES:,} files")
            return
        room = min(MAX_FILE_BYTES, MAX_TOTAL_BYTES - self._total)
        if member.size > room:
            self.refuse(
                path, "submission-too-large", f"files beyond {MAX_TOTAL_BYTES / 1e6:.0f} MB are not taken"
            )
            return
        try:
            data = source.read(member, room)
        except MemberError as error:
            self.refuse(path, error.code, error.message)
            return
        self._total += len(data)
        if is_archive_name(path):
            self._take_archive(path, data, nesting)
        else:
            self._add(path, data)

    def _take_archive(self, path: str, data: bytes, nesting: int) -> None:
        self.keep(path.rpartition("/")[2], data)
        if nesting >= MAX_NESTING:
            self.refuse(path, "archive-nested", f"it is an archive in an archive, {nesting} deep")
            return
        folder = path.rpartition("/")[0]
        try:
            with open_archive(io.BytesIO(data), MAX_NESTED_MEMBERS, MAX_TOTAL_BYTES) as source:
                for member in source.members:
                    inner = f"{folder}/{member.path}" if folder else member.path
                    if not is_junk(inner):
                        self.take(inner, source, member, nesting + 1)
        except MemberError as error:
            self.refuse(path, error.code, error.message)

    def _add(self, path: str, data: bytes) -> None:
        if len(path.encode("utf-8", "replace")) > MAX_PATH_BYTES or path.count("/") > MAX_DEPTH + 4:
            self.refuse(path, "member-name", "its path is too long")
            return
        key = fold_path(path)
        parents = ["/".join(key.split("/")[:depth]) for depth in range(1, key.count("/") + 1)]
        if key in self._folders or any(parent in self._seen for parent in parents):
            self.refuse(path, "member-in-the-way", "a file and a folder have the same name")
            return
        if key in self._seen:
            path, key = self._beside(path, data)
            if not path:
                return
        self._seen[key] = path
        self._folders.update(parents)
        self.bundle.files[path] = data

    def _beside(self, path: str, data: bytes) -> tuple[str, str]:
        """Find another name for a file whose name is taken; "" for a copy of the same content."""
        first = self._seen[fold_path(path)]
        if self.bundle.files[first] == data:
            return "", ""
        stem, dot, suffix = path.rpartition(".")
        stem, suffix = (stem, dot + suffix) if dot and "/" not in suffix else (path, "")
        number = 2
        while fold_path(f"{stem} ({number}){suffix}") in self._seen:
            number += 1
        new = f"{stem} ({number}){suffix}"
        self.bundle.findings.append(
            Finding(
                "member-duplicate",
                f"'{path[:120]}' is there twice, or differs from '{first[:120]}' in case or Unicode form "
                f"only; it was kept as '{new[:120]}'",
                Severity.LOOK,
            )
        )
        self.bundle.renamed[path] = new
        return new, fold_path(new)


def unpack_submission(
    source: Source,
    claims: Sequence[tuple[Member, Claim]],
    *,
    wrapper: str = "",
    keeps_timestamp: bool = False,
) -> Bundle:
    """Read all files of one submission.

    Args:
        source: where the members are.
        claims: the submission's members, with what their names say.
        wrapper: folder around everything, which is no part of a file's name.
        keeps_timestamp: a ``timestamp.txt`` is a collector's; else it is the student's word and left out.

    """
    work = _Unpacking()
    newest = _newest(claims)
    for member, claim in sorted(claims, key=lambda pair: (-pair[1].version, pair[1].file, str(pair[0].key))):
        if claim.dropped or is_junk(claim.file):
            continue
        original = member.path.removeprefix(wrapper).rpartition("/")[2]
        if claim.version < newest[claim.file]:
            _keep_older(work, source, member, claim)
            continue
        if not original.endswith(claim.file.rpartition("/")[2]):
            work.bundle.renamed[original] = claim.file
        path, code, message = clean_path(claim.file)
        if code and not member.problem:
            work.refuse(path, code, message)
            continue
        work.take(path, source, member, 0)
    _check_timestamp(work.bundle, keeps_timestamp=keeps_timestamp)
    return work.bundle


def _newest(claims: Sequence[tuple[Member, Claim]]) -> Mapping[str, int]:
    newest: dict[str, int] = {}
    for member, claim in claims:
        if not claim.dropped and not member.problem:
            newest[claim.file] = max(claim.version, newest.get(claim.file, 0))
    return {claim.file: newest.get(claim.file, 0) for _, claim in claims}


def _keep_older(work: _Unpacking, source: Source, member: Member, claim: Claim) -> None:
    """Put an older version of a file aside."""
    if member.problem:
        work.refuse(claim.file, member.problem, member.message)
        return
    try:
        data = source.read(member, MAX_FILE_BYTES)
    except MemberError as error:
        work.refuse(claim.file, error.code, error.message)
        return
    work.keep(f"version-{claim.version}-{clean_path(claim.file)[0].rpartition('/')[2]}", data)
    work.bundle.findings.append(
        Finding(
            "version-older", f"version {claim.version} of '{claim.file[:120]}' was replaced by a newer one"
        )
    )


def _check_timestamp(bundle: Bundle, *, keeps_timestamp: bool) -> None:
    for path in [path for path in bundle.files if fold_path(path) == "timestamp.txt"]:
        if keeps_timestamp and path == "timestamp.txt":
            continue
        del bundle.files[path]
        bundle.findings.append(
            Finding(
                "timestamp-claimed",
                "a 'timestamp.txt' was handed in; the time is the LMS's to tell, so it was left out",
                Severity.LOOK,
            )
        )
