"""What a cell has shown, put together from the events of its process; capped, whatever it sends."""

from __future__ import annotations

import time
from typing import Any

from labgrade.model import CellRun, CellState, Output

__all__ = ["Shown", "error_output", "timeout_output"]

_MAX_OUTPUTS = 2_000
_MAX_CHARACTERS = 24 * 1024 * 1024
_STREAMS = ("stdout", "stderr")


class Shown:
    """The outputs of one cell, in order, as nbformat has them."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self._displays: dict[str, list[int]] = {}
        self._characters = 0

    def take(self, event: Any) -> None:
        """Add one event; one that is not as it should be is left out."""
        if type(event) is not tuple or not event:
            return
        match event:
            case ("stream", str(name), str(text)) if name in _STREAMS:
                self.add_text(name, text)
            case ("output", dict(output)):
                self._add(output)
            case ("update", str(display_id), dict(output)):
                for index in self._displays.get(display_id, ()):
                    cleaned = _clean(output)
                    if cleaned is not None and index < len(self.outputs):
                        self.outputs[index] = cleaned
            case ("clear",):
                self.outputs.clear()
                self._displays.clear()

    def add_text(self, name: str, text: str) -> None:
        """Add text of a stream, to the last output if that is the same stream."""
        if not text or not self._has_room(len(text)):
            return
        last = self.outputs[-1] if self.outputs else None
        if last is not None and last["output_type"] == "stream" and last["name"] == name:
            last["text"] += text
        else:
            self.outputs.append({"output_type": "stream", "name": name, "text": text})

    def run(self, state: CellState, started: float, count: int) -> CellRun:
        """Return the finished cell."""
        for output in self.outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
        return CellRun(state, tuple(self.outputs), time.monotonic() - started, count)

    def _add(self, output: dict[str, Any]) -> None:
        transient = output.get("transient")
        cleaned = _clean(output)
        if cleaned is None or not self._has_room(_size(cleaned)):
            return
        if type(transient) is dict and type(transient.get("display_id")) is str:
            self._displays.setdefault(transient["display_id"], []).append(len(self.outputs))
        self.outputs.append(cleaned)

    def _has_room(self, characters: int) -> bool:
        self._characters += characters
        return self._characters <= _MAX_CHARACTERS and len(self.outputs) < _MAX_OUTPUTS


def _clean(output: dict[str, Any]) -> Output | None:
    """Return an output that nbformat accepts, made of plain parts only; None if it cannot be one."""
    kind = output.get("output_type")
    if kind == "error":
        trace = output.get("traceback")
        lines = [line for line in trace if type(line) is str] if type(trace) is list else []
        return error_output(str(output.get("ename", "")), str(output.get("evalue", "")), lines)
    data, metadata = output.get("data"), output.get("metadata")
    if kind not in ("display_data", "execute_result") or type(data) is not dict:
        return None
    bundle = {key: value for key, value in data.items() if type(key) is str and _is_json(value, 0)}
    about = (
        {key: value for key, value in metadata.items() if type(key) is str and _is_json(value, 0)}
        if (type(metadata) is dict)
        else {}
    )
    cleaned: Output = {"output_type": kind, "data": bundle, "metadata": about}
    if kind == "execute_result":
        cleaned["execution_count"] = None
    return cleaned


def _is_json(value: Any, depth: int) -> bool:
    if value is None or type(value) in (bool, str):
        return True
    if type(value) is int:
        return -(1 << 63) <= value < 1 << 63
    if type(value) is float:
        return value == value and value not in (float("inf"), float("-inf"))
    if depth > 16:
        return False
    if type(value) is list:
        return all(_is_json(part, depth + 1) for part in value)
    if type(value) is dict:
        return all(type(key) is str and _is_json(part, depth + 1) for key, part in value.items())
    return False


def _size(output: Output) -> int:
    return sum(len(part) for part in output.get("data", {}).values() if type(part) is str) + sum(
        map(len, output.get("traceback", ()))
    )


def error_output(name: str, text: str, lines: list[str] | None = None) -> Output:
    """Return an error output."""
    trace = lines if lines else [f"\x1b[31m{name}\x1b[39m: {text}"]
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": trace}


def timeout_output(limit_s: float) -> Output:
    """Return the error output of a cell that was stopped, as nbclient words it."""
    return error_output("CellTimeoutError", f"the cell did not finish within {limit_s:g} s and was stopped")
