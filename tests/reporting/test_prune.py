"""Old reports go, the latest stay, and nothing that is not a report is ever touched."""

import json
from pathlib import Path

import pytest

from kpi_lib.cli.main import run
from kpi_lib.core.errors import UsageError
from kpi_lib.reporting.prune import outdated, remove


def report(out: Path, name: str, period: str, *inner: str) -> Path:
    folder = out / "shop" / name / period
    for place in (folder, *(folder / each for each in inner)):
        place.mkdir(parents=True, exist_ok=True)
        (place / "manifest.json").write_text(json.dumps({"period": period}))
        (place / "report.html").write_text("x")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for month in ("2025-12", "2026-01", "2026-02", "2026-03"):
        report(tmp_path, "monthly", month, "plan=pro")
    report(tmp_path, "weekly", "2026-W01")
    failed = tmp_path / "shop" / "monthly" / "2026-01.failed"
    failed.mkdir()
    (failed / "error.txt").write_text("no")
    return tmp_path


def names(folders: list[Path]) -> list[str]:
    return sorted(f"{each.parent.name}/{each.name}" for each in folders)


def test_the_latest_of_each_report_stay(out: Path) -> None:
    assert names(outdated(out, 2)) == ["monthly/2025-12", "monthly/2026-01", "monthly/2026-01.failed"]
    assert outdated(out, 4) == []


def test_years_and_weeks_are_put_in_order_by_time_and_not_by_name(tmp_path: Path) -> None:
    for period in ("2026-W02", "2025-W52", "2026-W10", "2026"):
        report(tmp_path, "weekly", period)
    assert names(outdated(tmp_path, 1)) == ["weekly/2025-W52", "weekly/2026-W02", "weekly/2026-W10"]


def test_what_is_no_report_stays(out: Path) -> None:
    shelf = out / "shop" / "monthly"
    (shelf / "2025-12" / "notes.txt").write_text("mine")
    (shelf / "2026-01" / "drafts").mkdir()
    (shelf / "2024-01").mkdir()
    report(out, "monthly", "elsewhere")
    (shelf / "2023-01").symlink_to(report(out, "other", "2023-01"))
    assert names(outdated(out, 1)) == ["monthly/2026-01.failed", "monthly/2026-02", "monthly/2026-03"]


def test_removed_means_removed_and_segments_go_with_their_whole(out: Path) -> None:
    remove(outdated(out, 1))
    left = sorted(each.name for each in (out / "shop" / "monthly").iterdir())
    assert left == ["2026-03"]
    assert (out / "shop" / "monthly" / "2026-03" / "plan=pro" / "report.html").is_file()


def test_at_least_one_stays(out: Path) -> None:
    with pytest.raises(UsageError, match="at least the latest"):
        outdated(out, 0)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prune", "--out", str(tmp_path / "report")]) == 2
    assert "is no folder, so there are no reports in it" in capsys.readouterr().err


def test_a_segment_that_was_made_alone_goes_when_it_is_old(out: Path) -> None:
    report(out, "monthly", "2024-05/plan=pro")  # the folder of the whole holds nothing else
    assert "monthly/2024-05" in names(outdated(out, 3))


def test_the_command_lists_first_and_removes_on_demand(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prune", "--keep", "3", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "would go" in told
    assert "Remove with --yes" in told
    assert (out / "shop" / "monthly" / "2025-12").is_dir()
    assert run(["--json", "prune", "--keep", "3", "--out", str(out), "--yes"]) == 0
    assert [Path(each).name for each in json.loads(capsys.readouterr().out)["removed"]] == ["2025-12"]
    assert not (out / "shop" / "monthly" / "2025-12").exists()
    assert "2025-12" not in (out / "index.html").read_text()
    assert run(["prune", "--keep", "3", "--out", str(out)]) == 0
    assert "Nothing: no report has more than 3 periods" in capsys.readouterr().out
