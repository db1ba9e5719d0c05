"""Several engines can use one warm process, and go on without it."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from handmade_labs import answer, make_lab, submit, test
from labgrade.engine import Engine, share_hub
from labgrade.model import Limits

LAB = make_lab(answer("a", "x = 1"), test("t", "assert x == 1"))


@pytest.fixture
def shared():
    hub = share_hub(Limits(), preload=())
    yield hub
    hub.close()


def test_engines_share_a_warm_process_and_outlive_it(shared):
    """Both grade at the same time; when the process ends, each goes on with its own."""
    scores = []

    def grade(engine):
        scores.extend(engine.run(LAB, submit(LAB)).notebooks[0].tests[0].score for _ in range(3))

    with Engine(hub=shared.connect()) as first, Engine(hub=shared.connect()) as second:
        assert first.pids[0] == second.pids[0]
        threads = [threading.Thread(target=grade, args=(engine,)) for engine in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert scores == [1] * 6
        os.kill(first.pids[0], signal.SIGKILL)
        run = first.run(LAB, submit(LAB))
        assert run.notebooks[0].tests[0].score == 1
        assert [finding.code for finding in run.findings] == ["engine-restarted"]
        assert first.pids[0] != second.pids[0]
