"""The probe matrix: everything hostile is refused at each level, everything honest works."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import run_script, users
from labgrade.confine import Level, available, credentials
from probes import NEEDS, PROBES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux's")

WITHOUT_NAMESPACES = {
    "stat_answers": "Landlock does not hide that a file exists, how large it is and when it changed",
    "change_to_graders_folder": "nor does it rule over the current folder; nothing can be read there",
    "see_host_name": "there is only the machine's own",
    "make_very_many_files": "the work folder is part of the machine's file system",
    "fill_the_disk": "one file is limited, their number is not",
}
OPEN_ON_PURPOSE = {
    "full": {},
    "full+fork": {
        "fork_a_process": "allowed by this policy; they end with the namespace",
        "fork_by_bare_call": "the same",
    },
    "no-namespaces": WITHOUT_NAMESPACES,
}
NOT_OPEN_ANYWHERE = {
    "call_with_unknown_number": "no kernel has it",
    "call_through_x32": "most kernels are built without it",
    "call_as_32_bit_program": "some kernels are built without it",
    "queue_signal_to_victim": "the zeroed record that the probe sends is refused to everyone",
    "open_first_disk": "the machine may have none, or protect it",
    "open_kernel_log": "the device may be missing",
    "open_message_queue": "a name that is too long is refused as if by a rule",
    "open_performance_counter": "the processor may have none",
    "load_a_kernel_module": "the kernel may be built without modules",
    "open_vsock_socket": "the kernel may be built without it",
    "open_answers_by_handle": "some file systems have no handles",
    "set_attribute_of_answers": "some file systems have no attributes",
    "read_password_hashes": "some images have no such file",
    "attach_graders_shared_memory": "an image may be without it",
}


def _reachable(level: str) -> bool:
    return available().level.reaches(Level(level.partition("+")[0]))


@pytest.mark.parametrize("level", list(OPEN_ON_PURPOSE))
@pytest.mark.parametrize("user", users())
def test_probes_at_each_level_are_refused_but_for_the_named(matrix, user, level):
    """Nothing is open that is not on the list, and nothing stays on the list that is closed."""
    if not _reachable(level):
        pytest.skip(f"this machine does not reach {level}")
    results = matrix(user, level)
    opened = {name for name in PROBES if not results[name].startswith("closed")}
    expected = set(OPEN_ON_PURPOSE[level])
    barred = credentials.unreadable_for_others(credentials.interpreter_paths(), with_parents=True)
    if user == "self" and os.geteuid() == 0 and level == "no-namespaces" and barred:
        # The right to read the interpreter, which only root may: Landlock still rules over every file.
        expected.add("have_a_capability")
    assert {name: results[name] for name in opened ^ expected} == {}


@pytest.mark.parametrize("level", list(OPEN_ON_PURPOSE))
@pytest.mark.parametrize("user", users())
def test_needs_of_honest_work_at_each_level_are_met(matrix, user, level):
    """What an honest notebook does works at every level, for every user."""
    if not _reachable(level):
        pytest.skip(f"this machine does not reach {level}")
    results = matrix(user, level)
    assert {name: results[name] for name in NEEDS if not results[name].startswith("open")} == {}


@pytest.mark.skipif(sys.platform == "linux" and os.geteuid() != 0, reason="only root has everything open")
def test_probes_unconfined_get_through(matrix):
    """A probe that is refused even in a plain fork of root would show nothing elsewhere."""
    results = matrix("self", "bare")
    refused = {name: results[name] for name in PROBES if not results[name].startswith("open")}
    assert {name: said for name, said in refused.items() if name not in NOT_OPEN_ANYWHERE} == {}


def test_probes_are_many():
    """The matrix covers files, processes, network and kernel."""
    assert len(PROBES) >= 90


WITHOUT_A_LAYER = {
    "full+without-seccomp": (
        "lock_shared_file_by_flock fork_a_process start_a_program survive_the_grader open_netlink_socket "
        "make_system_v_memory add_a_key make_anonymous_file pin_to_a_processor"
    ),
    "no-namespaces+without-seccomp": "fork_a_process send_a_datagram add_a_key make_anonymous_file",
    "no-namespaces+without-landlock": (
        "read_answers list_graders_folder leave_file_in_tmp find_grader_in_process_list"
    ),
}


@pytest.mark.parametrize("level", list(WITHOUT_A_LAYER))
def test_probes_without_one_layer_get_through(level):
    """The other layers do not cover these, so a layer that silently does nothing would be noticed."""
    if not _reachable(level):
        pytest.skip(f"this machine does not reach {level}")
    names = WITHOUT_A_LAYER[level].split()
    done = run_script("self", "run_matrix.py", level, *names)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert {name: said for name, said in results.items() if not said.startswith("open")} == {}
    assert len(results) == len(names)
