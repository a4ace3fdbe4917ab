"""Reports of the pack by papermill over a matrix of parameters: each period, a segment, an empty week, one user, odd clocks."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kpi_lib.cli.main import run
from kpi_lib.reporting.pack import pack, packed
from tests.notebooks.workspaces import EVENTS, FUNNEL, minimal, toml, write

SLOW = pytest.mark.slow


def busy(folder: Path, zone: str = "Europe/Berlin") -> Path:
    """Two years of a few people, with a leap day, both changes of the clocks, and a week in which nobody came."""
    start, rows = datetime(2023, 3, 1, 0, 30), []
    for at in range(4_000):
        time = start + timedelta(hours=4.4 * at)
        quiet = datetime(2024, 5, 6) <= time < datetime(2024, 5, 13)
        skipped = datetime(2024, 3, 31, 2) <= time < datetime(2024, 3, 31, 3) or (time.month, time.day) == (3, 26)
        if not quiet and not skipped:
            rows.append((f"u{at * 7 % 31}", time, ("look", "buy")[at % 3 == 0], ("free", "pro")[at % 2]))
    return write(folder, toml("events", zone=zone, until="2025-02-01", more=FUNNEL), events=(EVENTS, rows))


CASES = {
    "an empty week": ("weekly", "2024-W19"),
    "the week of the leap day": ("weekly", "2024-W09"),
    "the leap month": ("one-page", "2024-02"),
    "the week that is an hour short": ("weekly", "2024-W13"),
    "the week that is an hour long": ("weekly", "2024-W43"),
    "a day": ("weekly", "2024-02-29"),
    "a quarter": ("quarterly-review", "2024-Q1"),
    "a year": ("one-page", "2024"),
    "a span": ("one-page", "2024-02-20..2024-03-10"),
    "before the data": ("weekly", "2022-W10"),
    "the first week of all": ("weekly", "2023-W09"),
}
EVERYDAY = ("an empty week",)


def made(workspace: Path, out: Path, *asked: str) -> tuple[int, list[Path]]:
    """A report by the command: its status, and the pages."""
    status = run(["--workspace", str(workspace), "report", *asked, "--out", str(out)])
    return status, sorted(out.rglob("report.html"))


@pytest.mark.parametrize("case", [pytest.param(each, marks=[] if each in EVERYDAY else SLOW) for each in CASES])
def test_a_report_of_any_period_is_whole(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, period = CASES[case]
    status, pages = made(busy(tmp_path / "w"), tmp_path / "out", name, "--period", period)
    assert status == 0, capsys.readouterr().err
    (page,) = pages
    text = page.read_text("utf-8")
    assert "Traceback" not in text
    assert ">nan<" not in text
    assert "All held" in text or "all held" in text, "the checks after rendering"
    if case in ("an empty week", "before the data"):
        facts = json.loads((page.parent / "manifest.json").read_text("utf-8"))["facts"]
        assert facts["sentences"]


@SLOW
@pytest.mark.parametrize("name", packed())
def test_each_report_of_the_pack_takes_one_segment_and_one_user(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs = json.loads((pack() / "reports" / f"{name}.ipynb").read_text("utf-8"))["metadata"]["kpi"]["needs"]
    fits = any("events" in each for each in needs) and name != "portfolio"
    workspaces = {"busy": busy(tmp_path / "busy"), "one": minimal(tmp_path / "one")}
    for at, folder in workspaces.items():
        more = ["--param", "only=plan=pro"] if at == "busy" and fits else []
        status, pages = made(folder, tmp_path / f"out-{at}", name, *more)
        said = capsys.readouterr().err
        if not fits:
            assert status in (0, 2), said
            continue
        assert (status, len(pages)) == (0, 1), said


@SLOW
def test_a_segment_each_beside_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, pages = made(busy(tmp_path / "w"), tmp_path / "out", "weekly", "--period", "2024-W20", "--by", "plan")
    assert status == 0, capsys.readouterr().err
    assert sorted(page.parent.name for page in pages) == ["2024-W20", "plan=free", "plan=pro"]
