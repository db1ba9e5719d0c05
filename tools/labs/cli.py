"""The front door: ``labs VERB``. Imports a verb's package only when that verb is asked for."""

from __future__ import annotations

import importlib

import click

# verb -> (module:command, one line for `labs --help`). The line stands here so that help imports nothing.
VERBS: dict[str, tuple[str, str]] = {
    "build": ("labbuild.cli.build:build", "Compile labs into student, solution and nbgrader notebooks."),
    "check": ("labbuild.cli.check:check", "Prove that a lab is sound before it is released."),
    "sync": ("labbuild.cli.sync:sync", "Bring a Markdown source and its percent twin together."),
    "new": ("labbuild.cli.new:new", "Start a small working lab."),
    "release": ("labbuild.cli.release:release", "Make the bundle to hand out."),
    "doctor": ("labs.doctor:doctor", "Explain this machine: what works, what does not, what to do."),
    "data": ("labkit.cli.data:data", "List, fetch and verify the labs' data."),
    "submit": ("labkit.cli.submit:submit", "Make the one file to hand in."),
    "collect": ("labgrade.cli.collect:collect", "Bring an LMS download into a folder of submissions."),
    "grade": ("labgrade.cli.grade:grade", "Grade a folder of submissions, or an nbgrader course."),
    "export": ("labgrade.cli.export:export", "Write the grades in the form that an LMS takes."),
    "feedback": ("labgrade.cli.feedback:feedback", "Write a page for each student, to be given back."),
    "report": ("labgrade.cli.report:report", "Write one page about a graded class."),
}


class _LazyGroup(click.Group):
    """A group that knows its verbs by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module_name, _, attribute = VERBS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module_name), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{VERBS[cmd_name][0]} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="seqlabs", prog_name="labs")
def main() -> None:
    """Build, check, release and grade labs on sequence models.

    Exit codes: 0 clean, 1 findings for a person, 2 wrong usage, 3 environment.
    """


if __name__ == "__main__":
    main()
