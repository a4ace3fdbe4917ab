"""The catalogue lists what stands in the folder, and nothing in it can break the page."""

import json
from pathlib import Path
from typing import Any

import pytest

from kpi_lib.core.errors import ReportError
from kpi_lib.reporting.index import entries, write_index


def report(out: Path, workspace: str, name: str, period: str, **more: Any) -> Path:  # noqa: ANN401
    by = more.pop("by", {})
    folder = out / workspace / name / period / "/".join(f"{column}={value}" for column, value in by.items())
    folder.mkdir(parents=True)
    content = {"workspace": workspace, "name": name, "title": f"Period {period}", "period": period, "by": by}
    facts = {"sentences": more.pop("sentences", []), "star": more.pop("star", {})}
    (folder / "manifest.json").write_text(json.dumps({**content, "facts": facts, **more}))
    return folder


def test_the_latest_stands_first_and_failures_are_marked(tmp_path: Path) -> None:
    report(tmp_path, "shop", "weekly", "2026-W02")
    report(tmp_path, "shop", "weekly", "2026-W10", sentences=["**Up** by 3"])
    report(tmp_path, "app", "monthly", "2026-01", by={"country": "DE"})
    failed = tmp_path / "shop" / "weekly" / "2026-W11.failed"
    failed.mkdir()
    (failed / "error.txt").write_text("the notebook stopped\nno such step <x>\n")
    found = entries(tmp_path)
    assert [(each.workspace, each.period, bool(each.error)) for each in found] == [
        ("app", "2026-01", False),
        ("shop", "2026-W11", True),
        ("shop", "2026-W10", False),
        ("shop", "2026-W02", False),
    ]
    assert found[0].by == "country = DE"
    text = write_index(tmp_path).read_text()
    assert "3 reports · 1 failed" in text
    assert "<strong>Up</strong> by 3" in text
    assert "no such step &lt;x&gt;" in text
    assert 'href="app/monthly/2026-01/country%3DDE/report.html"' in text


def test_the_latest_of_each_report_shows_the_course_of_its_north_star(tmp_path: Path) -> None:
    for period in ("2026-01", "2026-02"):
        report(
            tmp_path, "shop", "monthly", period, star={"title": "Orders <b>", "values": [3, None, 5.5], "partial": True}
        )
    report(tmp_path, "shop", "weekly", "2026-W02", star={"title": "Orders", "values": [3]})
    text = write_index(tmp_path).read_text()
    assert text.count('class="kpi-spark"') == 1
    assert 'aria-label="Orders &lt;b&gt; over 3 periods"' in text
    assert 'data-hollow="yes"' in text


def test_twice_gives_the_same_bytes_and_leaves_the_file(tmp_path: Path) -> None:
    report(tmp_path, "shop", "weekly", "2026-W02")
    place = write_index(tmp_path)
    before = place.stat().st_mtime_ns, place.read_bytes()
    write_index(tmp_path)
    assert (place.stat().st_mtime_ns, place.read_bytes()) == before
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    folder = report(tmp_path, "w", "r", "p")
    content = json.loads((folder / "manifest.json").read_text())
    content.update(workspace="</script><script>alert(1)</script>", title="[[script]]", name='"><img onerror=x>')
    (folder / "manifest.json").write_text(json.dumps(content))
    text = write_index(tmp_path).read_text()
    assert text.count("<script") == 1
    assert "<img" not in text
    assert "[[script]]" in text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"workspace": 1}', '{"facts": null}'])
def test_a_manifest_of_another_making_is_passed_over(tmp_path: Path, text: str) -> None:
    folder = report(tmp_path, "w", "r", "p")
    (folder / "manifest.json").write_text(text)
    assert entries(tmp_path) == []


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    assert "kpi report --all" in write_index(tmp_path / "new").read_text()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="cannot be written"):
        write_index(tmp_path / "file")
