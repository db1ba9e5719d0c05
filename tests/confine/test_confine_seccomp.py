"""The filter, interpreted as the kernel would: every architecture can be checked on every machine."""

from __future__ import annotations

import errno
import re
import struct
from functools import cache
from pathlib import Path

import pytest
from labgrade.confine import bpf, seccomp
from labgrade.confine.syscall_table import LAST_KNOWN, SYSCALLS, number

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ARCHITECTURES = list(AUDIT)
REFUSED = bpf.errno_verdict(errno.EPERM)
PRETENDED = bpf.errno_verdict(0)


_build = cache(seccomp.build)


def verdict(rules, architecture, name, *arguments):
    """Return what the filter answers to a call."""
    value = number(name, architecture) if isinstance(name, str) else name
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=IIQ6Q", value, AUDIT[architecture], 0, *(item & (1 << 64) - 1 for item in padded))
    return bpf.run(_build(rules, architecture), data)


PLAIN = seccomp.Rules()
FORKING = seccomp.Rules(allow_fork=True)
ALONE = seccomp.Rules(only_signal=4711, freeze_metadata=True, refuse_truncate=True)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_filter_for_never_calls_refuses(architecture):
    """Each call on the deny-list is refused, whatever its arguments."""
    for names in seccomp._NEVER.values():
        for name in names.split():
            if number(name, architecture) is not None:
                assert verdict(FORKING, architecture, name, 1, 2, 3) == REFUSED, name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_filter_for_everyday_calls_allows(architecture):
    """Reading, writing, waiting and asking about oneself pass."""
    for name in ("read", "write", "openat", "getpid", "getdents64", "recvmsg", "sendto", "exit"):
        assert verdict(ALONE, architecture, name) == bpf.ALLOW, name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_filter_for_foreign_architecture_kills(architecture):
    """A call made through another architecture's interface ends the process."""
    program = seccomp.build(PLAIN, architecture)
    data = struct.pack("=IIQ6Q", 1, 0x40000003, 0, 0, 0, 0, 0, 0, 0)
    assert bpf.run(program, data) == bpf.KILL_PROCESS


