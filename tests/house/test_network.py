"""Neither the library nor a command nor a kernel reaches for another machine: looked at in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.notebooks.workspaces import ALL

ROOT = Path(__file__).parents[2]
GUARD = """
import os, socket
def _seen(address):
    host = address[0] if isinstance(address, tuple) else None
    if host in ("localhost", "127.0.0.1", "::1", "", None) or str(host).startswith("127."):
        return
    with open(os.environ["SEEN"], "a") as file:
        file.write(f"{address!r}\\n")
    raise OSError(101, "Network is unreachable")
connect, look_up = socket.socket.connect, socket.getaddrinfo
def guarded(self, address):
    _seen(address)
    return connect(self, address)
def looked_up(host, *rest, **named):
    _seen((host.decode() if isinstance(host, bytes) else host,))
    return look_up(host, *rest, **named)
socket.socket.connect, socket.getaddrinfo = guarded, looked_up
with open(os.environ["SEEN"] + ".guarded", "a") as file:
    file.write(".")
"""
KPI = "from kpi_lib.cli.main import main; main()"


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """A folder whose sitecustomize watches the sockets of every Python that has it on its path."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD, "utf-8")
    return tmp_path


def asked(watched: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run Python there."""
    path = os.pathsep.join([str(watched / "guard"), str(ROOT)])
    env = {**os.environ, "PYTHONPATH": path, "SEEN": str(watched / "seen"), "XDG_CACHE_HOME": str(watched / "cache")}
    return subprocess.run([sys.executable, *command], env=env, cwd=watched, capture_output=True, text=True, check=False)


def test_import_commands_and_a_report_stay_on_this_machine(watched: Path) -> None:
    folder = ALL["minimal"](watched / "w")
    verbs = (
        ["check"],
        ["compute", "mau"],
        ["report", "one-page", "--period", "2026-03", "--out", str(watched / "out")],
    )
    done = [asked(watched, "-c", "import kpi_lib as kpi\nfor name in kpi.__all__: getattr(kpi, name)")]
    done += [asked(watched, "-c", KPI, "--workspace", str(folder), *verb) for verb in verbs]
    assert [each.returncode for each in done] == [0] * len(done), done[-1].stderr
    assert not (watched / "seen").exists()
    assert len((watched / "seen.guarded").read_text()) > len(done)  # the kernel was watched as well


def test_the_watch_can_see(watched: Path) -> None:
    done = asked(watched, "-c", "import socket; socket.create_connection(('192.0.2.1', 80))")
    assert done.returncode == 1
    assert "192.0.2.1" in (watched / "seen").read_text()
