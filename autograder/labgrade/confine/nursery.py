"""Where confined children come from: a warmed process asks once what is possible, then forks many times.

A child that is the first process of its PID namespace from the start needs no middle process. That saves one
fork of a large process, which is the greater part of what confinement costs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

from labgrade.confine import namespaces, process, steps
from labgrade.confine.level import ConfineError, Level
from labgrade.confine.linux import CLONE_NEWPID, setns, unshare
from labgrade.confine.policy import Policy
from labgrade.confine.probe import available

__all__ = ["Nursery"]


def _settle() -> None:
    """Get the right to make PID namespaces: from within one that belongs to a user namespace of our own."""
    namespaces.enter_user_namespace(with_processes=True)
    process.die_with_parent()  # a new user namespace changes credentials
    alive_fd, hold_fd = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        os.close(hold_fd)
        process.die_with_parent()
        process.exit_if_closed(alive_fd)
        os.close(alive_fd)
        namespaces.show_own_processes()
        return
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the child's to answer
        process.close_descriptors((hold_fd,))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        os._exit(code if code >= 0 else 128 - code)


class Nursery:
    """Forks children that confine themselves; the calling process must have one thread.

    Below level ``no-namespaces`` there is no nursery: use :func:`labgrade.confine.enter`.

    For an ordinary user, the process goes on in a user and a PID namespace of its own (files and rights stay
    the same user's): the caller's code continues in a child, while the process that called stays to wait for
    it, exits with its code, and takes it along when it is killed. So make the nursery before large imports.

    Args:
        policy: what every child may use. :meth:`fork` may be given another one with the same ``ceiling``.

    Raises:
        ConfineError: the machine does not reach the policy's floor, or reaches less than ``no-namespaces``.

    """

    def __init__(self, policy: Policy) -> None:
        self._features = available()
        self._policy = policy
        self.level = steps.choose_level(policy, self._features)
        if not self.level.reaches(Level.NO_NAMESPACES):
            raise ConfineError("nursery", f"level {self.level!s} has no need of one")
        plan = steps.make_plan(policy, self._features, self.level)
        steps.warm(plan)
        self._nests = self.level is Level.FULL and self._features.user_namespace
        self._own_pid_namespace = -1
        if self._nests:
            _settle()
        if self.level is Level.FULL:
            self._own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._alive_fd, self._hold_fd = os.pipe2(os.O_CLOEXEC)

    def fork(self, policy: Policy | None = None, keep_fds: Iterable[int] = ()) -> int:
        """Fork a child and confine it.

        Args:
            policy: what this child may use; the nursery's own if None.
            keep_fds: descriptors that it keeps; of 0, 1 and 2 those not named become ``/dev/null``.

        Returns:
            In the calling process the child's process id: SIGKILL to it ends its whole tree. In the child 0,
            confined at :attr:`level`, in its work folder, with the policy's environment.

        Raises:
            ConfineError: raised in the child, which must end: it may be half confined. Raised in the caller
                if it has more than one thread, or no child could be made.

        """
        plan = steps.make_plan(policy or self._policy, self._features, self.level)
        steps.check(plan)
        parent = os.getpid()
        pid = self._fork_into_namespace() if self.level is Level.FULL else os.fork()
        if pid:
            return pid
        process.close_descriptors((*keep_fds, self._alive_fd))
        process.become_session_leader()
        process.reset_signals()
        # The first process of a PID namespace sees no number of its parent: the pipe tells instead.
        process.die_with_parent(None if self.level is Level.FULL else parent)
        if self.level is Level.FULL:
            namespaces.leave_all_but_processes()
        steps.confine(plan, self._alive_fd, nest_user_namespace=self._nests)
        return 0

    def _fork_into_namespace(self) -> int:
        try:
            unshare(CLONE_NEWPID)
            try:
                pid = os.fork()
            except BaseException:
                setns(self._own_pid_namespace, CLONE_NEWPID)
                raise
            if pid:
                setns(self._own_pid_namespace, CLONE_NEWPID)
        except OSError as error:
            raise ConfineError("fork", str(error)) from error
        return pid

    def close(self) -> None:
        """Close the nursery's descriptors; children that are confined already live on."""
        for fd in (self._alive_fd, self._hold_fd, self._own_pid_namespace):
            if fd >= 0:
                os.close(fd)
