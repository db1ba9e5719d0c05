"""Reads the records that trainings and calibrations leave in ``exercises/LAB/records``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["RecordError", "Run", "Threshold", "read_records"]


class RecordError(ValueError):
    """A record that lacks a field, or has one of the wrong kind."""


@dataclass(frozen=True)
class Run:
    """A training that a text or a table cites.

    Args:
        lab: folder of the lab.
        name: file name without ending.
        title: what was trained.
        result: name of a figure -> its value.
        epochs: number of epochs run.
        cpu_minutes: of training and validation together, all epochs.
        parameters: number of trained numbers, or None.
        seed: of the run, or None.
        machine: processor, threads, torch, python.

    """

    lab: str
    name: str
    title: str
    result: Mapping[str, float]
    epochs: int
    cpu_minutes: float
    parameters: int | None
    seed: int | None
    machine: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Threshold:
    """A limit on a measured figure, and the seeds it was set with.

    Args:
        lab: folder of the lab.
        question: id.
        figure: what is measured.
        better: ``lower`` or ``higher``.
        limit: of the test.
        solution: seed -> value of the lab's own solution.
        mutants: what is wrong -> seed -> value.
        machine: processor, threads, torch, python.

    """

    lab: str
    question: str
    figure: str
    better: str
    limit: float
    solution: Mapping[str, float]
    mutants: Mapping[str, Mapping[str, float]]
    machine: Mapping[str, Any] = field(default_factory=dict)

    def passes(self, value: float) -> bool:
        """Whether a value is on the good side of the limit."""
        return value <= self.limit if self.better == "lower" else value >= self.limit


def read_records(exercises: Path) -> tuple[list[Run], list[Threshold]]:
    """Read all records of all labs.

    Args:
        exercises: the folder of the labs.

    Returns:
        Runs and thresholds, by lab and name.

    Raises:
        RecordError: names the file and the field that is missing.

    """
    runs: list[Run] = []
    thresholds: list[Threshold] = []
    for path in sorted(exercises.glob("*/records/*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if path.name.startswith("thresholds-"):
                thresholds.append(_threshold(path, record))
            elif "epochs" in record:
                runs.append(_run(path, record))
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(f"{path}: {type(error).__name__}: {error}") from error
    return runs, thresholds


def _run(path: Path, record: dict[str, Any]) -> Run:
    settings, epochs = record["settings"], record["epochs"]
    if "result" in record:
        title, result = record["run"], record["result"]
    else:  # the language models of lab 02: the best validation loss is the result
        title = f"{settings['kind']}, {settings['corpus']}"
        result = {"validation loss in nats": min(epoch["valid"] for epoch in epochs)}
    return Run(
        lab=path.parents[1].name,
        name=path.stem,
        title=title,
        result={name: float(value) for name, value in result.items() if isinstance(value, int | float)},
        epochs=len(epochs),
        cpu_minutes=sum(epoch["cpu_minutes"] for epoch in epochs),
        parameters=record.get("parameters", settings.get("parameters")),
        seed=settings.get("seed"),
        machine=record["machine"],
    )


def _threshold(path: Path, record: dict[str, Any]) -> Threshold:
    return Threshold(
        lab=path.parents[1].name,
        question=record["question"],
        figure=record["figure"],
        better=record["better"],
        limit=float(record["limit"]),
        solution=record["solution"],
        mutants=record["mutants"],
        machine=record["machine"],
    )
