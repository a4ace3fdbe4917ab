"""Work over users in parts, here and on Spark: the answers are those of one piece."""

import json
import pickle
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random
from types import ModuleType

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kpi_lib.answers.compute import compute
from kpi_lib.cli.main import run
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.engine import Engine, over_users, using
from kpi_lib.core.errors import DataError, UsageError
from kpi_lib.kpis.registry import Kpi, catalogue
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.sources import cluster, ranges
from kpi_lib.sources.workspace import Workspace, open_workspace
from tests.sources.conftest import NOW, Maker
from tests.sources.test_store import log_of

TOML = """
[workspace]
timezone = "America/New_York"
[tables.events]
path = "log.csv"
[tables.users]
path = "people.csv"
[tables.transactions]
path = "sales.csv"
"""
FUNNELS = (
    Funnel(("a", "b", "c"), within="2d"),
    Funnel(("a", "b", "c"), within="30d", time_to_convert="fastest", unripe="include"),
    Funnel(("a", "b", "a"), within="3d"),
    Funnel(("a", "d?", "b"), attempt="all", value="amount", exclude=("c",)),
    Funnel(("a", "b"), order="unordered", unit="session"),
    Funnel(("b@2", "c"), ties="strict", hold="country", attribution="last"),
)
COHORTS = (
    Cohorts(),
    Cohorts(grain="day", periods=9, gone_after=2),
    Cohorts(start_event="signup", grain="day", mode="on_or_after", min_events=2),
    Cohorts(start_event="a", return_event="b", clock="elapsed", recurring=True, value="amount"),
    Cohorts(mode="bracket", brackets=((1, 2), (3, 4)), start_event="c"),
)
ASKED = [
    [
        "compute",
        "dau",
        "stickiness",
        "retention_day_1",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-29",
        "--every",
        "week",
    ],
    ["funnel", "--steps", "a,b,c", "--within", "2d", "--by", "country"],
    ["cohort", "--grain", "week", "--start-event", "signup", "--by", "plan"],
]


