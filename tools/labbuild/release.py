"""Check a lab, look at every byte of its bundle, and write it only if nothing was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labbuild.bundle import Bundle, bundle_files, labkit_files, write_bundle
from labbuild.check.findings import sort_findings
from labbuild.check.leaks import search_places
from labbuild.check.places import places_of_file, stray_files
from labbuild.check.report import LabReport, report_as_json
from labbuild.check.soundness import check_lab, leak_index
from labbuild.check.variants import VARIANTS_FILE, read_variants
from labbuild.compile import compile_lab

__all__ = ["Released", "release_lab"]


@dataclass(frozen=True, slots=True)
class Released:
    """What became of one lab.

    Args:
        report: of ``labs check``, with what was found in the bundle.
        bundle: None if the report has blockers.

    """

    report: LabReport
    bundle: Bundle | None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data for ``--json``."""
        bundle = self.bundle
        written = bundle and {
            "folder": str(bundle.folder),
            "archive": str(bundle.archive),
            "sha256": bundle.sha256,
            "files": dict(bundle.files),
        }
        return {"lab": self.report.name, "released": written or None, "check": report_as_json(self.report)}


def release_lab(
    path: Path, out: Path, *, execute: bool, progress: Callable[[int, int], None] = lambda done, known: None
) -> Released:
    """Release one lab.

    Args:
        path: its folder.
        out: folder of the release.
        execute: run the student version, so that it shows outputs.
        progress: of the check: (runs done, runs known so far).

    Raises:
        ExecutionFailedError: a cell of the student version failed that needs no answer.

    """
    report = check_lab(path, progress)
    if report.blockers:
        return Released(report, None)
    lab = compile_lab(path)
    if execute:
        from labbuild.execute import Version, execute_lab

        versions: tuple[Version, ...] = ("student",)

        lab = execute_lab(lab, versions, Path(".labs-cache"))
    files = bundle_files(lab)
    settings = read_variants(path / VARIANTS_FILE, tuple(question.id for question in lab.questions)).settings
    places = [place for name, data in files.items() for place in places_of_file(name, data)]
    found = [*search_places(leak_index(lab, settings), places), *stray_files(files, path)]
    if found:
        return Released(replace(report, findings=sort_findings([*report.findings, *found])), None)
    return Released(report, write_bundle(lab.name, lab.config.title, {**files, **labkit_files()}, out))
