"""One course and one engine for the whole corpus, and services that no attack may reach."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from attack_corpus.attack import honest
from labgrade.engine import Engine
from rig import LIMITS, Course, Services, make_course


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Something listens on every kind of socket that a machine offers to its programs."""
    folder = tmp_path_factory.mktemp("services")
    path = str(folder / "socket")
    tcp, by_path, abstract = socket.socket(), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    name = f"attack-corpus-{os.getpid()}"
    with tcp, by_path, abstract:
        tcp.bind(("127.0.0.1", 0))
        by_path.bind(path)
        abstract.bind("\0" + name)
        for listener in (tcp, by_path, abstract):
            listener.listen()
        yield Services(tcp.getsockname()[1], name, path)


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory, services: Services) -> Course:
    """A course with a submission that others try to reach."""
    made = make_course(tmp_path_factory.mktemp("attacks") / "course", services)
    made.hand_in(honest("honest", "0", "the submission that others try to reach"))
    return made


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine with the strongest confinement of this machine, and small limits."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with Engine(LIMITS) as started:
        yield started
