"""From the names in kpi.toml to jobs: notebooks by name, checked parameters, safe places, segments, back-filling."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import nbformat
import polars as pl
import pytest

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import ReportError, UsageError
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.reporting.pack import find_notebook, pack
from kpi_lib.reporting.plan import Request, _segments, cells, plan, render, title
from kpi_lib.reporting.prune import outdated
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.sources.workspace import Workspace, open_workspace

TOML = """
[workspace]
name = "A/B: test"
[tables.events]
path = "log.csv"
[reports.weekly]
notebook = "toy"
every = "week"
params = { rows = 2 }
"""
LOG = "user_id,time,event,plan\nu1,2026-03-02T10:00:00Z,a,pro\nu2,2026-03-10T10:00:00Z,a,free\nu1,2026-03-16T10:00:00Z,b,pro\n"
CODE = """
import polars as pl
from kpi_lib.reporting.handover import hand_over
hand_over(pl.DataFrame({"kpi": [only or "all"], "value": [float(rows)]}), {"sentences": [period]})
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    folder = tmp_path / "work"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "kpi.toml").write_text(TOML)
    (folder / "log.csv").write_text(LOG)
    parameters = 'workspace: str = "."\nperiod: str = ""\nonly: str = ""\nrows: int = 1'
    tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    book = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Toy"),
            tagged,
            nbformat.v4.new_markdown_cell("## What was counted?"),
            nbformat.v4.new_code_cell(CODE),
        ]
    )
    nbformat.write(book, folder / "notebooks" / "toy.ipynb")
    return open_workspace(folder)


def request(out: Path, **options: object) -> Request:
    return Request(names=("weekly",), out=out, **options)  # type: ignore[arg-type]


def test_the_default_is_the_last_complete_period(workspace: Workspace, tmp_path: Path) -> None:
    (job,) = plan(workspace, request(tmp_path / "out"))
    assert job.job.period == "2026-W11"
    assert job.job.folder == tmp_path / "out" / "A%2FB%3A test" / "weekly" / "2026-W11"
    assert job.parameters == {"workspace": ".", "period": "2026-W11", "only": "", "rows": 2}
    assert cells(job) == 3  # and the one with the parameters


def test_back_filling_ends_with_the_period(workspace: Workspace, tmp_path: Path) -> None:
    jobs = plan(workspace, request(tmp_path, period="2026-W11", backfill=3))
    assert [each.job.period for each in jobs] == ["2026-W09", "2026-W10", "2026-W11"]


def test_segments_get_a_report_each_beside_the_whole(workspace: Workspace, tmp_path: Path) -> None:
    jobs = plan(workspace, request(tmp_path, by="plan"))
    assert [each.parameters["only"] for each in jobs] == ["", "plan=free", "plan=pro"]
    assert [each.job.folder.name for each in jobs] == ["2026-W11", "plan=free", "plan=pro"]


def test_one_segment_alone_has_its_place_and_its_name(workspace: Workspace, tmp_path: Path) -> None:
    """It neither takes the place of the whole nor looks like it."""
    (whole,) = render(plan(workspace, request(tmp_path / "out")))
    before = (whole.folder / "values.parquet").read_bytes()
    (alone,) = plan(workspace, request(tmp_path / "out", parameters={"only": "plan=pro"}))
    assert alone.job.folder == whole.folder / "plan=pro"
    (made,) = render([alone])
    assert made.status == "done"
    assert "plan pro" in (made.folder / "report.html").read_text()
    assert (whole.folder / "values.parquet").read_bytes() == before
    first = plan(workspace, request(tmp_path / "new", parameters={"only": "plan=pro"}))
    assert [each.status for each in render(first)] == ["done"]
    assert outdated(tmp_path / "new", 1) == []


def test_a_report_declared_for_one_segment_says_so_in_its_title(workspace: Workspace, tmp_path: Path) -> None:
    manifest = workspace.folder / "kpi.toml"
    manifest.write_text(manifest.read_text() + '[reports.pros]\nnotebook = "toy"\nparams = { only = "plan=pro" }\n')
    (job,) = plan(open_workspace(workspace.folder), Request(names=("pros",), out=tmp_path, period="2026-03"))
    assert job.job.head.title == "March 2026 · plan pro"
    assert job.job.folder.name == "2026-03"


def test_a_process_that_dies_is_a_failed_run_and_the_others_are_made(workspace: Workspace, tmp_path: Path) -> None:
    """What takes a whole process away, as the kernel's out-of-memory killer does, leaves the last good report and says so."""
    good = render(plan(workspace, request(tmp_path / "out", period="2026-W11", backfill=2)))
    before = [(each.folder / "values.parquet").read_bytes() for each in good]
    planned = plan(workspace, request(tmp_path / "out", period="2026-W11", backfill=2, parameters={"rows": "7"}))
    deadly = [replace(each, notebook=Deadly(each.notebook)) for each in planned]
    outcomes = render(deadly, jobs=2)
    assert [each.status for each in outcomes] == ["failed", "failed"]
    for outcome, one, old in zip(outcomes, good, before, strict=True):
        assert outcome.folder == one.folder.with_name(f"{one.folder.name}.failed")
        assert "the process that made it died" in (outcome.folder / "error.txt").read_text()
        assert (one.folder / "values.parquet").read_bytes() == old


