"""``labs doctor``: what works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import click

from labs.doctor_machine import check_confinement, check_descriptors, check_disk, check_pdf, check_python
from labs.doctor_packages import check_kernel, check_nbgrader, check_requirements, check_torch
from labs.doctor_report import Checkup, State

__all__ = ["doctor", "examine"]

_CHECKS: tuple[Callable[[], Iterator[Checkup]], ...] = (
    check_python,
    check_requirements,
    check_torch,
    check_kernel,
    check_nbgrader,
    check_confinement,
    check_pdf,
    check_disk,
    check_descriptors,
)
_MARKS = {State.GOOD: "ok   ", State.NOTE: "note ", State.FAULT: "FAULT"}

_EXAMPLES = """\b
Examples:
  labs doctor
  labs doctor --json | jq '.checks[] | select(.state != "good")'

\b
Exit codes: 0 labs can be built, run and graded here (notes may be shown), 3 something for that is broken.
"""


def examine(checks: tuple[Callable[[], Iterator[Checkup]], ...] = _CHECKS) -> list[Checkup]:
    """Look at everything; a check that breaks is a fault itself, and the others go on."""
    found: list[Checkup] = []
    for check in checks:
        name = check.__name__.removeprefix("check_")
        try:
            found += check()
        except ModuleNotFoundError as error:
            mend = f"pip install {error.name}"
            found.append(Checkup(name, State.NOTE, f"could not be looked at: {error}", mend))
        except Exception as error:  # the doctor must be able to talk about any machine
            message = f"could not be looked at: {type(error).__name__}: {error}"
            found.append(
                Checkup(name, State.FAULT, message, "report this, with the output of labs doctor --json")
            )
    return found


@click.command(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def doctor(as_json: bool) -> None:
    """Explain this machine: Python, packages, kernel, confinement, browser, disk; a mend for each fault."""
    found = examine()
    is_well = all(item.state is not State.FAULT for item in found)
    if as_json:
        checks = [
            {"name": item.name, "state": str(item.state), "found": item.found, "mend": item.mend}
            for item in found
        ]
        click.echo(json.dumps({"well": is_well, "checks": checks}, indent=1))
    else:
        width = max(len(item.name) for item in found)
        for item in found:
            click.echo(f"{_MARKS[item.state]} {item.name:{width}}  {item.found}")
            if item.mend and item.state is not State.GOOD:
                click.echo(f"      {'':{width}}  mend: {item.mend}")
    sys.exit(0 if is_well else 3)
