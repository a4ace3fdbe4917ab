"""Changing kpi.toml leaves alone what nobody asked to change, and leaves the old file where the new one cannot be read."""

from datetime import date
from pathlib import Path

import pytest
import tomlkit

from kpi_lib.core.errors import WorkspaceError
from kpi_lib.sources.manifest import read_manifest
from kpi_lib.sources.rewriting import choose, pin, rewrite

TEXT = """# ours
[tables.events]   # the log
path = "events.csv"

[[targets]]   # first
kpi = "wau"   # weekly
value = 5
due = 2026-12-31

[[targets]]
value = 0.3
kpi = "retention_day_7"

[product]
stage = "early"  # for now
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kpi.toml").write_text(TEXT, encoding="utf-8")
    return tmp_path


def test_pins_stand_beside_their_targets_and_all_else_stays(folder: Path) -> None:
    assert pin(folder, ["aaaaaaaa", ""])
    now = (folder / "kpi.toml").read_text(encoding="utf-8")
    added = [line for line in now.splitlines() if line not in TEXT.splitlines()]
    assert added == ['definition = "aaaaaaaa"']
    assert [line for line in now.splitlines() if line in TEXT.splitlines()] == TEXT.splitlines()
    assert read_manifest(folder / "kpi.toml")["targets"][0]["definition"] == "aaaaaaaa"
    assert not pin(folder, ["aaaaaaaa", ""])
    assert pin(folder, ["bbbbbbbb", "cccccccc"])
    assert [t.get("definition") for t in read_manifest(folder / "kpi.toml")["targets"]] == ["bbbbbbbb", "cccccccc"]


@pytest.mark.parametrize(("end", "mark"), [("\r\n", ""), ("\n", "\ufeff"), ("\r\n", "\ufeff")])
def test_line_ends_and_a_byte_order_mark_stay(folder: Path, end: str, mark: str) -> None:
    path = folder / "kpi.toml"
    path.write_bytes((mark + TEXT.replace("\n", end)).encode())
    pin(folder, ["", "dddddddd"])
    now = path.read_bytes().decode()
    assert now.startswith(mark + "# ours" + end)
    assert ("\r\n" in now) == (end == "\r\n")
    assert len(now.splitlines()) == len(TEXT.splitlines()) + 1


def test_what_could_not_be_read_again_is_not_written(folder: Path) -> None:
    def spoil(document: tomlkit.TOMLDocument) -> None:
        document["product"]["stage"] = "grown"  # type: ignore[index]

    with pytest.raises(WorkspaceError, match="stage must be one of"):
        rewrite(folder, spoil)
    assert (folder / "kpi.toml").read_text(encoding="utf-8") == TEXT
    assert [path.name for path in folder.iterdir()] == ["kpi.toml"]


def test_a_broken_file_is_not_touched(folder: Path) -> None:
    (folder / "kpi.toml").write_text(TEXT + "[product\n", encoding="utf-8")
    with pytest.raises(WorkspaceError):
        rewrite(folder, lambda _: None)


def test_rights_and_links_stay(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "real.toml"
    (folder / "kpi.toml").rename(other)
    (folder / "kpi.toml").symlink_to(other)
    other.chmod(0o640)
    pin(folder, ["aaaaaaaa", ""])
    assert (folder / "kpi.toml").is_symlink()
    assert "aaaaaaaa" in other.read_text(encoding="utf-8")
    assert other.stat().st_mode & 0o777 == 0o640
    assert not list(folder.glob(".kpi-*"))


FIRST = {"version": 1, "since": date(2026, 1, 5), "primary": ["dau"], "secondary": ["arpu"]}


def test_a_choice_is_written_without_losing_a_word(folder: Path) -> None:
    assert choose(folder, {"stage": "growth", "goals": ["revenue"]}, FIRST)
    now = (folder / "kpi.toml").read_text(encoding="utf-8")
    assert 'stage = "growth"  # for now' in now
    for line in TEXT.splitlines():
        assert line in now or line.startswith("stage")
    order = [
        now.index(word) for word in ("# ours", "[tables.events]", "# first", "# weekly", "[product]", "[[kpi_sets]]")
    ]
    assert order == sorted(order)
    found = read_manifest(folder / "kpi.toml")
    assert found["product"] == {"stage": "growth", "goals": ["revenue"], "kpis": ["dau"]}
    assert found["kpi_sets"] == [FIRST]
    assert not choose(folder, {"stage": "growth"}, None)
    assert choose(folder, {}, {**FIRST, "version": 2, "primary": ["mau"]})
    assert [each["version"] for each in read_manifest(folder / "kpi.toml")["kpi_sets"]] == [1, 2]


def test_a_file_without_a_product_gets_one(tmp_path: Path) -> None:
    (tmp_path / "kpi.toml").write_text('[tables.events]\npath = "e.csv"\n', encoding="utf-8")
    choose(tmp_path, {"stage": "early"}, FIRST)
    assert read_manifest(tmp_path / "kpi.toml")["product"]["stage"] == "early"


BAD_SETS = {
    "another number": ({"version": 2}, "must be numbered 1, 2, 3"),
    "an unknown KPI": ({"primary": ["dua"]}, "unknown KPI 'dua'. Did you mean dau"),
    "no number": ({"version": 0}, "whole number above 0"),
    "a key of its own": ({"goal": "x"}, "is unknown"),
}


@pytest.mark.parametrize(("change", "why"), BAD_SETS.values(), ids=BAD_SETS)
def test_a_bad_kpi_set_is_refused_and_not_written(folder: Path, change: dict[str, object], why: str) -> None:
    with pytest.raises(WorkspaceError, match=why):
        choose(folder, {}, {**FIRST, **change})
    assert (folder / "kpi.toml").read_text(encoding="utf-8") == TEXT


def test_a_later_set_does_not_begin_earlier(folder: Path) -> None:
    choose(folder, {}, FIRST)
    with pytest.raises(WorkspaceError, match="in the order of their days"):
        choose(folder, {}, {**FIRST, "version": 2, "since": date(2025, 1, 5)})
