"""A real JupyterLab and a real Chromium for the tests that do what a student does."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Chromium looks for updates and sign-ins of its own; a test machine has no business there.
QUIET_FLAGS = (
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


def find_chromium() -> str:
    """Return the path of the system's Chromium; skip loudly without one, fail where it is required."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    message = "no Chromium on this machine: run scripts/install-system-packages.sh"
    if os.environ.get("LABS_REQUIRE_SYSTEM_PACKAGES") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for the whole run."""
    executable = find_chromium()
    # Chromium's own sandbox needs an ordinary user.
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=[*QUIET_FLAGS, *as_root])
        yield chromium
        chromium.close()


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    folder: Path


def free_port() -> int:
    """Return a port on the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def jupyterlab(tmp_path: Path) -> Iterator[Callable[[Path], Lab]]:
    """Start JupyterLab on a folder, on the loopback address; stopped when the test ends."""
    running: list[subprocess.Popen[bytes]] = []

    def start(folder: Path) -> Lab:
        port = free_port()
        home = tmp_path / "home"
        settings = home / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "notification.jupyterlab-settings").write_text(
            '{"fetchNews": "false", "checkForUpdates": false}'
        )
        environment = {
            **os.environ,
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTER_PREFER_ENV_PATH": "1",
        }
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"),
            *("--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.port_retries=0"),
            *(f"--ServerApp.root_dir={folder}", "--LabApp.extension_manager=readonly"),
        ]
        with (tmp_path / "jupyterlab.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        running.append(process)
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{url}/api/status", timeout=5):
                    return Lab(url, folder)
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.2)
        text = re.sub(r"\n+", "\n", (tmp_path / "jupyterlab.log").read_text(errors="replace"))[-2000:]
        raise AssertionError(f"JupyterLab did not start:\n{text}")

    yield start
    for process in running:
        process.terminate()
        process.wait(timeout=20)
