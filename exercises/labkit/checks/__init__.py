"""Runs the tests of a cell in the notebook and shows how they ended.

``check`` is what a test cell calls; ``points``, ``needs`` and ``timeout`` mark its tests. Everything else is
for tools: ``recording_results`` collects what checks give, ``collect_tests`` and ``run_tests`` are the two
halves of ``check``, ``trust_folder`` tells which code is not the student's.
"""

from labkit.checks.collect import collect_tests
from labkit.checks.failure import Failure, NotAttempted
from labkit.checks.frames import trust_folder
from labkit.checks.marks import Tiers, needs, points, timeout
from labkit.checks.model import CheckError, CheckResult, Fact, Outcome, TestResult
from labkit.checks.run import check, recording_results, run_tests

__all__ = [
    "CheckError",
    "CheckResult",
    "Fact",
    "Failure",
    "NotAttempted",
    "Outcome",
    "TestResult",
    "Tiers",
    "check",
    "collect_tests",
    "needs",
    "points",
    "recording_results",
    "run_tests",
    "timeout",
    "trust_folder",
]
