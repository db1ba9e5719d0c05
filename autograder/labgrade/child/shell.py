"""The IPython shell that runs a student's cells, with its outputs captured as a kernel would send them."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from labgrade.child.outputs import CellOutputs, StudentStream, plain_bundle
from labgrade.child.refusals import NOT_FOUND, refuse_in_shell, refuse_programs, say_refused
from labgrade.child.tracebacks import format_error

__all__ = ["StudentShell", "warm_shell"]


class _Hook(DisplayHook):
    """Turns the value of a cell's last expression into an ``execute_result``."""

    def start_displayhook(self) -> None:
        pass

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        shell: Any = self.shell
        if format_dict and shell.outputs is not None:
            shell.outputs.add(
                {
                    "output_type": "execute_result",
                    "execution_count": self.prompt_count,
                    "data": plain_bundle(format_dict),
                    "metadata": dict(md_dict or {}),
                }
            )

    def finish_displayhook(self) -> None:
        pass


class _Publisher(DisplayPublisher):
    """Turns ``display(...)`` into ``display_data``."""

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        source: Any = None,
        *,
        transient: Any = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        outputs: CellOutputs | None = self.shell.outputs
        if outputs is None:
            return
        display_id = str((transient or {}).get("display_id", ""))
        output = {"output_type": "display_data", "data": plain_bundle(data), "metadata": dict(metadata or {})}
        if update and display_id:
            outputs.update(display_id, output)
            return
        if display_id:
            output["transient"] = {"display_id": display_id}
        outputs.add(output)

    def clear_output(self, wait: bool = False) -> None:
        if self.shell.outputs is not None:
            self.shell.outputs.clear(bool(wait))


class StudentShell(InteractiveShell):
    """An IPython shell without terminal, history file or programs of its own."""

    displayhook_class = _Hook
    display_pub_class = _Publisher
    outputs: CellOutputs | None = None
    error: tuple[str, str] | None = None

    def attach(self, outputs: CellOutputs) -> None:
        """Send what cells show to ``outputs`` from now on."""
        self.outputs = outputs
        sys.stdout = StudentStream("stdout", outputs, 1)
        sys.stderr = StudentStream("stderr", outputs, 2)
        refuse_programs()

    def enable_gui(self, gui: Any = None) -> None:
        """Ignore the wish for windows: there is no screen."""

    def ask_exit(self) -> None:
        """Ignore ``exit``: the notebook goes on."""

    def set_next_input(self, text: str, replace: bool = False) -> None:
        """Ignore: there is no next cell to fill."""

    def showtraceback(
        self,
        exc_tuple: Any = None,
        filename: str | None = None,
        tb_offset: int | None = None,
        exception_only: bool = False,
        running_compiled_code: bool = False,
    ) -> None:
        """Show an exception: formatted once, and cheaply."""
        this: Any = self
        kind, error, tb = this._get_exc_info(exc_tuple)
        if issubclass(kind, UsageError):
            self.error = ("UsageError", str(error))
            print(f"UsageError: {error}", file=sys.stderr)
            return
        self._show(kind, error, tb)

    def showsyntaxerror(self, filename: str | None = None, running_compiled_code: bool = False) -> None:
        """Show a syntax error."""
        this: Any = self
        kind, error, tb = this._get_exc_info()
        self._show(kind, error, tb if running_compiled_code else None)

    def _format_exception_for_storage(self, exception: BaseException, *_: Any, **__: Any) -> dict[str, Any]:
        """Keep an exception's name: IPython would format its traceback a second time, for its history."""
        name = type(exception).__name__
        return {"ename": name, "evalue": name, "traceback": []}

    def _show(self, kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
        lines = format_error(kind, error, tb)
        # The last line is "Name: text" with the name in colour.
        text = lines[-1].split(": ", 1)[-1]
        self.error = (kind.__name__, text)
        if self.outputs is not None:
            self.outputs.add(
                {"output_type": "error", "ename": kind.__name__, "evalue": text, "traceback": lines}
            )

    def system(self, cmd: str) -> None:
        """Refuse ``!command`` with one line; the cell goes on."""
        self.user_ns["_exit_code"] = NOT_FOUND
        say_refused(f"!{cmd.strip().splitlines()[0] if cmd.strip() else ''}")

    system_raw = system
    system_piped = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Refuse ``x = !command`` with one line; the result is empty."""
        from IPython.utils.text import SList

        self.system(cmd)
        return SList() if split else ""


def warm_shell() -> Any:
    """Make the shell, and run a cell in it, so that no child pays for what happens once.

    Returns:
        The shell that every child forked from this process goes on with.

    """
    config = Config()
    config.HistoryManager.enabled = False  # it would start a thread
    config.InteractiveShell.cache_size = 1000
    config.InteractiveShell.autocall = 0
    config.InteractiveShell.xmode = "Plain"
    shell: Any = StudentShell.instance(config=config)
    shell.outputs = CellOutputs(lambda event: None, 1000)
    shell.run_cell("1 + 1", store_history=False)
    shell.run_cell("raise NotImplementedError", store_history=False)
    shell.outputs = None
    shell.error = None
    shell.reset(new_session=True)
    refuse_in_shell(shell)
    return shell
