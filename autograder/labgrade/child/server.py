"""The loop of a child: runs cells and answers questions until the grader closes the connection."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from labgrade.child.figures import hang_pictures, kept_pictures
from labgrade.child.objects import Objects, describe_error
from labgrade.child.outputs import CellOutputs
from labgrade.child.shell import StudentShell
from labgrade.child.warned import hearing
from labgrade.wire import Channel, ChannelClosedError, CodecError

__all__ = ["seed_all", "serve"]

_ASKED = frozenset(
    name for name in vars(Objects) if not name.startswith("_") and name not in ("start_call", "note_leaf")
) - {"number_of", "note_result"}


class _Server:
    def __init__(self, channel: Channel, shell: StudentShell) -> None:
        self._channel = channel
        self._shell = shell
        self._objects = Objects(shell.user_ns, self._call_back, shell)
        self._current = 0
        self._busy = False

    def run(self) -> None:
        """Answer until the connection ends."""
        signal.signal(signal.SIGINT, self._interrupt)
        while True:
            try:
                header, raw = self._channel.receive()
            except ChannelClosedError:
                return
            self._answer(header, raw)

    def _interrupt(self, *_: Any) -> None:
        # Outside a cell or a call there is nothing to interrupt, and the loop must go on.
        if self._busy:
            raise KeyboardInterrupt

    def _answer(self, header: bytes, raw: bytearray) -> None:
        self._objects.start_call()
        result: Any
        number, operation, arguments = self._objects.decoder.decode(header, raw)
        self._current = number
        try:
            if operation == "open":
                self._open(*arguments)
                result = None
            elif operation == "cell":
                result = self._cell(*arguments)
            elif operation == "ask":
                result = self._ask(*arguments)
            elif operation == "pictures":
                result = kept_pictures()
            else:
                raise CodecError(f"there is no request {operation}")  # noqa: TRY301 - handled with the others below
            self._send(number, "ok", result)
        except CodecError as error:
            self._send(number, "refused", str(error))

    def _send(self, number: int, kind: str, payload: Any) -> None:
        header, buffers = self._objects.encoder.encode((number, kind, payload))
        self._channel.send(header, buffers)

    # ---- set-up ----

    def _open(
        self,
        files: dict[str, bytes],
        environment: dict[str, str],
        seed: int,
        text_limit: int,
        pictures: dict[str, bytes] | None,
    ) -> None:
        home = Path.cwd()
        for name, content in files.items():
            target = home / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        os.environ.update(environment)
        if str(home) not in sys.path:
            sys.path.insert(0, str(home))
        seed_all(seed)
        self._outputs = CellOutputs(lambda event: self._send(self._current, "event", event), text_limit)
        self._shell.attach(self._outputs)
        hang_pictures(pictures)

    # ---- cells ----

    def _cell(self, source: str, count: int) -> tuple[bool, str]:
        outputs, shell = self._outputs, self._shell
        shell.execution_count = count
        outputs.start_cell()
        shell.error = None
        count = shell.execution_count
        self._busy = True
        try:
            run_cell: Any = shell.run_cell
            result = run_cell(source, store_history=count > 0)
        except KeyboardInterrupt:
            shell.showtraceback()
            result = None
        except (
            BaseException
        ):  # an event hook of the student's, or SystemExit: the cell failed, the process goes on
            shell.showtraceback()
            result = None
        finally:
            self._busy = False
        _flush_c()
        outputs.end_cell()
        ok = bool(result is not None and result.success)
        return ok, shell.error[0] if shell.error else ""

    # ---- questions ----

    def _ask(
        self,
        operation: str,
        arguments: tuple[Any, ...],
        seeds: list[tuple[str, int]],
        with_grad: bool,
        filters: list[list[Any]] | None,
    ) -> Any:
        if operation not in _ASKED:
            raise CodecError(f"there is no operation {operation}")
        for kind, seed in seeds:
            _seed_one(kind, seed)
        heard: list[list[Any]] = []
        self._busy = True
        try:
            with _gradients(with_grad), hearing(filters) as heard:
                return "value", getattr(self._objects, operation)(*arguments), heard
        except CodecError:
            raise
        except BaseException as error:  # whatever the student's code raises is an answer
            return "raise", describe_error(error), heard
        finally:
            self._busy = False

    def _call_back(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        current = self._current
        self._send(current, "callback", (number, args, kwargs))
        header, raw = self._channel.receive()
        leaves = self._objects.start_call()
        answer, operation, payload = self._objects.decoder.decode(header, raw)
        self._objects.start_call(leaves)
        if answer != current or operation != "returned":
            raise CodecError("an answer to something else")
        kind, value = payload
        if kind == "raise":
            name, message = value
            error = getattr(__import__("builtins"), name, RuntimeError)
            raise error(message)
        return value


def _flush_c() -> None:
    """Write what C code has printed and still holds back."""
    ctypes.CDLL(None).fflush(None)


def _gradients(enabled: bool) -> Any:
    torch = sys.modules.get("torch")
    if torch is None or enabled:
        return contextlib.nullcontext()
    return torch.no_grad()


def seed_all(seed: int) -> None:
    """Set the random number generators of this process."""
    for kind in ("random", "numpy", "torch"):
        _seed_one(kind, seed)


def _seed_one(kind: str, seed: int) -> None:
    if kind == "random":
        random.seed(seed)
    elif kind == "numpy" and "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % (1 << 32))
    elif kind == "torch" and "torch" in sys.modules:
        # torch.manual_seed would also record a stack for each device that does not exist here.
        sys.modules["torch"].default_generator.manual_seed(seed)


def serve(channel: Channel, shell: StudentShell) -> None:
    """Run the loop of a child; returns when the grader has closed the connection."""
    _Server(channel, shell).run()
