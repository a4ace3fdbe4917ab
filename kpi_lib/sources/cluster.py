"""The same questions on many machines: Spark hands each range of users of the store to a worker, and what they answer adds up.

A worker opens its range of the store as this machine opens the whole, asks the same kernels, and sends back small frames of
counts. Spark only carries the work there and the answers back; PySpark is imported when a session starts, and nowhere else.
"""

import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from kpi_lib import __version__
from kpi_lib.core.dataset import Dataset, Whole, plain_name
from kpi_lib.core.engine import Engine, using
from kpi_lib.core.errors import KpiError, UsageError
from kpi_lib.shapes.activity import event_names
from kpi_lib.sources.ranges import Range
from kpi_lib.sources.store import opened, ranges_of, standing
from kpi_lib.sources.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

VERSIONS = (__version__, pl.__version__)  # users are told apart by hashes that only equal versions share
ANSWER = "part long, answer binary"
NO_PYSPARK = """--engine spark needs PySpark, which is not installed here. Install the optional group with
pip install --require-hashes --no-deps -r requirements/spark.lock
or leave --engine spark out: the same answer is computed on this machine."""
NO_JAVA = """--engine spark needs Java 17 or newer, and there is neither a command java nor a JAVA_HOME. On Debian or Ubuntu:
apt install openjdk-17-jre-headless
or leave --engine spark out: the same answer is computed on this machine."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work for any range of users: everything that a worker must know to do it."""

    folder: Path
    config: Mapping[str, Any]
    content: Mapping[str, Any]
    ranges: tuple[Range, ...]
    activity: str
    by: tuple[str, ...]
    until: datetime
    whole: Whole
    work: Callable[[Dataset], Any]
    versions: tuple[str, str] = VERSIONS

    def answer(self, number: int) -> bytes:
        """What the work makes of one range, or the error that it ended with."""
        if self.versions != VERSIONS:
            told = "a worker has kpi_lib {} with polars {}, the one who asks {} with {}: install the same."
            return pickle.dumps(UsageError(told.format(*VERSIONS, *self.versions)))
        try:
            return pickle.dumps(self.work(self._part(number)))
        except KpiError as error:
            return pickle.dumps(error)

    def _part(self, number: int) -> Dataset:
        data, _ = opened(self.folder, self.config, self.content, self.ranges[number])
        if self.activity != data.activity:
            data = data.reading(self.activity)
        if self.until < data.observed_until:
            data = data.as_of(self.until)
        data = replace(data, whole=self.whole)
        return data.with_by(self.by) if self.by else data


Runner = Callable[[Job], Iterable[bytes]]


def engine(workspace: Workspace, run: Runner) -> Engine:
    """An engine that works on the ranges of a workspace's store; `run` gets a job done for each of them, in their order.

    Raises UsageError without a store that is up to date.
    """
    if workspace.store:
        raise UsageError(f"--engine spark reads the store, and {workspace.store}. Build it: kpi store build.")
    content = standing(workspace.folder, workspace.config, workspace.now).content
    folder = workspace.folder.resolve()

    def over_ranges(data: Dataset, work: Callable[[Dataset], Any], /) -> list[Any]:
        by = tuple(plain_name(column) for column in data.by)
        names = frozenset(event_names(data)) if "events" in data.tables else frozenset[str]()
        whole = Whole(names, {column: workspace.data.frequent(column) for column in by})
        parts = tuple(ranges_of(folder, content))
        job = Job(folder, workspace.config, content, parts, data.activity, by, data.observed_until, whole, work)
        answers = [pickle.loads(each) for each in run(job)]
        for each in answers:
            if isinstance(each, KpiError):
                raise each
        return answers

    return over_ranges


@contextmanager
def on_spark(workspace: Workspace, master: str) -> Iterator[None]:
    """Let Spark do the work over users: `master` is local[2], spark://host:7077, yarn or whatever Spark knows.

    Raises UsageError when PySpark, Java or the store is missing, or when Spark fails.
    """
    own = engine(workspace, lambda job: _run(session, job))
    session = _session(master)
    try:
        with using(own):
            yield
    finally:
        session.stop()


def _session(master: str) -> "SparkSession":
    try:
        import pyarrow  # noqa: F401 - Spark hands work over in its format
        from pyspark.sql import SparkSession
    except ImportError:
        raise UsageError(NO_PYSPARK) from None
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise UsageError(NO_JAVA)
    if master.startswith("local"):  # elsewhere PYSPARK_PYTHON says which Python the workers have
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    started = SparkSession.builder.master(master).appName("kpi")
    for quiet in ("spark.ui.enabled", "spark.ui.showConsoleProgress"):
        started = started.config(quiet, "false")
    # a range keeps one core busy; several of them share a machine
    started = started.config("spark.executorEnv.POLARS_MAX_THREADS", "1")
    with _told(master):
        session: SparkSession = started.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        return session


def _run(session: "SparkSession", job: Job) -> list[bytes]:
    """One task for each range; answers come back in the order of the ranges."""
    count = len(job.ranges)
    with _told(session.sparkContext.master):
        numbers = session.range(0, count, 1, count)
        rows = numbers.mapInArrow(partial(_answers, job), ANSWER).collect()
    return [bytes(row["answer"]) for row in sorted(rows, key=lambda row: int(row["part"]))]


def _answers(job: Job, batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
    """What a worker does: the answers for the numbers of ranges that it was given."""
    import pyarrow as pa

    for batch in batches:
        for number in batch.column(0).to_pylist():
            columns = [pa.array([number], pa.int64()), pa.array([job.answer(number)], pa.binary())]
            yield pa.RecordBatch.from_arrays(columns, names=["part", "answer"])


@contextmanager
def _told(master: str) -> Iterator[None]:
    """Errors of Spark and of its Java in a few lines instead of hundreds."""
    try:
        yield
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        causes = [line for line in lines if "Error" in line or "Exception" in line]
        first = " … ".join(dict.fromkeys([*lines[:1], *causes[-1:]]))[:400]
        raise UsageError(f"Spark at {master} failed: {first or type(error).__name__}\n`--debug` shows all.") from error
