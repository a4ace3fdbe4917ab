"""The same command on the same inputs ends at once; whatever a report is made of, a change of it makes the report anew."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kpi_lib.cli.main import run
from kpi_lib.reporting import plan as planning
from kpi_lib.reporting import remembered
from kpi_lib.reporting.plan import Request, lasts, plan, workspaces
from kpi_lib.sources.quality import turns
from kpi_lib.sources.workspace import open_workspace

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TOML = '[workspace]\nname = "Shop"\n[tables.events]\npath = "raw/*.csv"\n'
LOG = "user_id,time,event\n" + "".join(
    f"u{at % 7},2026-{8 + at % 3:02}-{1 + at % 28:02}T10:00:00Z,buy\n" for at in range(84)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "shop [1]"
    for name in ("raw", "decisions", "notebooks"):
        (place / name).mkdir(parents=True)
    (place / "kpi.toml").write_text(TOML)
    (place / "raw" / "a.csv").write_text(LOG)
    return place


@pytest.fixture
def report(tmp_path: Path) -> Path:
    place = tmp_path / "out" / "Shop" / "weekly" / "2026-W40"
    place.mkdir(parents=True)
    for name in remembered.MADE:
        (place / name).write_text("made")
    return place


@pytest.fixture
def kept(folder: Path, report: Path, tmp_path: Path) -> Path:
    place = remembered.memory(tmp_path / "out", folder, {"names": ["weekly"]})
    keep(place, folder, report)
    return place


def keep(place: Path, folder: Path, report: Path, until: datetime | None = None) -> None:
    inputs = remembered.state([folder])
    made = {"inputs": inputs, "workspaces": [folder], "folders": [report]}
    remembered.remember(place, {"told": 1}, **made, until=until, now=NOW - timedelta(hours=1))  # type: ignore[arg-type]


def test_nothing_changed_is_recalled_from_anywhere(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert remembered.recall(kept) == {"told": 1}


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "a row more": lambda shop, _: (shop / "raw" / "a.csv").write_text(LOG + LOG.splitlines()[1] + "\n"),
    "the same size, another time": lambda shop, _: os.utime(shop / "raw" / "a.csv", (1, 1)),
    "a file more": lambda shop, _: (shop / "raw" / "b.csv").write_text(LOG),
    "a file less": lambda shop, _: (shop / "raw" / "a.csv").unlink(),
    "another choice": lambda shop, _: (shop / "kpi.toml").write_text(TOML + '[product]\nstage = "mature"\n'),
    "a decision": lambda shop, _: (shop / "decisions" / "one.toml").write_text("x = 1"),
    "an own notebook": lambda shop, _: (shop / "notebooks" / "weekly-review.ipynb").write_text("{}"),
    "a report gone": lambda _, report: (report / "report.html").unlink(),
    "a report edited": lambda _, report: (report / "values.parquet").write_text("other"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(change: Callable[[Path, Path], object], kept: Path, folder: Path, report: Path) -> None:
    change(folder, report)
    assert remembered.recall(kept) is None


@pytest.mark.parametrize("what", ["versions", "code"])
def test_another_library_is_seen(what: str, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if what == "versions":
        monkeypatch.setattr(remembered, "versions", lambda: {"polars": "0"})
    else:
        monkeypatch.setattr(remembered, "PACKAGE", tmp_path)
    assert remembered.recall(kept) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"until": 3}', "\0"])
def test_a_broken_memory_is_none(text: str, kept: Path) -> None:
    kept.write_text(text)
    assert remembered.recall(kept) is None


def test_it_holds_until_time_changes_something(kept: Path, folder: Path, report: Path) -> None:
    keep(kept, folder, report, until=NOW)
    assert remembered.recall(kept, NOW - timedelta(seconds=1)) == {"told": 1}
    assert remembered.recall(kept, NOW) is None


def test_what_is_of_no_use_any_more_is_forgotten(kept: Path, folder: Path, report: Path) -> None:
    shelf = kept.parent
    over, torn, young, old = (shelf / name for name in ("over.json", "torn.json", "a.tmp", "b.tmp"))
    keep(over, folder, report, until=NOW)
    for each in (torn, young, old):
        each.write_text("{")
    os.utime(old, (0, 0))
    remembered.forget(shelf, NOW - timedelta(seconds=1))
    assert sorted(shelf.iterdir()) == sorted([kept, over, young])
    remembered.forget(shelf, NOW)
    assert sorted(shelf.iterdir()) == sorted([kept, young])
    shutil.rmtree(report)
    keep(over, folder, folder, until=NOW)
    assert sorted(shelf.iterdir()) == sorted([over, young])
    remembered.forget(folder / "nowhere")


def test_another_question_has_another_memory(kept: Path, folder: Path, tmp_path: Path) -> None:
    assert remembered.memory(tmp_path / "out", folder, {"names": ["weekly"], "period": "2026-W40"}) != kept
    assert remembered.memory(tmp_path / "out", folder / "raw", {"names": ["weekly"]}) != kept


def test_where_it_cannot_be_kept_the_run_goes_on(folder: Path, report: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keep(tmp_path / "file" / "memory.json", folder, report)


class TestHowLongItHolds:
    def test_for_ever_without_limits(self, folder: Path) -> None:
        assert turns(open_workspace(folder, now=NOW)) is None

    def test_until_the_data_pass_a_limit_of_age(self, folder: Path) -> None:
        (folder / "kpi.toml").write_text(TOML + '[freshness]\nwarn_after = "10d"\nerror_after = "40d"\n')
        last = datetime(2026, 10, 28, 10, tzinfo=UTC)
        assert turns(open_workspace(folder, now=NOW)) == last + timedelta(days=40)
        assert turns(open_workspace(folder, now=last + timedelta(days=3))) == last + timedelta(days=10)

    def test_until_tomorrow_where_rows_lie_in_the_future(self, folder: Path) -> None:
        (folder / "raw" / "b.csv").write_text("user_id,time,event\nu1,2027-01-01T10:00:00Z,buy\n")
        assert turns(open_workspace(folder, now=NOW)) == datetime(2026, 11, 21, tzinfo=UTC)

    def test_not_at_all_for_notebooks_that_may_read_anything(self, folder: Path, tmp_path: Path) -> None:
        own = (planning.pack() / "reports" / "one-page.ipynb").read_text("utf-8")
        (folder / "notebooks" / "ours.ipynb").write_text(own)
        (folder / "kpi.toml").write_text(TOML + '[reports.ours]\nnotebook = "ours"\n')
        opened = open_workspace(folder, now=NOW)
        planned = plan(opened, Request(names=("ours",), out=tmp_path))
        until = lasts(opened, planned)
        assert until is not None
        assert until < NOW

    def test_a_portfolio_is_made_of_its_products_too(self, folder: Path, tmp_path: Path) -> None:
        opened = open_workspace(folder, now=NOW)
        asked = Request(names=("portfolio",), out=tmp_path, parameters={"products": "../other"})
        assert workspaces(opened, plan(opened, asked)) == [folder, folder / "../other"]


def test_the_command_ends_at_once_and_starts_again_after_a_change(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    words = ["report", "one-page", "--workspace", str(folder), "--out", str(tmp_path / "out"), "--json"]
    assert run(words) == 0
    made = json.loads(capsys.readouterr().out)["reports"]
    light = "import sys; from kpi_lib.cli.main import run; status = run(sys.argv[1:]); sys.exit(status or 10 * ('polars' in sys.modules))"
    again = subprocess.run([sys.executable, "-c", light, *words], capture_output=True, text=True, check=True)
    told = json.loads(again.stdout)["reports"]
    assert [each["status"] for each in (*made, *told)] == ["done", "unchanged"]
    assert {**told[0], "status": 0, "seconds": 0} == {**made[0], "status": 0, "seconds": 0}
    asked = []
    monkeypatch.setattr(planning, "render", lambda planned, **_: asked.append(planned) or [])
    (folder / "raw" / "a.csv").write_text(LOG + LOG.splitlines()[1] + "\n")
    assert run(words) == 0
    assert len(asked) == 1
