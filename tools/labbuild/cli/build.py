"""``labs build``: sources to student, solution and nbgrader notebooks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from labbuild.build import BuildOptions, BuildResult
from labbuild.build import build as build_labs
from labbuild.cli.environment import explain_environment
from labbuild.diagnostics import render, to_json

__all__ = ["build", "labs_of_course"]

_FORMATS = ("ipynb", "md", "py", "html", "pdf")
_EXERCISES = Path("exercises")
_OUT = Path("build")

_EXAMPLES = """\b
Examples:
  labs build                                    every lab in exercises/, into build/
  labs build exercises/02-recurrent-attention   one lab
  labs build notes/week3.md --out /tmp/week3    one source file from anywhere
  labs build --execute solution --to ipynb,html executed solutions, and as web pages
  labs build --watch                            build again on every save

\b
Exit codes: 0 built (warnings may be shown), 1 a lab was refused, 2 wrong usage, 3 environment.
"""


def _formats(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    chosen = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    for name in chosen:
        if name not in _FORMATS:
            raise click.BadParameter(f"'{name}' is not one of {', '.join(_FORMATS)}")
    return tuple(name for name in chosen if name != "ipynb")


@click.command(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=_OUT, show_default=True, help="Output folder."
)
@click.option(
    "--execute",
    type=click.Choice(["none", "student", "solution", "all"]),
    default="none",
    show_default=True,
    help="Which versions to run, so that they show their outputs.",
)
@click.option(
    "--to", "formats", default="ipynb", show_default=True, callback=_formats, help="ipynb,md,py,html,pdf"
)
@click.option("--watch", is_flag=True, help="Stay, and build again on every save.")
@click.option("--force", is_flag=True, help="Overwrite outputs that were edited by hand.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def build(
    paths: tuple[Path, ...],
    out: Path,
    execute: str,
    formats: tuple[str, ...],
    watch: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Compile labs into student, solution and nbgrader notebooks.

    PATH is a lab's folder or a single source file; without one, every lab in exercises/ is built. A lab makes
    DIR/student/LAB, DIR/solution/LAB and DIR/nbgrader/source/LAB; a file makes DIR/student/STEM.ipynb and
    DIR/solution/STEM.ipynb. A lab with errors is not written at all; all errors are shown. Executed solutions
    of the labs in exercises/ are also put into solutions/, unless --out says otherwise.
    """
    chosen = list(paths) or labs_of_course()
    versions = {"none": (), "all": ("student", "solution")}.get(execute, (execute,))
    cache = Path(".labs-cache") if versions else None
    options = BuildOptions(tuple(versions), formats, force, cache)

    def once(which: list[Path]) -> BuildResult:
        result = _run(which, out, options)
        _show(result, as_json=as_json)
        if "solution" in options.execute and out == _OUT:
            from labbuild.solutions import publish_solutions

            built = [path for path, lab in zip(which, result.labs, strict=False) if lab.state != "refused"]
            for folder in publish_solutions(built, out):
                click.echo(f"in {folder}/", err=True)
        return result

    result = once(chosen)
    if watch:
        from labbuild.watch import watch as watch_paths

        watch_paths(chosen, once)
    sys.exit(1 if result.has_errors else 0)


def labs_of_course() -> list[Path]:
    """Return every lab in ``exercises/``; wrong usage if there is none."""
    if not _EXERCISES.is_dir():
        raise click.UsageError("there is no folder exercises/ here; name a lab's folder or a source file")
    labs = [path for path in sorted(_EXERCISES.iterdir()) if path.is_dir() and _is_lab(path)]
    if not labs:
        raise click.UsageError("no folder in exercises/ is a lab; 'labs new NAME' makes one")
    return labs


def _is_lab(folder: Path) -> bool:
    return (folder / "lab.toml").is_file() or any(folder.glob("*.md"))


def _run(paths: list[Path], out: Path, options: BuildOptions) -> BuildResult:
    with explain_environment("labs build"):
        if not options.execute or not sys.stderr.isatty():
            return build_labs(paths, out, options)
        from labbuild.progress import progress_bar

        with progress_bar() as progress:
            return build_labs(paths, out, options, progress)


def _show(result: BuildResult, *, as_json: bool) -> None:
    for lab in result.labs:
        for diagnostic in lab.diagnostics:
            click.echo(render(diagnostic), err=True)
    if as_json:
        labs = [
            {
                "name": lab.name,
                "state": lab.state,
                "written": list(lab.written),
                "diagnostics": [to_json(diagnostic) for diagnostic in lab.diagnostics],
            }
            for lab in result.labs
        ]
        click.echo(json.dumps({"out": str(result.out), "ok": not result.has_errors, "labs": labs}, indent=1))
        return
    for lab in result.labs:
        errors = sum(diagnostic.is_error for diagnostic in lab.diagnostics)
        warnings = len(lab.diagnostics) - errors
        notes = [
            f"{count} {what}{'s' if count > 1 else ''}"
            for count, what in ((errors, "error"), (warnings, "warning"))
            if count
        ]
        files = f"{len(lab.written)} files" if lab.state == "built" else ""
        said = ", ".join(part for part in (files, *notes) if part)
        click.echo(f"{lab.state:<10} {lab.name}" + (f"  ({said})" if said else ""))
    click.echo(f"in {result.out}/", err=True)
