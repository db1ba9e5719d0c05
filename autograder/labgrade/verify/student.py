"""The student's process as the trusted side sees it: start, run a cell, ask, stop, start again."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from labkit.checks.judge import TestTimeout

from labgrade.model import CellRun, CellState, Limits
from labgrade.verify.callbacks import answer_callback
from labgrade.verify.faults import StudentGoneError, StudentTimeoutError, raise_described, why_ended
from labgrade.verify.heard import filters_of_test, give_again
from labgrade.verify.hubline import ChildProcess, HubLine
from labgrade.verify.inputs import InputEncoder
from labgrade.verify.loosetext import LooseText
from labgrade.verify.proxy import Proxy, reference_of
from labgrade.verify.publicnames import public_name
from labgrade.verify.quiet import wait_for_end
from labgrade.verify.roots import Roots
from labgrade.verify.seeds import take_seeds
from labgrade.verify.shown import Shown, error_output, timeout_output
from labgrade.verify.sources import StudentTexts
from labgrade.verify.strikes import Strikes
from labgrade.verify.transcript import Transcript, without_timer
from labgrade.wire import (
    Channel,
    ChannelClosedError,
    CodecError,
    DeadlinePassedError,
    Decoder,
    ProtocolError,
)
from labgrade.wire.tags import Tag

__all__ = ["Student"]

_GRACE_S = 2.0
_START_S, _FRESH_START_S = 30.0, 180.0
_MAX_REPLAYS = 5


class _MalformedError(Exception):
    """A message that no child of ours sends."""


@dataclass
class Student:
    """One submission's process.

    Args:
        line: to the warm process.
        launch: the request that makes a child (folder, policy, environment).
        files: relative path -> bytes of its work folder.
        environment: variables that its cells see.
        limits: of time and output.
        seed: of its random numbers.
        epoch: how many processes there have been; objects belong to one.
        pictures: of the lab's own figures, by fingerprint; None: this process runs the lab's own cells.
        deadline: of ``time.monotonic`` for the question at hand; None: each question has its own.
        replays: how often a process had to be started again.
        texts: what the student wrote.
        roots: the names by which its objects were found.
        heartbeat: called before each cell that is run again.
        last_exit: how the last process ended.
        last_cause: why, where the warm process knows it.

    """

    line: HubLine
    launch: Mapping[str, Any]
    files: Mapping[str, bytes]
    environment: Mapping[str, str]
    limits: Limits
    seed: int
    epoch: int = 0
    pictures: Mapping[str, bytes] | None = field(default_factory=dict)
    deadline: float | None = None
    replays: int = 0
    texts: StudentTexts | None = None
    roots: Roots = field(default_factory=Roots)
    heartbeat: Callable[[], None] = lambda: None
    _channel: Channel | None = None
    _process: ChildProcess | None = None
    _text: LooseText | None = None
    _last_text: str = ""
    _request: int = 0
    _strikes: Strikes = field(default_factory=Strikes)
    _time_s: float = 0.0
    _transcript: Transcript = field(default_factory=Transcript)
    _callbacks: list[Callable[..., Any]] = field(default_factory=list)
    _inputs: list[Any] = field(default_factory=list)
    _remote: list[tuple[int, Any]] = field(default_factory=list)
    last_exit: int | None = None
    last_cause: str = ""

    def __post_init__(self) -> None:
        """Make the decoder, which knows this process's objects."""
        self._decoder = Decoder(self._from_node)

    @property
    def is_alive(self) -> bool:
        """Whether there is a process to ask."""
        return self._channel is not None

    def start(self) -> None:
        """Start a process with the submission's files; HubGoneError if there is none to be had."""
        ours, theirs = socket.socketpair()
        self._text = LooseText(self.limits.output_kib * 1024)
        with theirs:
            self._process = self.line.fork(dict(self.launch), [theirs.fileno(), self._text.fileno()])
        self._channel = Channel(ours)
        self.epoch += 1
        self._callbacks = []
        start_s = _FRESH_START_S if self.launch.get("start") == "spawn" else _START_S
        saved, self.deadline = self.deadline, time.monotonic() + start_s
        files, limit = dict(self.files), self.limits.output_kib * 1024
        self._exchange("open", (files, dict(self.environment), self.seed, limit, self.pictures), None)
        self.deadline = saved

    def stop(self, *, wait: bool = True) -> None:
        """End the process, if there is one.

        Args:
            wait: until it has ended, to learn how.

        """
        if self._process is not None:
            self._process.kill()
            if wait:
                self.last_exit, self.last_cause = self.line.wait_end(self._process.pid, 5.0)
            else:
                self.line.forget(self._process.pid)
            self._process.close()
            self._process = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._text is not None:
            self._last_text = self._written()
            self._text.close()
            self._text = None

    def _revive(self) -> None:
        """Start a fresh process and run again in it what had been answered."""
        self.heartbeat()
        if self.replays >= _MAX_REPLAYS:
            self.last_exit = None
            told = f"the student's process ended {self.replays} times; it is not started again"
            raise StudentGoneError(told)
        if self.epoch:
            self.replays += 1
        saved, self.deadline = self.deadline, None
        begun = time.monotonic()
        with without_timer():
            self.start()
            try:
                self._transcript.run(self._run_again, lambda: self._channel is not None)
            except StudentGoneError:
                self.stop()
                raise
        self.deadline = None if saved is None else saved + time.monotonic() - begun

    def _run_again(self, cell: tuple[str, int], share: float) -> None:
        self.heartbeat()
        self.deadline = time.monotonic() + self.limits.cell_s * share
        self._exchange("cell", cell, lambda event: None)

    # ---- cells ----

    def run_cell(self, source: str, count: int, *, remember: bool = True, share: float = 1.0) -> CellRun:
        """Run one cell.

        Args:
            source: its text.
            count: its execution count.
            remember: run it again in a process that has to be started again.
            share: of the time limit.

        """
        started = time.monotonic()
        shown = Shown()
        try:
            if self._channel is None:
                self._revive()
            self.deadline = time.monotonic() + self.limits.cell_s * share
            ok, name = self._exchange("cell", (source, count), shown.take)
        except StudentTimeoutError:
            if self._channel is not None and remember:
                self._transcript.add((source, count), is_overdue=True)
            shown.add_text("stdout", self._written())
            shown.outputs.append(timeout_output(self.limits.cell_s))
            return shown.run(CellState.TIMED_OUT, started, count)
        except StudentGoneError as error:
            self.stop()
            state, message = why_ended(self.last_exit, self.last_cause, str(error))
            shown.add_text("stdout", self._written())
            shown.outputs.append(error_output("DeadKernelError", message))
            return shown.run(state, started, count)
        finally:
            self.deadline = None
        if remember:
            self._transcript.add((source, count))
        shown.add_text("stdout", self._written())
        state = CellState.OK if ok is True else CellState.ERROR
        if state is CellState.ERROR and name == "MemoryError":
            state = CellState.OUT_OF_MEMORY
        return shown.run(state, started, count)

    def take_pictures(self) -> dict[str, bytes]:
        """Return what a process that runs the lab's own cells has drawn, by fingerprint."""
        self.deadline = time.monotonic() + _START_S
        kept = self._exchange("pictures", (), None)
        self.deadline = None
        return {mark: data for mark, data in dict(kept).items() if type(mark) is str and type(data) is bytes}

    def remember(self, source: str, count: int) -> None:
        """Count a cell among those to run again in a process that has to be started again."""
        self._transcript.add((source, count))
        if self._channel is not None:
            self.stop()

    def _written(self) -> str:
        """Return what C code and forked workers wrote to the descriptors since the last call."""
        if self._text is None:
            text, self._last_text = self._last_text, ""
            return text
        return self._text.take()

    # ---- questions ----

    def ask(self, operation: str, *args: Any) -> Any:
        """Ask the process for something and return it as data or as a proxy.

        Raises:
            StudentTimeoutError: there was no answer in time.
            StudentGoneError: the process ended.
            Exception: what the student's code raised, as its builtin type.

        """
        name = self.roots.counted_as(args)
        self._time_s = self._strikes.time_for(name, self.limits.cell_s)
        if self._channel is None:
            self._revive()
        saved = self.deadline
        until = time.monotonic() + self._time_s
        self.deadline = until if saved is None else min(saved, until)
        try:
            return self._ask(operation, args)
        except TestTimeout:
            self._strikes.count_hang(name)
            raise
        except StudentGoneError as error:
            if self._channel is None:
                self._strikes.count_end(name, str(error))
            raise
        finally:
            self.deadline = saved

    def _ask(self, operation: str, args: tuple[Any, ...]) -> Any:
        seeds = take_seeds()
        torch = sys.modules.get("torch")
        with_grad = torch.is_grad_enabled() if torch is not None else True
        self._inputs, self._remote = [], []
        question = (operation, args, seeds, with_grad, filters_of_test())
        answer = self._exchange("ask", question, None)
        try:
            kind, payload, warned = answer
            give_again(warned)
        except (TypeError, ValueError):
            self.stop()
            raise StudentGoneError("the student's process broke the rules of the connection") from None
        if kind == "raise":
            raise_described(payload)
        if not self._remote:
            return payload
        from labgrade.verify.gradients import attach_gradients

        return attach_gradients(self, payload, self._remote, self._inputs)

    def _exchange(self, operation: str, arguments: Any, on_event: Callable[[Any], None] | None) -> Any:
        channel = self._channel
        if channel is None:
            raise StudentGoneError("the student's process has ended")
        self._request += 1
        number = self._request
        header, buffers = InputEncoder(self._to_node, self._inputs).encode((number, operation, arguments))
        try:
            channel.send(header, buffers, self.deadline)
            while True:
                answer, kind, payload = self._receive(channel)
                if answer != number:
                    raise ProtocolError("an answer to something else")  # noqa: TRY301 - handled with the others below
                if kind == "ok":
                    return payload
                if kind == "refused":
                    raise CodecError(str(payload))
                if kind == "event" and on_event is not None:
                    on_event(payload)
                elif kind == "callback":
                    self._serve_callback(channel, number, payload)
                elif kind != "event":
                    raise ProtocolError("an unknown kind of message")  # noqa: TRY301 - handled with the others below
        except DeadlinePassedError:
            return self._on_deadline(channel, number, on_event)
        except (KeyboardInterrupt, TestTimeout):
            # The test's own limit struck while the student's code was at work.
            self._quieten(channel, number, None)
            raise
        except (ChannelClosedError, ProtocolError, _MalformedError) as error:
            self.stop()
            raise StudentGoneError(why_ended(self.last_exit, self.last_cause, str(error))[1]) from None

    def _receive(self, channel: Channel) -> tuple[int, str, Any]:
        header, raw = channel.receive(self.deadline)
        try:
            message = self._decoder.decode(header, raw)
        except CodecError as error:
            raise _MalformedError(str(error)) from None
        if type(message) is tuple and len(message) == 3 and type(message[1]) is str:
            return message
        raise _MalformedError("not a message")

    def _on_deadline(self, channel: Channel, number: int, on_event: Callable[[Any], None] | None) -> NoReturn:
        lives = self._quieten(channel, number, on_event)
        raise StudentTimeoutError(self._time_s, "" if lives else " and had to be ended")

    def _quieten(self, channel: Channel, number: int, on_event: Callable[[Any], None] | None) -> bool:
        """Interrupt a request; if that is ignored, end the process. Tell whether the process lives on."""
        if self._process is not None and self._process.signal(signal.SIGINT):
            until = time.monotonic() + _GRACE_S
            if wait_for_end(channel, self._decoder, number, on_event, until):
                return True
        self.stop()
        return False

    def _serve_callback(self, channel: Channel, number: int, payload: Any) -> None:
        header, buffers = answer_callback(self._callbacks, number, payload, self._to_node)
        channel.send(header, buffers, self.deadline)

    def _to_node(self, value: Any) -> list[Any]:
        if type(value) is Proxy:
            return [Tag.REFERENCE, self._number_now(value)]
        public = public_name(value)
        if public is not None:
            return [Tag.PUBLIC, *public]
        if callable(value):
            self._callbacks.append(value)
            return [Tag.CALLBACK, len(self._callbacks) - 1, getattr(value, "__name__", "function")]
        raise CodecError(f"an object of type {type(value).__name__} cannot be given to the student's code")

    def _number_now(self, proxy: Proxy) -> int:
        """Return the number of an object in the process of now; what has a name is looked up again by it."""
        place = reference_of(proxy)
        if place[0] == self.epoch:
            return place[1]
        question = self.roots.question(place)
        if question is None:
            raise StudentGoneError("this object was lost when the student's process had to be started again")
        kind, found, _ = self._exchange("ask", (*question, [], True, None), None)
        if kind != "value" or type(found) is not list or type(found[0]) is not Proxy:
            raise StudentGoneError("this object is not there any more in the process that was started again")
        self.roots.note_again(place, question)
        return reference_of(found[0])[1]

    def find(self, names: Sequence[str], module: str = "") -> dict[str, Any]:
        """Return those of the names that the notebook (or a module) has, with their values.

        What is returned here is found again by its name in a process that was started again.
        """
        values = self.ask("find", list(names), module)
        if type(values) is not list or len(values) != len(names):
            raise StudentGoneError("the names that came back are not those that were asked for")
        found = {}
        for name, value in zip(names, values, strict=True):
            if value is ...:
                continue
            found[name] = value
            if type(value) is Proxy:
                self.roots.note(value, name, module)
        return found

    def _from_node(self, node: list[Any]) -> Any:
        if node[0] == Tag.REMOTE_TENSOR and len(node) == 3 and type(node[1]) is int:
            tensor = self._decoder.value(node[2], 1)
            self._remote.append((node[1], tensor))
            return tensor
        if node[0] != Tag.HANDLE or len(node) != 6:
            raise CodecError("a value of the wrong kind")
        _, number, kind, type_name, _, bases = node
        texts = (kind, type_name, *bases) if type(bases) is list else (None,)
        if type(number) is not int or not all(type(text) is str for text in texts):
            raise CodecError("a wrong object")
        return Proxy(self, number, kind, type_name, tuple(bases))