@pytest.fixture
def shop(make: Maker, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with a store of several ranges; some people have no events, and one name stands in one range only."""
    monkeypatch.setattr(ranges, "ROWS", 60)
    monkeypatch.setattr(ranges, "SAMPLE", 3)
    dice = Random(5)
    people = ["user_id,plan,signup_ts"]
    for name in ("aa", *(f"u{i}" for i in range(0, 40, 2)), "zz"):
        people.append(f"{name},{dice.choice(['pro', 'free', ''])},2026-03-{dice.randrange(1, 20):02}T05:00:00Z")
    sales = ["user_id,time,amount,currency,order_id"]
    for number in range(60):
        name = dice.choice(["aa", "zz", f"u{dice.randrange(40)}"])
        sales.append(f"{name},2026-03-{dice.randrange(1, 29):02}T12:00:00Z,{dice.randrange(1, 99)}.50,USD,o{number}")
    # halves: sums of other fractions differ in their last bit with the order in which they are added
    log = re.sub(r"\.\d$", ".5", log_of(40), flags=re.MULTILINE) + "u7,2026-03-09T12:00:00Z,once,de,1\n"
    made = make(TOML, log_csv=log, people_csv="\n".join(people) + "\n", sales_csv="\n".join(sales) + "\n")
    made.build_store()
    return open_workspace(made.folder, now=NOW)


def here(job: cluster.Job) -> Iterator[bytes]:
    """Do a job range by range, each time with a copy that has travelled as it does to a worker."""
    for number in range(len(job.ranges)):
        yield pickle.loads(pickle.dumps(job)).answer(number)


def in_parts(workspace: Workspace) -> Engine:
    """The engine that does on this machine what a cluster does."""
    assert workspace.store == ""
    assert workspace.data.parts is not None
    assert len(workspace.data.parts.events) > 3
    return cluster.engine(workspace, here)


@pytest.mark.parametrize("spec", FUNNELS, ids=lambda spec: ",".join(spec.steps))
@pytest.mark.parametrize("by", [(), ("country",), ("plan", "country")], ids=str)
def test_a_funnel_in_parts_is_the_funnel(shop: Workspace, spec: Funnel, by: tuple[str, ...]) -> None:
    data = shop.data.with_by(by)
    for grid in (None, shop.grid("2026-03-05..2026-03-15")):
        whole = funnel(data, spec, grid=grid)
        with using(in_parts(shop)):
            parts = funnel(data, spec, grid=grid)
        assert whole.table["units"].max() > 0
        assert parts.to_dict() == whole.to_dict()


def test_a_day_in_the_past_is_the_same_day_in_every_part(shop: Workspace) -> None:
    then = shop.as_of(date(2026, 3, 15))
    for ask in (lambda: funnel(then.data, FUNNELS[0]), lambda: cohorts(then.data, COHORTS[0])):
        whole = ask()
        with using(cluster.engine(then, here)):
            assert ask().to_dict() == whole.to_dict()
    assert funnel(then.data, FUNNELS[0]).to_dict() != funnel(shop.data, FUNNELS[0]).to_dict()


@pytest.mark.parametrize("spec", COHORTS, ids=lambda spec: f"{spec.start_event}-{spec.mode}-{spec.clock}")
@pytest.mark.parametrize("by", [(), ("plan",)], ids=str)
def test_cohorts_in_parts_are_the_cohorts(shop: Workspace, spec: Cohorts, by: tuple[str, ...]) -> None:
    data = shop.data.with_by(by)
    for grid in (None, shop.grid("2026-03-02..2026-03-16")):
        whole = cohorts(data, spec, grid=grid)
        with using(in_parts(shop)):
            parts = cohorts(data, spec, grid=grid)
        assert whole.table["retained"].max() > 0
        assert parts.to_dict() == whole.to_dict()


def test_cohorts_of_orders_in_parts_keep_the_money_to_the_cent(shop: Workspace) -> None:
    data, spec = shop.data.reading("transactions"), Cohorts(grain="week", value="amount")
    with using(in_parts(shop)):
        parts = cohorts(data, spec)
    assert parts.to_dict() == cohorts(data, spec).to_dict()
    assert parts.table["value"].sum() > 100


def test_a_name_that_one_part_lacks_is_no_unknown_name_there(shop: Workspace) -> None:
    data, spec = shop.data, Cohorts(start_event="once", grain="day")
    with using(in_parts(shop)):
        assert cohorts(data, spec).table["size"].to_list()[0] == 1
        with pytest.raises(UsageError, match=r"onze.*once"):
            cohorts(data, Cohorts(start_event="onze"))


def test_rare_values_are_the_same_rest_in_every_part(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpi_lib.core.dataset.SEGMENT_LIMIT", 1)
    monkeypatch.setattr("warnings.warn", lambda *_, **__: None)  # that there are more than one
    data = shop.data.with_by(("country",))
    whole = funnel(data, FUNNELS[0]).to_dict()
    with using(in_parts(shop)):
        assert funnel(data, FUNNELS[0]).to_dict() == whole
    assert len(whole["groups"]) == 3


@pytest.fixture(scope="module")
def company(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The demo company with users who have no accounts, so that all that users do can be told apart, and a store."""
    folder = tmp_path_factory.mktemp("parts") / "demo"
    shutil.copytree(demo, folder, ignore=shutil.ignore_patterns(".kpi"))
    users = folder / "raw" / "users.parquet"
    pl.read_parquet(users).drop("account_id").write_parquet(users)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "ROWS", 2_000)
        open_workspace(folder).build_store()
    return open_workspace(folder)


@pytest.mark.parametrize("by", [(), pytest.param(("platform",), marks=pytest.mark.slow)], ids=str)
def test_every_kpi_in_parts_is_the_kpi(company: Workspace, by: tuple[str, ...]) -> None:
    asked: list[int] = []

    def watched(data: Dataset, work: partial[object], /) -> list[object]:
        asked.append(len(work.keywords["keys"]))
        return in_parts(company)(data, work)

    def grid(_: Kpi) -> object:
        return company.grid(every="month")

    names = [name for name in catalogue() if not by or _has(company, name, by)]
    whole = compute(names, company.data, grid, by)  # type: ignore[arg-type]
    with using(watched):
        parts = compute(names, company.data, grid, by)  # type: ignore[arg-type]
    # sums of fractions of seconds differ in their last bit with the order in which they are added
    assert_frame_equal(parts.table, whole.table, rel_tol=1e-12, abs_tol=0)
    exact = [name for name in names if name not in ("avg_session_duration", "avg_time_per_user")]
    for name in exact:
        assert_frame_equal(parts.only(name).table, whole.only(name).table, check_exact=True)
    assert (parts.reasons, parts.definitions) == (whole.reasons, whole.definitions)
    assert asked[0] > 60


def _has(workspace: Workspace, name: str, by: tuple[str, ...]) -> bool:
    try:
        compute(name, workspace.data, workspace.grid(every="month"), by)
    except UsageError:
        return False
    return True


