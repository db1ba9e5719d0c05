"""What a hostile student might try, one small function each.

A probe does its deed and returns what it got, or raises OSError when the system refused. A return means open.
Deeds are chosen so that they do no harm where nothing stops them: those that need an argument to be harmful
get a wrong one, and an error other than a refusal then shows that the way was open.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import resource
import signal
import socket
import struct
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path

from stage import SECRET, Stage

Probe = Callable[[Stage], object]
PROBES: dict[str, Probe] = {}
NEEDS: dict[str, Probe] = {}

_libc = ctypes.CDLL(None, use_errno=True)
_X86 = platform.machine() in ("x86_64", "AMD64")
REFUSALS = {
    getattr(errno, name)
    for name in [
        "EPERM",
        "EACCES",
        "ENOSYS",
        "EROFS",
        "ENOENT",
        "ESRCH",
        "ENETUNREACH",
        "EXDEV",
        "ENOSPC",
        "EFBIG",
        "EAFNOSUPPORT",
    ]
}


def probe(function: Probe) -> Probe:
    """Register something that must be refused."""
    PROBES[function.__name__] = function
    return function


def need(function: Probe) -> Probe:
    """Register something that honest work needs."""
    NEEDS[function.__name__] = function
    return function


def call(x86: int, arm: int, *arguments: int | bytes | None) -> int:
    """Make a raw system call; any error but a refusal counts as having got through."""
    converted = [
        ctypes.c_char_p(item)
        if isinstance(item, bytes)
        else ctypes.c_void_p(None)
        if item is None
        else ctypes.c_long(item)
        for item in arguments
    ]
    result = _libc.syscall(ctypes.c_long(x86 if _X86 else arm), *converted)
    code = ctypes.get_errno()
    if result < 0 and code in REFUSALS:
        raise OSError(code, os.strerror(code))
    return int(result)


# --- files -----------------------------------------------------------------------------------------


def _effect(there: bool) -> object:
    if not there:
        raise PermissionError(errno.EPERM, "the call did nothing")
    return "changed"


@probe
def read_answers(stage: Stage) -> object:
    return Path(stage.secret).read_text()


@probe
def stat_answers(stage: Stage) -> object:
    return os.stat(stage.secret).st_size


@probe
def list_graders_folder(stage: Stage) -> object:
    return os.listdir(stage.folder)


@probe
def change_to_graders_folder(stage: Stage) -> object:
    os.chdir(stage.folder)
    return os.getcwd()


@probe
def read_answers_through_link(stage: Stage) -> object:
    os.symlink(stage.secret, "link")
    return Path("link").read_text()


@probe
def link_answers_into_work(stage: Stage) -> object:
    os.link(stage.secret, "hard")
    return Path("hard").read_text()


@probe
def overwrite_answers(stage: Stage) -> object:
    return Path(stage.secret).write_text(SECRET)


@probe
def truncate_answers(stage: Stage) -> object:
    os.truncate(stage.secret, len(SECRET))
    return "truncated"


@probe
def change_mode_of_answers(stage: Stage) -> object:
    os.chmod(stage.secret, 0o600)
    return _effect(os.stat(stage.secret).st_mode & 0o777 == 0o600)


@probe
def change_time_of_answers(stage: Stage) -> object:
    os.utime(stage.secret, (1, 1))
    return _effect(os.stat(stage.secret).st_mtime == 1)


@probe
def set_attribute_of_answers(stage: Stage) -> object:
    os.setxattr(stage.secret, "user.mark", b"x")
    return _effect("user.mark" in os.listxattr(stage.secret))


@probe
def remove_answers(stage: Stage) -> object:
    spare = stage.folder + "/spare"
    os.unlink(spare)
    return "removed"


@probe
def rename_graders_file(stage: Stage) -> object:
    os.rename(stage.folder + "/spare", stage.folder + "/other")
    return "renamed"


@probe
def make_file_beside_answers(stage: Stage) -> object:
    return Path(stage.folder, "forged").write_text("x")


@probe
def make_folder_beside_answers(stage: Stage) -> object:
    os.mkdir(stage.folder + "/forged-folder")
    return "made"


@probe
def read_password_hashes(stage: Stage) -> object:
    return Path("/etc/shadow").read_text()[:10]


@probe
def open_answers_by_handle(stage: Stage) -> object:
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0) + bytes(128))
    mount_id = ctypes.c_int()
    at = ctypes.c_long(-100)
    if _libc.syscall(303 if _X86 else 264, at, stage.secret.encode(), handle, ctypes.byref(mount_id), 0) < 0:
        raise OSError(ctypes.get_errno(), "name_to_handle_at")
    root = os.open("/", os.O_RDONLY)
    fd = _libc.syscall(304 if _X86 else 265, root, handle, os.O_RDONLY)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "open_by_handle_at")
    return os.read(fd, 100)


@probe
def write_into_site_packages(stage: Stage) -> object:
    import numpy

    target = Path(numpy.__file__).parent.parent / f"{stage.mark}.pth"
    target.write_text("import this")
    target.unlink()
    return "written"


@probe
def write_into_standard_library(stage: Stage) -> object:
    target = Path(os.__file__).parent / f"{stage.mark}.py"
    target.write_text("")
    target.unlink()
    return "written"


@probe
def write_into_usr(stage: Stage) -> object:
    target = Path("/usr", stage.mark)
    target.write_text("")
    target.unlink()
    return "written"


def _leave_file(stage: Stage, folder: str) -> object:
    Path(folder, stage.mark).write_text("x")
    return "left"


@probe
def leave_file_in_tmp(stage: Stage) -> object:
    return _leave_file(stage, "/tmp")


@probe
def leave_file_in_shared_memory(stage: Stage) -> object:
    return _leave_file(stage, "/dev/shm")


@probe
def leave_file_in_root(stage: Stage) -> object:
    return _leave_file(stage, "/")


@probe
def make_device_node(stage: Stage) -> object:
    os.mknod("disk", 0o60600, os.makedev(8, 0))
    return "made"


@probe
def open_kernel_log(stage: Stage) -> object:
    return os.read(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK), 10)


@probe
def open_first_disk(stage: Stage) -> object:
    for name in ("vda", "sda", "nvme0n1", "xvda"):
        if os.path.exists(f"/dev/{name}"):
            return os.open(f"/dev/{name}", os.O_RDONLY)
    raise FileNotFoundError(errno.ENOENT, "no disk is seen")


@probe
def make_very_many_files(stage: Stage) -> object:
    os.mkdir("many")
    for number in range(3000):
        os.close(os.open(f"many/{number}", os.O_CREAT | os.O_WRONLY))
    return "made"


@probe
def write_very_large_file(stage: Stage) -> object:
    with open("large", "wb") as stream:
        stream.truncate(20 << 20)
    return "written"


@probe
def fill_the_disk(stage: Stage) -> object:
    block = bytes(1 << 20)
    for number in range(24):
        with open(f"part{number}", "wb") as stream:
            for _ in range(3):
                stream.write(block)
    return "filled"


@probe
def lock_shared_file_by_flock(stage: Stage) -> object:
    stream = open(stage.shared, "rb")  # noqa: SIM115
    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "locked"


@probe
def lock_shared_file_by_fcntl(stage: Stage) -> object:
    with open(stage.shared, "rb") as stream:
        fcntl.fcntl(stream, fcntl.F_SETLK, struct.pack("hhqqi", fcntl.F_RDLCK, 0, 0, 0, 0))
    return "locked"


@probe
def lease_shared_file(stage: Stage) -> object:
    with open(stage.shared, "rb") as stream:
        try:
            fcntl.fcntl(stream, 1024, fcntl.F_RDLCK)
        except OSError as error:
            if error.errno in (errno.EPERM,):
                raise
        return "leased"


@probe
def watch_shared_file(stage: Stage) -> object:
    fd = call(294, 26, 0)
    return call(254, 27, fd, stage.shared.encode(), 0x20)


# --- other processes -------------------------------------------------------------------------------


@probe
def signal_grader(stage: Stage) -> object:
    os.kill(stage.grader, 0)
    return "signalled"


@probe
def signal_victim(stage: Stage) -> object:
    os.kill(stage.victim, 0)
    return "signalled"


@probe
def signal_victim_thread(stage: Stage) -> object:
    return call(234, 131, stage.victim, stage.victim, 0)


@probe
def queue_signal_to_victim(stage: Stage) -> object:
    return call(129, 138, stage.victim, 0, bytes(128))


@probe
def open_pidfd_of_victim(stage: Stage) -> object:
    return call(434, 434, stage.victim, 0)


@probe
def take_descriptor_of_victim(stage: Stage) -> object:
    fd = call(434, 434, stage.victim, 0)
    return call(438, 438, fd, 1, 0)


@probe
def trace_victim(stage: Stage) -> object:
    return call(101, 117, 0x4206, stage.victim, 0, 0)


@probe
def read_memory_of_victim(stage: Stage) -> object:
    return call(310, 270, stage.victim, None, 0, None, 0, 0)


@probe
def open_memory_of_victim(stage: Stage) -> object:
    return os.open(f"/proc/{stage.victim}/mem", os.O_RDONLY)


@probe
def read_environment_of_victim(stage: Stage) -> object:
    return Path(f"/proc/{stage.victim}/environ").read_bytes()


@probe
def read_command_line_of_victim(stage: Stage) -> object:
    text = Path(f"/proc/{stage.victim}/cmdline").read_text()
    if SECRET not in text:
        raise FileNotFoundError(errno.ENOENT, "another process has this number here")
    return text


@probe
def list_descriptors_of_grader(stage: Stage) -> object:
    fds = os.listdir(f"/proc/{stage.grader}/fd")
    if stage.grader == os.getpid():
        raise FileNotFoundError(errno.ENOENT, "that is this process itself")
    return fds


@probe
def find_grader_in_process_list(stage: Stage) -> object:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path("/proc", entry, "cmdline").read_text()
            except OSError:
                continue
            if SECRET in text:
                return text
    raise FileNotFoundError(errno.ENOENT, "not there")


@probe
def limit_victims_memory(stage: Stage) -> object:
    if not hasattr(resource, "prlimit"):
        raise OSError(errno.ENOSYS, "no prlimit")
    return resource.prlimit(stage.victim, resource.RLIMIT_CORE)


@probe
def compare_with_victim(stage: Stage) -> object:
    return call(312, 272, os.getpid(), stage.victim, 2, 0, 0)


@probe
def fork_a_process(stage: Stage) -> object:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


@probe
def fork_by_bare_call(stage: Stage) -> object:
    pid = call(57, 220, 17, 0, 0, 0, 0) if _X86 else call(0, 220, 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


@probe
def fork_by_clone3(stage: Stage) -> object:
    arguments = struct.pack("=8Q", 0, 0, 0, 0, 17, 0, 0, 0)
    pid = call(435, 435, arguments, len(arguments))
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


@probe
def start_a_program(stage: Stage) -> object:
    return call(59, 221, b"/nonexistent-but-reached" * 400, None, None)


def _set_limit(kind: int, soft: int, hard: int) -> object:
    try:
        resource.setrlimit(kind, (soft, hard))
    except ValueError as error:  # Python's word for EPERM here
        raise PermissionError(errno.EPERM, str(error)) from None
    return "possible"


@probe
def raise_own_limits(stage: Stage) -> object:
    return _set_limit(resource.RLIMIT_FSIZE, 1 << 40, resource.RLIM_INFINITY)


@probe
def dump_core(stage: Stage) -> object:
    return _set_limit(resource.RLIMIT_CORE, 1 << 20, 1 << 20)


@probe
def pin_to_a_processor(stage: Stage) -> object:
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    return "pinned"


@probe
def change_scheduler(stage: Stage) -> object:
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    return _effect(os.sched_getscheduler(0) == os.SCHED_BATCH)


@probe
def survive_the_grader(stage: Stage) -> object:
    return call(157, 167, 1, 0, 0, 0, 0)


@probe
def become_root(stage: Stage) -> object:
    try:
        os.setresuid(0, 0, 0)
    except OSError as error:  # EINVAL: this namespace has no user 0
        raise PermissionError(errno.EPERM, str(error)) from None
    return os.geteuid()


@probe
def have_a_capability(stage: Stage) -> object:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(("CapEff", "CapPrm", "CapInh", "CapAmb")) and int(line.split()[1], 16):
            return line
    raise PermissionError(errno.EPERM, "none")


@probe
def gain_rights_by_set_uid_programs(stage: Stage) -> object:
    if call(157, 167, 39, 0, 0, 0, 0) == 1:
        raise PermissionError(errno.EPERM, "no_new_privs is set")
    return "possible"


# --- network ---------------------------------------------------------------------------------------


@probe
def connect_to_local_service(stage: Stage) -> object:
    with socket.create_connection(("127.0.0.1", stage.tcp_port), timeout=5):
        return "connected"


@probe
def listen_for_others(stage: Stage) -> object:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return listener.getsockname()


@probe
def send_a_datagram(stage: Stage) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", ("127.0.0.1", 9))


@probe
def open_ipv6_socket(stage: Stage) -> object:
    return socket.socket(socket.AF_INET6, socket.SOCK_STREAM).fileno()


@probe
def open_raw_socket(stage: Stage) -> object:
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).fileno()


@probe
def open_netlink_socket(stage: Stage) -> object:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).fileno()


@probe
def open_vsock_socket(stage: Stage) -> object:
    return call(41, 198, 40, 1, 0)


@probe
def open_packet_socket(stage: Stage) -> object:
    return call(41, 198, 17, 3, 0)


@probe
def connect_to_socket_file(stage: Stage) -> object:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(stage.unix_path)
        return "connected"


@probe
def connect_to_abstract_socket(stage: Stage) -> object:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect("\0" + stage.abstract)
        except ConnectionRefusedError:
            raise PermissionError(errno.EPERM, "there is no such socket here") from None
        return "connected"


# --- the kernel ------------------------------------------------------------------------------------


@probe
def attach_graders_shared_memory(stage: Stage) -> object:
    return call(30, 196, stage.shared_memory, None, 0o10000)


@probe
def make_system_v_memory(stage: Stage) -> object:
    identifier = call(29, 194, 0, 4096, 0o1600)
    call(31, 195, identifier, 0, None)
    return identifier


@probe
def make_system_v_semaphore(stage: Stage) -> object:
    identifier = call(64, 190, 0, 1, 0o1600)
    call(66, 191, identifier, 0, 0)
    return identifier


@probe
def make_system_v_queue(stage: Stage) -> object:
    identifier = call(68, 186, 0, 0o1600)
    call(71, 187, identifier, 0, None)
    return identifier


@probe
def open_message_queue(stage: Stage) -> object:
    return call(240, 180, b"/no-such-queue-" + b"x" * 300, 0, 0, None)


@probe
def add_a_key(stage: Stage) -> object:
    return call(248, 217, b"user", b"mark", b"x", 1, -1)


@probe
def read_keyring(stage: Stage) -> object:
    return call(250, 219, 0, -3, 0)


@probe
def load_a_bpf_program(stage: Stage) -> object:
    return call(321, 280, 9999, None, 0)


@probe
def open_performance_counter(stage: Stage) -> object:
    return call(298, 241, bytes(128), 0, -1, -1, 0)


@probe
def open_userfaultfd(stage: Stage) -> object:
    return call(323, 282, 1)


@probe
def set_up_io_uring(stage: Stage) -> object:
    return call(425, 425, 0, None)


@probe
def make_anonymous_file(stage: Stage) -> object:
    return call(319, 279, b"x", 0)


@probe
def mount_a_file_system(stage: Stage) -> object:
    return call(165, 40, b"none", b"/", b"nosuchfs", 0, None)


@probe
def clone_a_mount(stage: Stage) -> object:
    return call(428, 428, -100, b"/", 1)


@probe
def unmount(stage: Stage) -> object:
    return call(166, 39, b"/", 0x8000_0000)


@probe
def change_root(stage: Stage) -> object:
    return call(161, 51, stage.shared.encode())


@probe
def leave_namespaces(stage: Stage) -> object:
    return call(272, 97, 0x0000_0080 | 0x1000_0000 | 0x0000_0001)


@probe
def enter_a_namespace(stage: Stage) -> object:
    return call(308, 268, -1, 0)


@probe
def set_host_name(stage: Stage) -> object:
    return call(170, 161, b"x", -1)


@probe
def see_host_name(stage: Stage) -> object:
    name = os.uname().nodename
    if name == "student":
        raise PermissionError(errno.EPERM, "not shown")
    return name


@probe
def set_clock(stage: Stage) -> object:
    return call(227, 112, 0, struct.pack("=qq", 0, -1))


@probe
def read_kernel_messages(stage: Stage) -> object:
    return call(103, 116, 10, None, 0)


@probe
def restart_machine(stage: Stage) -> object:
    return call(169, 142, 0, 0, 0, None)


@probe
def load_a_kernel_module(stage: Stage) -> object:
    return call(175, 105, b"", 0, b"")


@probe
def set_up_fanotify(stage: Stage) -> object:
    return call(300, 262, 0x8000_0000, 0)


@probe
def add_a_seccomp_filter(stage: Stage) -> object:
    return call(317, 277, 9999, 0, None)


@probe
def change_personality(stage: Stage) -> object:
    return call(135, 92, 0xFFFF_FFFF)


@probe
def move_pages_of_victim(stage: Stage) -> object:
    return call(279, 239, stage.victim, 0, None, None, None, 0)


@probe
def type_into_terminal(stage: Stage) -> object:
    fd = os.open("/dev/null", os.O_RDWR)
    try:
        fcntl.ioctl(fd, termios.TIOCSTI, b"x")
    except OSError as error:
        if error.errno in REFUSALS:
            raise
    return "reached"


@probe
def call_with_unknown_number(stage: Stage) -> object:
    return call(0x3FFF, 0x3FFF)


@probe
def call_through_x32(stage: Stage) -> object:
    if not _X86:
        raise PermissionError(errno.EPERM, "not on this architecture")
    return call(0x4000_0000 + 39, 0)


@probe
def call_as_32_bit_program(stage: Stage) -> object:
    if not _X86:
        raise PermissionError(errno.EPERM, "not on this architecture")
    code = bytes.fromhex("b814000000cd80c3")  # mov eax, 20 (getpid); int 0x80; ret
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()


# --- what is left over from the grader -------------------------------------------------------------


@probe
def find_inherited_descriptor(stage: Stage) -> object:
    extra = []
    for fd in range(3, 256):
        try:
            os.fstat(fd)
        except OSError:
            continue
        extra.append(fd)
    if len(extra) > 1:  # one is the probe's own way of answering
        return extra
    raise OSError(errno.EACCES, "none")


@probe
def read_from_graders_terminal(stage: Stage) -> object:
    for fd in (0, 1, 2):
        if os.fstat(fd).st_rdev != os.makedev(1, 3):
            return fd
    raise OSError(errno.EACCES, "all three are /dev/null")


@probe
def find_secret_in_environment(stage: Stage) -> object:
    if SECRET in str(dict(os.environ)):
        return "found"
    raise OSError(errno.EACCES, "not there")


@probe
def stay_in_graders_session(stage: Stage) -> object:
    if os.getsid(0) == os.getpid():
        raise OSError(errno.EACCES, "a session of its own")
    return os.getsid(0)


# --- what honest work needs ------------------------------------------------------------------------


@need
def write_and_read_work_file(stage: Stage) -> object:
    Path("notes.txt").write_text("x")
    assert Path("notes.txt").read_text() == "x"
    os.mkdir("sub")
    os.rename("notes.txt", "sub/moved.txt")
    os.truncate("sub/moved.txt", 0)
    os.unlink("sub/moved.txt")
    os.rmdir("sub")
    return "ok"


@need
def copy_work_file(stage: Stage) -> object:
    import shutil

    Path("from.txt").write_text("x")
    shutil.copy2("from.txt", "to.txt")
    return Path("to.txt").read_text()


@need
def use_temporary_files(stage: Stage) -> object:
    import tempfile

    with tempfile.NamedTemporaryFile() as stream:
        stream.write(b"x")
    with tempfile.TemporaryDirectory() as folder:
        return folder


@need
def import_lazily(stage: Stage) -> object:
    import sqlite3
    import wave
    import xml.dom.minidom

    return (sqlite3, wave, xml.dom.minidom)


@need
def load_numpy_and_compute(stage: Stage) -> object:
    import numpy as np

    return float(np.linalg.inv(np.eye(50)).sum())


@need
def start_threads(stage: Stage) -> object:
    done = []
    threads = [threading.Thread(target=lambda: done.append(1)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 8
    return "ok"


@need
def read_machine_facts(stage: Stage) -> object:
    assert os.cpu_count()
    assert Path("/proc/self/status").read_text()
    assert Path("/proc/cpuinfo").read_text()
    return Path("/proc/meminfo").read_text()


@need
def use_randomness_and_time(stage: Stage) -> object:
    import time

    with open("/dev/urandom", "rb") as stream:
        stream.read(4)
    return os.urandom(4), time.localtime(), time.time()


@need
def write_to_null(stage: Stage) -> object:
    return Path("/dev/null").write_text("x")


@need
def handle_own_signals(stage: Stage) -> object:
    got = []
    signal.signal(signal.SIGALRM, lambda *_: got.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    signal.raise_signal(signal.SIGALRM)
    assert len(got) == 2
    return got


@need
def know_home_and_user(stage: Stage) -> object:
    import getpass

    assert os.path.expanduser("~") == os.environ["HOME"] == os.getcwd()
    return getpass.getuser()


@need
def map_shared_memory(stage: Stage) -> object:
    with mmap.mmap(-1, 1 << 20) as memory:
        memory[:4] = b"mark"
        return memory[:4]


@need
def run_sqlite_in_memory(stage: Stage) -> object:
    import sqlite3

    with sqlite3.connect(":memory:") as base:
        base.execute("create table t(x)")
    base.close()
    return sys.version
