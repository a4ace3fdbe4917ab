"""What holds for every test: UTC, no network beyond this machine, the same random cases each run."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.scheduling import Pieces, turn

os.environ["TZ"] = "UTC"
time.tzset()

# A deadline would make a busy machine fail the suite. `make test` tries a few cases, the same each time, so that a red run
# can be run again; `make test-slow` searches on with new cases and prints how to try a failing one again.
settings.register_profile("house", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("search", deadline=None, max_examples=250, print_blob=True)
settings.load_profile("house")

UNTRACED = ("tests/brute/", "tests/registry/")
HERE = {"localhost", "127.0.0.1", "::1", "", None}


class NetworkUseError(RuntimeError):
    """A test, or the code under it, reached for another machine."""


def _is_here(address: Any) -> bool:  # noqa: ANN401 - addresses are tuples, strings or bytes, by family
    host = address[0] if isinstance(address, tuple) else None  # a string or bytes is a socket file
    return host in HERE or str(host).startswith("127.")


def _guard() -> None:
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:  # noqa: ANN401
        refuse(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:  # noqa: ANN401
        refuse(address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        refuse((host.decode() if isinstance(host, bytes) else host,))
        return look_up(host, *args, **kwargs)

    def refuse(address: Any) -> None:  # noqa: ANN401
        if not _is_here(address):
            raise NetworkUseError(f"tests stay on this machine, this one reached for {address!r}")

    socket.socket.connect = guarded_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded_connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_look_up


_guard()


def pytest_configure(config: pytest.Config) -> None:
    """Pieces keep the order that the tests are in."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On several cores the long pieces start first; what tries many cases is not traced, which would double its time.

    So coverage is what examples alone reach: a law or an oracle that passes over a line by chance does not count.
    """
    for item in items:
        many = "brute_force" in item.name or getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if many or item.nodeid.startswith(UNTRACED):
            item.add_marker("no_cover")
    if hasattr(config, "workerinput"):
        items.sort(key=turn)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Pieces:  # noqa: ANN401 - untyped there
    """Files stay together, whatever --dist says."""
    return Pieces(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any) -> Iterator[None]:  # noqa: ANN401 - pytest keeps the class private
    """Say last and loudly which browser tests did not run, and why: a skip in a long list is easily missed."""
    yield
    skipped = [report for report in terminalreporter.stats.get("skipped", ()) if "browser" in report.keywords]
    if not skipped:
        return
    terminalreporter.write_sep("*", f"{len(skipped)} BROWSER TESTS DID NOT RUN", red=True, bold=True)
    for report in skipped:
        terminalreporter.write_line(f"  {report.nodeid}")
    for why in sorted({str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)}):
        terminalreporter.write_line(f"  {why}")
    terminalreporter.write_line("  They need Chromium:  sudo apt install chromium   or   brew install --cask chromium")
    terminalreporter.write_sep("*", red=True, bold=True)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo a zone that an earlier test left behind."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo company: 300 people in 120 days. It is shared, so nobody writes into it but `kpi check` its .kpi/."""
    from kpi_lib.sources.sample.folder import write_sample
    from kpi_lib.sources.sample.story import Story

    folder = tmp_path_factory.mktemp("sample") / "demo"
    write_sample(folder, Story(users=300, days=120))
    return folder
