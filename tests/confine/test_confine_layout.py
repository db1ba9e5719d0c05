"""What a child will see, decided without any privilege: links, folders, policies."""

from __future__ import annotations

import os

import pytest
from labgrade.confine import ConfineError, Features, Level, Policy, landlock, readable_by_default
from labgrade.confine.launch import decode_policy, encode_policy, wrap_command
from labgrade.confine.level import Feature
from labgrade.confine.rootfs import lay_out, links_on_the_way
from labgrade.confine.steps import check, choose_level, make_plan


def test_links_on_the_way_through_two_links_are_all_found(tmp_path):
    """A path through links shows each link where it stands."""
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "first").symlink_to("real")
    (tmp_path / "real" / "second").symlink_to(tmp_path / "real" / "deep")
    found = links_on_the_way(str(tmp_path / "first" / "second"))
    assert found[-2:] == [
        (str(tmp_path / "first"), "real"),
        (f"{tmp_path}/real/second", f"{tmp_path}/real/deep"),
    ]


def test_links_on_the_way_in_a_circle_end(tmp_path):
    """A link to itself does not keep the grader busy."""
    (tmp_path / "loop").symlink_to("loop")
    assert len(links_on_the_way(str(tmp_path / "loop" / "x"))) == 40


def test_lay_out_for_nested_folders_makes_parents_first(tmp_path):
    """Folders come before what lies in them, and links are not made as folders."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    layout = lay_out((str(tmp_path / "link"),), (str(tmp_path),))
    assert list(layout.folders) == sorted(layout.folders)
    assert str(tmp_path / "real") in layout.folders
    assert str(tmp_path / "link") not in layout.folders
    shown = {path: attributes for path, _, attributes in layout.trees}
    assert shown[str(tmp_path / "real")] & 1, "read-only"
    assert not shown[str(tmp_path)] & 1, "writable"


def test_readable_by_default_leaves_out_source_folders():
    """An editable checkout is not shown: only labkit of it, since labs with answers may lie beside."""
    import labgrade
    import labkit

    shown = readable_by_default()

    def covered(path):
        return any(path == item or path.startswith(item + "/") for item in shown)

    assert covered(os.path.realpath(os.path.dirname(labkit.__file__)))
    assert covered(os.path.realpath(os.path.dirname(os.__file__)))
    if "site-packages" not in labgrade.__file__:
        assert not covered(os.path.realpath(os.path.dirname(labgrade.__file__)))
    assert not covered("/etc")
    assert not covered(os.path.expanduser("~"))


def test_policy_through_json_stays_the_same():
    """What the launcher receives is what the caller wrote."""
    policy = Policy(
        slot=3, floor=Level.FULL, hidden_paths=("/a",), environment=(("A", "b"),), allow_fork=True
    )
    assert decode_policy(encode_policy(policy)) == policy


@pytest.mark.parametrize("text", ["[]", '{"surprise": 1}', '{"floor": "none"}', "{"])
def test_policy_from_something_else_is_refused(text):
    """A policy that is not one is an error, not a default."""
    with pytest.raises(ValueError, match=r"."):
        decode_policy(text)


def test_wrap_command_names_no_shell():
    """The command is a list that ends with the caller's own."""
    assert wrap_command(Policy(), ["R", "--no-save"])[-3:] == ["--", "R", "--no-save"]


def _features(level: Level) -> Features:
    missing = Feature("namespaces", False, "not permitted", "ask")
    return Features(level, 7, False, False, False, "", (missing,))


def test_choose_level_above_the_ceiling_takes_the_ceiling():
    """An administrator may want less than the machine can do."""
    policy = Policy(ceiling=Level.LIMITS_ONLY, floor=Level.OFF)
    assert choose_level(policy, _features(Level.FULL)) is Level.LIMITS_ONLY


def test_choose_level_below_the_floor_says_what_is_missing():
    """The refusal names the level, the floor and the reason."""
    with pytest.raises(ConfineError, match=r"no-namespaces.*full.*not permitted") as caught:
        choose_level(Policy(floor=Level.FULL), _features(Level.NO_NAMESPACES))
    assert caught.value.cause == "below-floor"


def test_check_with_hidden_path_that_would_be_readable_is_refused(tmp_path):
    """Landlock cannot hide a folder inside a readable one, so the level without namespaces refuses."""
    secret = tmp_path / "course" / "answers"
    secret.mkdir(parents=True)
    policy = Policy(readonly_paths=(str(tmp_path),), hidden_paths=(str(secret),))
    plan = make_plan(policy, _features(Level.NO_NAMESPACES), Level.NO_NAMESPACES)
    with pytest.raises(ConfineError) as caught:
        check(plan)
    assert caught.value.cause == "hidden-path"


def test_check_in_a_process_with_threads_is_refused():
    """Only the calling thread would be confined."""
    import threading

    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    thread.start()
    try:
        plan = make_plan(Policy(), _features(Level.FULL), Level.FULL)
        with pytest.raises(ConfineError) as caught:
            check(plan)
        assert caught.value.cause == "threads"
    finally:
        gate.set()
        thread.join()


def test_plan_without_namespaces_forbids_processes():
    """A process could outlive its tree where no PID namespace ends it."""
    policy = Policy(allow_fork=True)
    features = _features(Level.FULL)
    assert make_plan(policy, features, Level.FULL).may_fork
    assert not make_plan(policy, features, Level.NO_NAMESPACES).may_fork


@pytest.mark.parametrize(("version", "bits"), [(1, 13), (2, 14), (3, 15), (4, 15), (5, 16), (7, 16)])
def test_landlock_rights_grow_with_the_version(version, bits):
    """Each version adds the rights that its kernel documentation names."""
    assert landlock.handled_rights(version) == (1 << bits) - 1