def test_the_processes_of_a_run_end_with_whoever_started_it(workspace: Workspace, tmp_path: Path) -> None:
    """A scheduler that ends `kpi report --jobs 2` leaves nobody behind who waits for ever for more work."""
    book = nbformat.read(workspace.folder / "notebooks" / "toy.ipynb", as_version=4)
    book.cells[-1].source = "import time\ntime.sleep(600)"
    nbformat.write(book, workspace.folder / "notebooks" / "toy.ipynb")
    asked = [
        "report",
        "weekly",
        "--backfill",
        "2",
        "--jobs",
        "2",
        "--period",
        "2026-W11",
        "--out",
        str(tmp_path / "out"),
    ]
    code = "from kpi_lib.cli.main import main; main()"
    command = [sys.executable, "-c", code, "--workspace", str(workspace.folder), *asked]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as running:
        until(lambda: len(list((tmp_path / "out").rglob("ipython"))) == 2)  # both kernels are up
        running.kill()
    until(lambda: not alive(running.pid))


def alive(group: int) -> bool:
    """Whether any process of a group still runs; one that is over and not yet fetched does not."""
    told = subprocess.run(["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return any(int(line.split()[0]) == group and "Z" not in line for line in told.splitlines())


def until(happened: Callable[[], bool]) -> None:
    """Wait for something, half a minute at most."""
    for _ in range(300):
        if happened():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen within half a minute")


class Deadly:
    """A notebook whose process dies as soon as it hears of it."""

    def __init__(self, notebook: Path) -> None:
        self.notebook = notebook

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return os._exit, (9,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ("montly",)}, "unknown report 'montly'"),
        ({"backfill": 0}, "must be 1 or more"),
        ({"parameters": {"row": "3"}}, "Did you mean rows"),
        ({"parameters": {"rows": "many"}}, "rows"),
        ({"period": "2026-W60"}, "no period"),
        ({"by": "pln"}, "Did you mean plan"),
        ({"backfill": 200_000}, "goes back before the year 1"),
        ({"parameters": {"period": "2026-W10"}}, "the parameter period is set by the run: say it by --period"),
        ({"parameters": {"workspace": "/etc"}}, "say it by --workspace"),
        ({"parameters": {"only": "plan=gold"}}, "unknown value of plan 'gold'"),
        ({"parameters": {"only": "plan=pro"}, "by": "plan"}, "give one of the two"),
    ],
)
def test_mistakes_are_told_before_a_kernel_starts(
    workspace: Workspace, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        plan(workspace, Request(**({"names": ("weekly",), "out": tmp_path} | options)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a\x00b", ".hidden", "toy.ipynb/x"])
def test_notebooks_are_named_never_given_by_path(workspace: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match="never given by path"):
        find_notebook(name, workspace.folder)


def test_an_unknown_notebook_names_the_nearest(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="monthly-review"):
        find_notebook("montly-review", workspace.folder)


def test_the_pack_is_there() -> None:
    assert (pack() / "reports" / "monthly-review.ipynb").is_file()


def test_a_link_out_of_the_reports_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "A%2FB%3A test").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReportError, match="leads out"):
        plan(workspace, request(out))


@pytest.mark.parametrize(
    ("period", "written"),
    [
        ("1998-06", "June 1998"),
        ("2024-W25", "Week 25: 17–23 June 2024"),
        ("2026-W01", "Week 01: 29 December 2025–4 January 2026"),
        ("2026-Q3", "Q3 2026"),
        ("2026", "2026"),
        ("2026-10-05", "5 October 2026"),
        ("2026-10-01..2026-10-15", "1–14 October 2026"),
    ],
)
def test_periods_are_said_as_people_say_them(period: str, written: str) -> None:
    assert title(parse_period(period, zone="UTC")) == written


def test_a_week_that_starts_on_sunday_has_no_iso_number() -> None:
    grid = Grid.of([date(2026, 3, 1)], [date(2026, 3, 8)], zone="UTC", every="week")
    assert title(grid) == "1–7 March 2026"


@pytest.mark.parametrize("jobs", [1, 2])
def test_reports_are_rendered_from_a_relative_place(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.chdir(tmp_path)
    heard: list[tuple[int, object, int, str]] = []
    planned = plan(workspace, request(Path("out"), by="plan"))[:2]
    outcomes = render(planned, jobs=jobs, progress=lambda *said: heard.append(said))
    assert [each.status for each in outcomes] == ["done", "done"], outcomes
    assert pl.read_parquet(outcomes[1].folder / "values.parquet").rows() == [("plan=free", 2.0)]
    assert sum(outcome is not None for _, outcome, _, _ in heard) == 2
    for at in (0, 1):  # also from processes of their own one hears of each cell, and of the question it answers
        cells_done = [done for which, outcome, done, _ in heard if which == at and outcome is None]
        assert cells_done == sorted(cells_done)
        assert cells_done[-1] == cells(planned[at])
    assert {question for *_, question in heard} == {"", "What was counted?"}


def test_the_whole_made_anew_keeps_its_segments(workspace: Workspace, tmp_path: Path) -> None:
    planned = plan(workspace, request(tmp_path / "out", by="plan"))
    first = render(planned)
    changed = plan(workspace, request(tmp_path / "out", parameters={"rows": "9"}))
    again = render(changed)
    assert again[0].status == "done"
    assert pl.read_parquet(again[0].folder / "values.parquet")["value"].to_list() == [9.0]
    assert all((each.folder / "report.html").is_file() for each in first)
    assert not list((tmp_path / "out").rglob(".*tmp"))


def test_a_notebook_run_knows_its_workspace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from kpi_lib.reporting.notebooks import open_workspace as open_here

    opened: Callable[[], Workspace] = open_here
    monkeypatch.setenv("KPI_WORKSPACE", str(workspace.folder))
    assert opened().name == "A/B: test"


def test_where_no_funnel_is_declared_the_commonest_events_are_a_start(workspace: Workspace) -> None:
    from kpi_lib.reporting.notebooks import declared_funnel

    assert declared_funnel(workspace).steps == ("a", "b")
    with pytest.raises(UsageError, match="unknown funnel 'checkout'"):
        declared_funnel(workspace, "checkout")


@pytest.mark.parametrize(
    ("names", "steps"), [(["a"], ("a@1", "a@2", "a@3")), ([], ("purchase@1", "purchase@2", "purchase@3"))]
)
def test_of_one_event_the_way_is_to_do_it_again(names: list[str], steps: tuple[str, ...]) -> None:
    """A log of logins, or one that holds nothing yet, makes no report fail that also looks at a funnel."""
    from kpi_lib.reporting.notebooks import declared_funnel

    times = [datetime(2026, 1, 5, hour, tzinfo=UTC) for hour in range(len(names))]
    people = pl.Series("user_id", ["ann"] * len(names), pl.String)
    frame = pl.DataFrame(
        [people, pl.Series("time", times, pl.Datetime("us", "UTC")), pl.Series("event", names, pl.String)]
    )
    seen = SimpleNamespace(
        data=replace(Dataset.of({"events": frame}, observed_until=datetime(2026, 2, 1, tzinfo=UTC)), funnels={})
    )
    found = declared_funnel(seen)  # type: ignore[arg-type]
    assert found.steps == steps
    assert [row["units"] for row in funnel(seen.data, found).to_dict()["steps"]] == [len(names), 0, 0]


def test_an_event_may_be_a_question_or_hold_an_at_sign(workspace: Workspace) -> None:
    """A mark at the end of a name makes no step optional, and a name with an @ asks for no n-th event."""
    from kpi_lib.reporting.notebooks import declared_funnel

    times = [datetime(2026, 1, 5, hour, tzinfo=UTC) for hour in range(4)]
    names = ["need help?", "me@home", "sure??", "me@home"]
    events = pl.DataFrame({"user_id": ["ann"] * 4, "time": times, "event": names})
    until = datetime(2026, 2, 1, tzinfo=UTC)
    seen = SimpleNamespace(data=replace(Dataset.of({"events": events}, observed_until=until), funnels={}))
    found = declared_funnel(seen)  # type: ignore[arg-type]
    assert (found.events, found.required) == (("need help?", "sure??"), (0, 1))
    assert [row["units"] for row in funnel(seen.data, found).to_dict()["steps"]] == [1, 1]


def test_a_review_of_orders_takes_the_first_funnel_made_of_purchases(workspace: Workspace) -> None:
    from kpi_lib.reporting.notebooks import declared_funnel

    def steps(*declared: tuple[str, ...]) -> tuple[str, ...]:
        funnels = {f"f{at}": Funnel(each) for at, each in enumerate(declared)}
        changed = replace(workspace.data, funnels=funnels)
        return declared_funnel(SimpleNamespace(data=changed), orders=True).steps  # type: ignore[arg-type]

    climb = ("purchase@1", "purchase@5")
    assert steps(("a", "purchase"), climb, ("purchase@1", "purchase@9")) == climb
    assert steps(("a", "purchase")) == steps() == ("purchase@1", "purchase@2", "purchase@3")


def test_a_report_for_each_of_too_many_values_is_refused_before_any_runs() -> None:
    rows = pl.DataFrame({"user_id": [f"u{i}" for i in range(51)], "city": [f"c{i:02}" for i in range(51)]})
    assert len(_segments(Dataset.of({"users": rows.head(50)}), "city")) == 51  # and the whole
    with pytest.raises(UsageError, match=r"'city' has 51 values.*at most 50.*--param only=city=c00"):
        _segments(Dataset.of({"users": rows}), "city")