def test_accounts_of_many_users_and_tables_without_users_stay_in_one_piece(demo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(demo, folder, ignore=shutil.ignore_patterns(".kpi"))
    workspace = open_workspace(folder)
    workspace.build_store()
    workspace = open_workspace(folder)

    def refuse(data: Dataset, work: object, /) -> list[object]:
        raise AssertionError(work)

    with using(refuse):
        compute(["mrr", "website_visitors", "api_latency"], workspace.data, workspace.grid(every="month"))
        with pytest.raises(AssertionError):
            compute("dau", workspace.data, workspace.grid(every="month"))


def failing(_: Dataset) -> None:
    """A piece of work that cannot be done."""
    raise DataError("the range is damaged.")


def test_what_goes_wrong_in_a_part_is_told_as_it_is_here(shop: Workspace) -> None:
    with using(in_parts(shop)), pytest.raises(DataError, match=r"the range is damaged\."):
        over_users(shop.data, failing)


def test_a_worker_of_another_version_is_refused(shop: Workspace) -> None:
    def run_elsewhere(job: cluster.Job) -> Iterator[bytes]:
        return here(replace(job, versions=("0.0", "0.0")))

    with (
        using(cluster.engine(shop, run_elsewhere)),
        pytest.raises(UsageError, match=r"the one who asks 0\.0 with 0\.0: install the same"),
    ):
        cohorts(shop.data, Cohorts())


def test_a_unit_that_users_share_cannot_be_counted_in_parts(shop: Workspace) -> None:
    with using(in_parts(shop)), pytest.raises(UsageError, match="parts of users share a country"):
        funnel(shop.data, Funnel(("a", "b"), unit="country"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sessions", "--engine", "spark"], "--engine belongs to compute, funnel, cohort"),
        (["funnel", "--steps", "a,b", "--engine", "spark", "--strip"], "--strip looks at people one by one"),
        (["funnel", "--steps", "a,b", "--engine", "spark", "--users", "x.csv"], "--users looks at people one by one"),
        (["cohort", "--master", "local[2]"], "give --engine spark as well"),
        (["cohort", "--engine", "sparc"], "spark"),
    ],
)
def test_an_engine_that_does_not_go_there_is_refused(
    shop: Workspace, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert run([*words, "--workspace", str(shop.folder)]) == 2
    assert told in capsys.readouterr().err


def test_without_a_store_the_engine_says_how_to_build_one(make: Maker, capsys: pytest.CaptureFixture[str]) -> None:
    plain = make('[tables.events]\npath = "log.csv"\n', log_csv=log_of(5))
    assert run(["cohort", "--engine", "spark", "--workspace", str(plain.folder)]) == 2
    told = capsys.readouterr().err
    assert "--engine spark reads the store, and there is no store. Build it: kpi store build." in told


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without PySpark."""
    for name in ("pyspark", "pyspark.sql", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("absent")
def test_without_pyspark_the_group_is_named(shop: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cohort", "--engine", "spark", "--workspace", str(shop.folder)]) == 2
    assert "requirements/spark.lock" in capsys.readouterr().err


def test_without_java_the_package_is_named(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ModuleType("pyspark.sql")
    there.SparkSession = object()  # type: ignore[attr-defined]
    for name in ("pyspark", "pyspark.sql", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, there)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    assert run(["cohort", "--engine", "spark", "--workspace", str(shop.folder)]) == 2
    assert "apt install openjdk-17-jre-headless" in capsys.readouterr().err


@pytest.fixture
def spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with PySpark, whose workers find this library."""
    if find_spec("pyspark") is None:
        pytest.skip("PySpark is not installed: make test-spark installs and runs it")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
@pytest.mark.filterwarnings("ignore")  # those of PySpark and of what it brings
@pytest.mark.parametrize("asked", ASKED, ids=lambda words: words[0])
def test_spark_on_two_cores_gives_exactly_the_local_answer(
    shop: Workspace, capsys: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    told = []
    for engine in ([], ["--engine", "spark", "--master", "local[2]"]):
        assert run([*asked, *engine, "--json", "--workspace", str(shop.folder)]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]
    assert told[1] == told[0]


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
@pytest.mark.filterwarnings("ignore")
def test_an_address_where_no_spark_is_gives_a_few_lines(shop: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cohort", "--engine", "spark", "--master", "nonsense", "--workspace", str(shop.folder)]) == 2
    told = capsys.readouterr().err
    assert "kpi: Spark at nonsense failed" in told
    assert "nonsense" in told.split("failed", 1)[1]
