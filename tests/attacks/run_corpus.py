"""Grade submissions of the corpus with one engine, and print JSON: name -> score, what is wrong, findings.

Usage: run_corpus.py LEVEL [NAME …]; all of them without names. LEVEL: what the engine must reach, or ``any``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from attack_corpus import ALL
from attack_corpus.attack import honest
from labgrade.engine import Engine
from rig import LIMITS, Services, grade, litter, make_course, survivors


def main(level: str, names: list[str]) -> None:
    """Print the results."""
    os.environ["OMP_NUM_THREADS"] = "1"
    started = time.time()
    chosen = [entry for entry in ALL if entry.name in names] if names else list(ALL)
    assert len(chosen) == len(names) or not names, "an unknown name"
    results: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        course = make_course(Path(folder, "course"), Services(9, "nothing", f"{folder}/nothing"))
        course.hand_in(honest("honest", "0", "the submission that others try to reach"))
        with Engine(LIMITS, sandbox="strict" if level == "full" else "auto") as engine:
            for entry in chosen:
                begun = time.monotonic()
                graded = grade(course, engine, entry)
                results[entry.name] = {
                    "score": graded.score,
                    "faults": graded.faults(course.canary) + litter(),
                    "findings": sorted({finding.code for finding in graded.findings}),
                    "seconds": round(time.monotonic() - begun, 2),
                }
            reached = engine.level
    print(json.dumps({"level": reached, "survivors": survivors(started), "results": results}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