def test_filter_for_x32_calls_kills():
    """The x32 interface reuses the architecture's mark with a bit in the number."""
    assert verdict(PLAIN, "x86_64", 0x40000000 + 39) == bpf.KILL_PROCESS


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_filter_for_calls_newer_than_the_table_says_not_implemented(architecture):
    """What did not exist when the list was made cannot be judged, so it is not there."""
    assert verdict(PLAIN, architecture, LAST_KNOWN + 1) == bpf.errno_verdict(errno.ENOSYS)
    assert verdict(PLAIN, architecture, "clone3") == bpf.errno_verdict(errno.ENOSYS)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_filter_for_clone_lets_threads_pass(architecture):
    """A thread passes, a process only if allowed, a namespace never."""
    thread, process, signal_child = 0x3D0F00, 0x01200011, 17
    assert verdict(PLAIN, architecture, "clone", thread) == bpf.ALLOW
    assert verdict(PLAIN, architecture, "clone", process) == REFUSED
    assert verdict(FORKING, architecture, "clone", process) == bpf.ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x8000):
        assert verdict(FORKING, architecture, "clone", flag | signal_child) == REFUSED, hex(flag)
        assert verdict(PLAIN, architecture, "clone", flag | thread) == REFUSED, hex(flag)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_filter_for_sockets_follows_the_rules(architecture):
    """None at all, then only local ones, then internet and routes but no other netlink."""
    networked = seccomp.Rules(allow_fork=True, allow_network=True)
    for family, protocol, expected in (
        (1, 0, (REFUSED, bpf.ALLOW, bpf.ALLOW)),
        (2, 0, (REFUSED, REFUSED, bpf.ALLOW)),
        (10, 0, (REFUSED, REFUSED, bpf.ALLOW)),
        (16, 0, (REFUSED, REFUSED, bpf.ALLOW)),
        (16, 9, (REFUSED, REFUSED, REFUSED)),
        (17, 3, (REFUSED, REFUSED, REFUSED)),
        (40, 0, (REFUSED, REFUSED, REFUSED)),
    ):
        said = tuple(
            verdict(rules, architecture, "socket", family, 1, protocol)
            for rules in (PLAIN, FORKING, networked)
        )
        assert said == expected, family


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_filter_for_signals_without_namespace_allows_only_itself(architecture):
    """Neither others, nor groups, nor everybody."""
    assert verdict(ALONE, architecture, "kill", 4711, 9) == bpf.ALLOW
    for pid in (0, 1, 4712, -1, -4711):
        assert verdict(ALONE, architecture, "kill", pid, 9) == REFUSED, pid
    assert verdict(ALONE, architecture, "tgkill", 4711, 4713, 9) == bpf.ALLOW
    assert verdict(ALONE, architecture, "tgkill", 4712, 4712, 9) == REFUSED
    assert verdict(ALONE, architecture, "prlimit64", 0) == bpf.ALLOW
    assert verdict(ALONE, architecture, "prlimit64", 1) == REFUSED
    assert verdict(PLAIN, architecture, "kill", 1, 9) == bpf.ALLOW


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_filter_for_metadata_pretends_where_landlock_does_not_rule(architecture):
    """Changing modes and times succeeds without effect, truncation by path is refused."""
    for name in ("fchmod", "fchmodat", "fchownat", "utimensat", "setxattr"):
        assert verdict(ALONE, architecture, name) == PRETENDED, name
        assert verdict(PLAIN, architecture, name) == bpf.ALLOW, name
    assert verdict(ALONE, architecture, "truncate") == REFUSED
    assert verdict(PLAIN, architecture, "truncate") == bpf.ALLOW


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_filter_for_arguments_looks_at_commands(architecture):
    """Locks, typing into terminals and forgetting the parent are refused; their calls are not."""
    for command in (5, 6, 7, 36, 37, 38, 1024):
        assert verdict(PLAIN, architecture, "fcntl", 3, command) == REFUSED, command
        locking = verdict(seccomp.Rules(allow_locks=True), architecture, "fcntl", 3, command)
        assert locking == (REFUSED if command == 1024 else bpf.ALLOW)
    assert verdict(PLAIN, architecture, "flock", 3, 2) == REFUSED
    assert verdict(PLAIN, architecture, "fcntl", 3, 3) == bpf.ALLOW
    for request in (0x5412, 0x541C, 0xFFFF_FFFF_0000_5412):
        assert verdict(PLAIN, architecture, "ioctl", 0, request) == REFUSED
    assert verdict(PLAIN, architecture, "ioctl", 0, 0x5401) == bpf.ALLOW
    assert verdict(PLAIN, architecture, "prctl", 1) == REFUSED
    assert verdict(PLAIN, architecture, "prctl", 15) == bpf.ALLOW
    assert verdict(PLAIN, architecture, "execve") == REFUSED
    assert verdict(seccomp.Rules(allow_exec=True), architecture, "execve") == bpf.ALLOW


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_filter_fits_into_what_the_kernel_takes(architecture):
    """The longest filter has room to spare, and every instruction has eight bytes."""
    rules = seccomp.Rules(only_signal=1, freeze_metadata=True, refuse_truncate=True)
    code = seccomp.build(rules, architecture).assemble()
    assert len(code) % 8 == 0
    assert len(code) // 8 < 1000


def test_program_with_a_jump_too_far_is_refused():
    """Jumps have eight bits; a longer one must not wrap around."""
    with pytest.raises(ValueError, match="8 bits"):
        bpf.Program().add(bpf.JUMP_IF_EQUAL, 1, 256)
    with pytest.raises(ValueError, match="possible"):
        bpf.Program().assemble()


def test_program_for_many_calls_answers_each():
    """More numbers than one jump can pass over are split."""
    program = bpf.Program()
    program.add(bpf.LOAD, bpf.NUMBER_OFFSET)
    program.verdict_for_calls(range(0, 1000, 2), 7)
    program.add(bpf.RETURN, 8)
    for value in range(1000):
        data = struct.pack("=II", value, 0) + bytes(56)
        assert bpf.run(program, data) == (7 if value % 2 == 0 else 8)


@pytest.mark.parametrize(
    ("header", "column"),
    [("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", 0), ("/usr/include/asm-generic/unistd.h", 1)],
)
def test_table_where_kernel_headers_are_installed_equals_them(header, column):
    """Where the kernel's own headers lie, every number that they name is ours."""
    if not Path(header).exists():
        pytest.skip("kernel headers are not installed")
    found = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", Path(header).read_text()))
    shared = {name: int(found[name]) for name in SYSCALLS if name in found}
    assert len(shared) > 150
    assert {name: SYSCALLS[name][column] for name in shared} == shared
