"""Work folders are removed whatever a student made of them."""

from __future__ import annotations

import os

import pytest
from labgrade.confine import make_work_dir, remove_tree


def test_remove_tree_nested_deeper_than_a_path_may_be_is_gone(tmp_path):
    """Three thousand levels have a path longer than the system takes and deeper than recursion."""
    top = tmp_path / "work"
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    remove_tree(str(top))
    assert not top.exists()


def test_remove_tree_with_links_out_leaves_their_targets(tmp_path):
    """Symbolic links are removed, not followed; hard links lose one name."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    top = tmp_path / "work"
    (top / "sub").mkdir(parents=True)
    (top / "link").symlink_to(outside)
    (top / "sub" / "link").symlink_to(outside / "kept")
    os.link(outside / "kept", top / "hard")
    os.mkfifo(top / "fifo")
    (top / "sub" / ".moved-1").mkdir()
    remove_tree(str(top))
    assert not top.exists()
    assert (outside / "kept").read_text() == "kept"


def test_remove_tree_without_permissions_is_gone(tmp_path):
    """A folder that its owner locked is opened again."""
    top = tmp_path / "work"
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "b" / "file").write_text("x")
    for path in (top / "a" / "b", top / "a", top):
        path.chmod(0)
    remove_tree(str(top))
    assert not top.exists()


def test_remove_tree_that_is_gone_is_no_error(tmp_path):
    """Removing twice is harmless."""
    remove_tree(str(tmp_path / "never"))


def test_remove_tree_of_a_link_is_refused(tmp_path):
    """If the folder itself was replaced by a link, nothing behind it is touched."""
    (tmp_path / "kept").mkdir(mode=0o700)
    (tmp_path / "work").symlink_to(tmp_path / "kept")
    with pytest.raises(OSError, match=r"."):
        remove_tree(str(tmp_path / "work"))
    assert (tmp_path / "kept").exists()


def test_make_work_dir_can_be_entered_by_its_child_only(tmp_path):
    """Nobody else may look in."""
    path = make_work_dir(str(tmp_path), slot=5)
    assert os.stat(path).st_mode & 0o777 == 0o700
