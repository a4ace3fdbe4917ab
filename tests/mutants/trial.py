"""One fault before its tests, in a process of its own that is forked from one where everything slow is done already.

Tests are collected once. A fault within a function is put into the functions that live there; one outside, at import, needs
a process that has not loaded the module yet. No file is changed.
"""

import gc
import importlib.abc
import importlib.util
import multiprocessing as mp
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar

import hypothesis
import numpy  # noqa: F401 - loaded once for all trials
import polars  # noqa: F401
import pytest

MEMORY = 16 * 2**30  # bytes of address space; a fault that asks for more is caught
LOST = 900.0  # seconds after which one that waits for ever is caught
QUIET = [
    "-qq",
    "-s",
    "--tb=no",
    "--no-header",
    "--no-summary",
    "-x",
    "-n",
    "0",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:nbval",
    "--no-cov",
]
QUIET += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # they are loaded before
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Base:
    """Without any fault: how long each test takes (of the processor), and which tests run each line."""

    seconds: Mapping[str, float]
    lines: Mapping[int, set[str]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a fault: the tests that failed, or how it ended otherwise."""

    killed: bool
    by: tuple[str, ...] = ()


@dataclass(eq=False)
class Watch:
    """Runs collected tests and notes which fail and how long they take."""

    items: dict[str, pytest.Item] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    chosen: Sequence[str] | None = None
    work: Callable[["Watch"], Any] | None = None
    result: Any = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Hypothesis need not look for the smallest case."""
        house, look = hypothesis.settings.get_profile("house"), (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutants", house, phases=look, database=None, report_multiple_bugs=False)
        hypothesis.settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of the usual run."""
        if session.testsfailed:
            return True
        self.items = {item.nodeid: item for item in session.items}
        self.result = self.work(self) if self.work else self.run(self.chosen or ())
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take down what failed."""
        if report.failed:
            self.failed.append(report.nodeid)

    def run(self, tests: Sequence[str]) -> Seen:
        """Run tests until one fails."""
        for name in tests:
            item = self.items[name]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if self.failed:
                return Seen(True, tuple(self.failed))
        return Seen(False)

    def traced(self, module: str) -> Base:
        """Run all tests, and note time and lines."""
        import coverage

        file = str(Path("kpi_lib", module).resolve())
        trace = coverage.Coverage(data_file=None, include=[file], config_file=False)
        seconds = {}
        trace.start()
        for name in self.items:
            trace.switch_context(name)
            begun = time.process_time()
            if self.run([name]).killed:
                raise RuntimeError(f"fails without any fault: {name}")
            seconds[name] = time.process_time() - begun
        trace.stop()
        return Base(seconds, {n: set(tests) for n, tests in trace.get_data().contexts_by_lineno(file).items()})


def collected(files: Sequence[str], work: Callable[[Watch], T]) -> T:
    """Do work in a process in which these tests were collected and none was run."""

    def inside() -> T:
        watch = Watch(work=work)
        status = pytest.main([*QUIET, *files], plugins=[watch])
        if status != 0:
            raise RuntimeError(f"the tests cannot be collected: {status!r}")
        return watch.result  # type: ignore[no-any-return]

    found = forked(inside, seconds=None, quiet=False)
    if isinstance(found, Seen):
        raise SystemExit("the collecting process ended")
    return found


def warm(watch: Watch, module: str, source: str, tests: Sequence[str], *, seconds: float) -> Seen | None:
    """Show a fault within functions to tests; None where it cannot be put there."""

    def inside() -> Seen | None:
        return watch.run(tests) if swapped(module, source) else None

    return forked(inside, seconds=seconds)


def cold(module: str, source: str, tests: Sequence[str], *, seconds: float) -> Seen:
    """Show a fault to tests that are collected after it was planted."""

    def inside() -> Seen:
        name = "kpi_lib." + module[:-3].replace("/", ".")
        sys.meta_path.insert(0, Planted(name, source))
        try:
            importlib.import_module(name)  # before pytest does, which would load a file that it is given by itself
        except Exception as error:  # such a fault is hard to miss
            return Seen(True, (repr(error),))
        watch = Watch(chosen=tests)
        status = pytest.main([*QUIET, *dict.fromkeys(test.split("::")[0] for test in tests)], plugins=[watch])
        return watch.result or Seen(status != 0)

    return forked(inside, seconds=seconds)


def swapped(module: str, source: str) -> bool:
    """Put other code into the functions of a module that are there; whether all that changed could be."""
    file = str(Path("kpi_lib", module).resolve())
    new = codes(compile(source, file, "exec"))
    count = 0
    for function in [each for each in gc.get_objects() if isinstance(each, FunctionType)]:
        if function.__code__.co_filename == file and (code := new.get(function.__code__.co_qualname)):
            if len(code) != 1:  # two of one name: which is which is not known
                return False
            function.__code__ = code[0]
            count += 1
    return count > 0


def codes(code: CodeType) -> dict[str, list[CodeType]]:
    """All code of a module by its full name."""
    found: dict[str, list[CodeType]] = {}
    for each in code.co_consts:
        if isinstance(each, CodeType):
            found.setdefault(each.co_qualname, []).append(each)
            for name, inner in codes(each).items():
                found.setdefault(name, []).extend(inner)
    return found


class Planted(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Loads one module with another source."""

    def __init__(self, name: str, source: str) -> None:
        """Take the module's full name and its source."""
        self.name, self.text = name, source

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> Any:  # noqa: ANN401
        """Only that module."""
        if name != self.name:
            return None
        file = Path("kpi_lib", *name.split(".")[1:]).with_suffix(".py").resolve()
        return importlib.util.spec_from_file_location(name, file, loader=self)

    def get_source(self, fullname: str) -> str:
        """What is run."""
        return self.text


def forked(work: Callable[[], T], *, seconds: float | None, quiet: bool = True) -> T | Seen:
    """What work gives in a process of its own; one that dies or takes more than so many seconds of the processor is caught."""
    receiver, sender = mp.Pipe(duplex=False)
    process = mp.get_context("fork").Process(target=_child, args=(sender, work, seconds, quiet))
    process.start()
    sender.close()
    found: Any = Seen(True, ("died or ran on",))
    try:
        if receiver.poll(None if seconds is None else LOST):
            found = receiver.recv()
    except EOFError:
        pass
    process.kill()
    process.join()
    if isinstance(found, BaseException):
        raise found
    return found  # type: ignore[no-any-return]


def _child(answer: Connection, work: Callable[[], Any], seconds: float | None, quiet: bool) -> None:
    if quiet:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
    if seconds is not None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    try:
        answer.send(work())
    except BaseException as error:  # the fault of this file, not of the one that was planted
        answer.send(error)
    answer.close()
    os._exit(0)  # threads of a lost loop do not hold us up
