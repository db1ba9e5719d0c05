"""Submissions before anybody is asked whose they are: members that belong together, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.collect.commits import commit_time
from labgrade.collect.groups import members_in_notebooks
from labgrade.collect.layouts import Choice, Context, choose_layout
from labgrade.collect.layouts.github import GITHUB
from labgrade.collect.layouts.gradescope import MAX_METADATA_BYTES, read_metadata
from labgrade.collect.model import Bundle, Claim, Member, MemberError, Person, Reading
from labgrade.collect.names import is_junk
from labgrade.collect.placing import digest_files
from labgrade.collect.sources import Source
from labgrade.collect.unpacking import unpack_submission
from labgrade.model import Finding, Severity

__all__ = ["Description", "Unit", "describe_units", "find_units", "read_unit"]

Description = Mapping[str, tuple[list[Person], str]]
"""Unit -> who handed it in, and when, as the download says elsewhere than in the names."""


@dataclass(slots=True)
class Unit:
    """A submission's members, before anything is read."""

    name: str
    members: list[tuple[Member, Claim]] = field(default_factory=list)


def find_units(source: Source, context: Context, only: str) -> tuple[Choice, list[Unit], list[Finding]]:
    """Recognise the layout and put together what belongs together.

    Args:
        source: of the members.
        context: of the lab.
        only: name of the layout to take, "" to recognise it.

    """
    members = [member for member in source.members if not is_junk(member.path)]
    choice = choose_layout([member.path for member in members], context, only)
    findings: list[Finding] = []
    if source.clipped:
        message = f"{source.clipped:,} files beyond the limit were not looked at"
        findings.append(Finding("archive-too-many", message, Severity.LOOK))
    units: dict[str, Unit] = {}
    left: list[str] = []
    for member, claim in zip(members, choice.claims, strict=True):
        if claim is None:
            left.append(member.path)
        elif claim.unit != choice.layout.describe or not claim.dropped:
            units.setdefault(claim.unit, Unit(claim.unit)).members.append((member, claim))
    if left:
        shown = ", ".join(f"'{path[:60]}'" for path in left[:5]) + (" …" if len(left) > 5 else "")
        message = (
            f"{len(left)} files do not fit the layout '{choice.layout.title}' and were left out: {shown}"
        )
        findings.append(Finding("file-unclaimed", message, Severity.LOOK))
    return choice, [units[name] for name in sorted(units)], findings


def describe_units(
    source: Source, path: Path, choice: Choice, units: list[Unit], findings: list[Finding]
) -> Description:
    """Return what the download says elsewhere: Gradescope in a list, clones in their commits."""
    if choice.layout is GITHUB and path.is_dir():
        return {unit.name: ([], commit_time(path / choice.wrapper / unit.name)) for unit in units}
    return _described(source, choice, findings)


def _described(
    source: Source, choice: Choice, findings: list[Finding]
) -> Mapping[str, tuple[list[Person], str]]:
    """Return what the layout's own list says about the submissions: Gradescope names nobody elsewhere."""
    if not choice.layout.describe:
        return {}
    wanted = choice.wrapper + choice.layout.describe
    member = next((one for one in source.members if one.path == wanted), None)
    why = f"'{wanted}' is not there"
    try:
        if member is not None:
            return read_metadata(source.read(member, MAX_METADATA_BYTES))
    except (MemberError, ValueError, TypeError) as error:
        why = str(error)[:120]
    message = f"the list of submissions cannot be read, so nobody is named: {why}"
    findings.append(Finding("metadata-unreadable", message, Severity.LOOK))
    return {}


def read_unit(
    source: Source, choice: Choice, unit: Unit, description: Description, *, has_groups: bool
) -> tuple[Reading, Bundle]:
    """Unpack a submission, and read what it says about itself.

    Args:
        source: of its members.
        choice: of the layout.
        unit: the submission.
        description: from :func:`describe_units`.
        has_groups: the lab has a members' cell.

    """
    bundle = unpack_submission(
        source, unit.members, wrapper=choice.wrapper, keeps_timestamp=choice.layout.keeps_timestamp
    )
    return _reading(unit, bundle, description, has_groups=has_groups), bundle


def _reading(unit: Unit, bundle: Bundle, described: Description, *, has_groups: bool) -> Reading:
    claims = [claim for _, claim in unit.members]
    first = next((claim for claim in claims if claim.person.is_known), claims[0])
    people, moment = described.get(unit.name, ([], ""))
    listed, trouble = members_in_notebooks(bundle.files) if has_groups else ((), ())
    stamp = bundle.files.get("timestamp.txt", b"")[:200].decode("utf-8", "replace").strip()
    team_mates = tuple(
        dict.fromkeys(claim.person for claim in claims if claim.team and claim.person.is_known)
    )
    dropped = [claim.dropped for claim in claims if claim.dropped]
    findings = list(bundle.findings)
    if dropped and not bundle.files:
        findings.append(Finding("submission-empty", f"no file was handed in: {dropped[0]}", Severity.LOOK))
    late = any(claim.late for claim in claims)
    if late:
        findings.append(Finding("late", "the LMS marks it as late", Severity.NOTE))
    return Reading(
        unit=unit.name,
        person=people[0] if people else first.person,
        members=tuple(people) if len(people) > 1 else team_mates if len(team_mates) > 1 else listed,
        files=tuple(sorted(bundle.files)),
        digest=digest_files(bundle.files),
        submitted=max((claim.submitted for claim in claims), default="") or moment or stamp,
        late=late,
        version=max((claim.version for claim in claims), default=0),
        team=first.team,
        findings=(*findings, *trouble),
        renamed=bundle.renamed,
        stems=tuple(_notebook_stems(unit)),
    )


def _notebook_stems(unit: Unit) -> list[str]:
    """Return the notebooks' names as they were handed in; a plain layout takes ids off them."""
    names = [claim.file for _, claim in unit.members if claim.file] + [unit.name + ".ipynb"]
    return [name.rpartition("/")[2].rpartition(".")[0] for name in names if name.endswith(".ipynb")]
