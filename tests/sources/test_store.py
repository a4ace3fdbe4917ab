"""The store gives what the files give, knows when it is out of date, and a failed build costs nothing."""

import errno
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kpi_lib.answers.compute import compute
from kpi_lib.core.errors import DataError, KpiError
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.sessions import session_figures
from kpi_lib.sources import ranges, store
from kpi_lib.sources.workspace import Workspace, open_workspace
from tests.sources.conftest import NOW, Maker

TOML = """
[workspace]
timezone = "America/New_York"
[tables.events]
path = "log*.csv"
[tables.users]
path = "people.csv"
[settings]
active_events = ["*"]
"""


def log_of(users: int, seed: int = 3) -> str:
    """A log in no order, with ties, equal rows and a segment column that is sometimes empty."""
    dice = Random(seed)
    rows = ["user_id,time,event,country,amount"]
    for _ in range(users * 9):
        day, minute = dice.randrange(1, 29), dice.choice(["10:00", "10:20", "11:30", "03:30"])
        event, country = dice.choice("abcd"), dice.choice(["de", "fr", ""])
        rows.append(
            f"u{dice.randrange(users)},2026-03-{day:02}T{minute}:00Z,{event},{country},{dice.randrange(5)}.{dice.randrange(9)}"
        )
    return "\n".join([*rows, rows[-1]]) + "\n"


@pytest.fixture
def shop(make: Maker, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose events fill several ranges of users."""
    monkeypatch.setattr(ranges, "ROWS", 60)
    monkeypatch.setattr(ranges, "SAMPLE", 3)
    people = "user_id,plan\n" + "".join(f"u{i},{'pro' if i % 3 else 'free'}\n" for i in range(35))
    return make(TOML, log_csv=log_of(40), people_csv=people)


def again(workspace: Workspace) -> Workspace:
    """The same folder opened afresh."""
    return open_workspace(workspace.folder, now=NOW)


def test_a_store_gives_exactly_what_the_files_give(shop: Workspace) -> None:
    plain, told = shop.data, shop.log
    shop.build_store()
    kept = again(shop)
    assert kept.store == ""
    assert kept.data.parts is not None
    assert len(kept.data.parts.events) > 3
    assert set(kept.data.tables) == set(plain.tables)
    for name in plain.tables:
        assert kept.data.columns(name) == plain.columns(name)
        assert_frame_equal(kept.data.tables[name], plain.tables[name])
    fields = ("observed_from", "observed_until", "zone", "currency", "activity", "fingerprint", "settings")
    assert [getattr(kept.data, name) for name in fields] == [getattr(plain, name) for name in fields]
    assert kept.log == told


def test_answers_from_the_store_are_those_from_the_files(shop: Workspace) -> None:
    plain = shop.data
    shop.build_store()
    kept = again(shop).data
    grid = shop.grid(every="week")
    for by in ((), ("country",), ("plan",)):
        assert (
            compute(["wau", "new_users"], kept, grid, by).to_dict()
            == compute(["wau", "new_users"], plain, grid, by).to_dict()
        )
        one, other = plain.with_by(by), kept.with_by(by)
        spec = Funnel(("a", "b", "c"), within="3d")
        assert funnel(other, spec).to_dict() == funnel(one, spec).to_dict()
        assert session_figures(other).to_dict() == session_figures(one).to_dict()
        assert cohorts(other, Cohorts()).to_dict() == cohorts(one, Cohorts()).to_dict()


def test_marks_of_steps_mean_the_same_in_the_store(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "ROWS", 60)
    odd = log_of(40).replace(",d,", ",b?,").replace(",c,", ",a@2,")  # events that are named like steps with a mark
    shop = make(TOML, log_csv=odd, people_csv="user_id,plan\nu1,pro\n")
    plain = shop.data
    shop.build_store()
    kept = again(shop).data
    for steps in (("a", "b?", "a@2"), ("a", "b", "a@2"), ("a", "b")):
        one, other = (funnel(data, Funnel(steps, within="3d")) for data in (plain, kept))
        assert other.to_dict() == one.to_dict()
        assert_frame_equal(other.users(), one.users())


def test_the_user_days_are_the_local_days_of_the_events(shop: Workspace) -> None:
    shop.build_store()
    parts = again(shop).data.parts
    assert parts is not None
    assert parts.days is not None
    there = parts.days.collect()
    assert there[store.USER].is_sorted()
    assert there[store.USER].n_unique() == there["user_id"].n_unique()
    rows = shop.data.tables["events"]
    local = rows["time"].dt.convert_time_zone("America/New_York").dt.date()
    expected = pl.DataFrame({"user_id": rows["user_id"], "day": local}).unique().sort("user_id", "day")
    assert_frame_equal(there.select("user_id", "day"), expected)
    assert there["events"].sum() == len(rows)


def test_values_that_the_index_tells_are_those_of_the_rows(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.build_store()
    kept = again(shop).data
    assert kept.parts is not None
    assert {("sizes", "event"), ("sizes", "country")} <= set(kept.parts.kept)
    for column in ("event", "country"):
        rows = pl.concat(kept.parts.events).select(pl.col(column).cast(pl.String)).collect()
        counted = rows.group_by(column).len("rows")
        assert_frame_equal(kept.sizes("events", column), counted, check_row_order=False)
    shutil.rmtree(shop.folder / store.FOLDER)
    monkeypatch.setattr(ranges, "TOLD", 3)  # countries are three with none, events four
    shop.build_store()
    parts = again(shop).data.parts
    assert parts is not None
    assert ("sizes", "country") in parts.kept
    assert ("sizes", "event") not in parts.kept


def change_content(shop: Workspace) -> None:
    path = shop.folder / "log.csv"
    text, before = path.read_text("utf-8"), path.stat()
    path.write_text(text.replace(",a,", ",z,", 1), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # same size, same time of change


def add_a_file(shop: Workspace) -> None:
    (shop.folder / "log2.csv").write_text(log_of(5, seed=8), encoding="utf-8")


def move_the_zone(shop: Workspace) -> None:
    toml = shop.folder / "kpi.toml"
    toml.write_text(toml.read_text("utf-8").replace("America/New_York", "UTC"), encoding="utf-8")


def make_it_older(shop: Workspace) -> None:
    path = shop.folder / store.FOLDER / store.MANIFEST
    path.write_text(path.read_text("utf-8").replace(f'"format": {store.FORMAT}', '"format": 0'), encoding="utf-8")


def cut_a_range(shop: Workspace) -> None:
    path = next((shop.folder / store.FOLDER).glob("events-*/001.parquet"))
    path.write_bytes(path.read_bytes()[:-7])


def lose_a_range(shop: Workspace) -> None:
    next((shop.folder / store.FOLDER).glob("events-*/days-002.parquet")).unlink()


def share_a_user(shop: Workspace) -> None:
    path = next((shop.folder / store.FOLDER).glob("events-*/index.json"))
    index = json.loads(path.read_text("utf-8"))
    index[1]["first"] = index[0]["last"]
    path.write_text(json.dumps(index), encoding="utf-8")


def garble_the_manifest(shop: Workspace) -> None:
    (shop.folder / store.FOLDER / store.MANIFEST).write_text("{", encoding="utf-8")


STALE = {
    change_content: "log.csv has changed",
    add_a_file: "added or removed: log2.csv",
    move_the_zone: "kpi.toml has changed",
    make_it_older: "format 0",
    cut_a_range: "is damaged",
    lose_a_range: "is damaged",
    share_a_user: "stands in two ranges",
    garble_the_manifest: "manifest cannot be read",
}


@pytest.mark.parametrize("harm", STALE)
def test_a_store_that_does_not_fit_is_told_and_never_used(shop: Workspace, harm: object) -> None:
    shop.build_store()
    harm(shop)  # type: ignore[operator]
    seen = again(shop)
    assert STALE[harm] in seen.stale  # type: ignore[index]
    (shop.folder / store.FOLDER / store.MANIFEST).unlink()
    fresh = again(shop)
    assert fresh.stale == ""
    for name in fresh.data.tables:
        assert_frame_equal(seen.data.tables[name], fresh.data.tables[name])


@pytest.mark.parametrize("harm", [change_content, add_a_file, move_the_zone, make_it_older])
def test_building_again_mends_it(shop: Workspace, harm: object) -> None:
    shop.build_store()
    harm(shop)  # type: ignore[operator]
    again(shop).build_store()
    assert again(shop).store == ""
    assert len(list((shop.folder / store.FOLDER).glob("events-*"))) == 1


def test_what_does_not_shape_the_tables_leaves_the_store_fresh(shop: Workspace) -> None:
    shop.build_store()
    (shop.folder / "log.csv").touch()
    toml = shop.folder / "kpi.toml"
    toml.write_text(
        toml.read_text("utf-8").replace('["*"]', '["a"]') + '[funnels.f]\nsteps = ["a", "b"]\n', encoding="utf-8"
    )
    kept = again(shop)
    assert kept.store == ""
    assert kept.data.settings["active_events"] == ["a"]
    assert list(kept.data.funnels) == ["f"]
    assert kept.build_store()["built"] is False


def test_a_row_set_aside_as_future_is_looked_at_again_the_next_day(make: Maker) -> None:
    log = "user_id,time,event\na,2026-05-01T10:00:00Z,x\nb,2026-06-02T10:00:00Z,x\n"
    shop = make('[tables.events]\npath = "log.csv"\n', log_csv=log)
    shop.build_store()
    assert open_workspace(shop.folder, now=NOW).stale == ""
    tomorrow = open_workspace(shop.folder, now=NOW + timedelta(days=1))
    assert "future" in tomorrow.stale
    assert len(tomorrow.data.tables["events"]) == 2
    tomorrow.build_store()
    built = open_workspace(shop.folder, now=NOW + timedelta(days=1))
    assert built.store == ""
    assert len(built.data.tables["events"]) == 2


def test_a_full_disk_loses_nothing_and_the_next_build_goes_on(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.build_store()
    before = again(shop).data.tables["events"]
    add_a_file(shop)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(store, "_publish", full)
        with pytest.raises(DataError, match="No space left on device"):
            again(shop).build_store()
    (shop.folder / "log2.csv").unlink()
    assert again(shop).store == ""
    assert_frame_equal(again(shop).data.tables["events"], before)
    add_a_file(shop)
    finished = {p: p.stat().st_mtime_ns for p in (shop.folder / store.FOLDER).glob("events-*/*.parquet")}
    again(shop).build_store()
    assert again(shop).store == ""
    kept = {p: p.stat().st_mtime_ns for p in (shop.folder / store.FOLDER).glob("events-*/*.parquet")}
    assert kept
    assert kept.items() <= finished.items()  # the finished table was taken over as it was


def test_a_file_that_changes_meanwhile_is_noticed(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    load = store.load

    def while_somebody_writes(*args: object) -> object:
        found = load(*args)  # type: ignore[arg-type]
        change_content(shop)
        return found

    monkeypatch.setattr(store, "load", while_somebody_writes)
    with pytest.raises(KpiError, match="changed while the store was being built"):
        shop.build_store()
    assert not (shop.folder / store.FOLDER / store.MANIFEST).exists()


def test_a_table_without_rows_and_a_workspace_without_events_keep_their_form(make: Maker) -> None:
    orders = "user_id,time,amount,currency\na,2026-05-01,3.50,USD\nb,2026-05-02,1.00,USD\n"
    for toml, files in (
        ('[tables.transactions]\npath = "orders.csv"\n', {"orders_csv": orders}),
        ('[tables.events]\npath = "log.csv"\n', {"log_csv": "user_id,time,event\n"}),
    ):
        shop = make(toml, next(iter(files)), **files)
        plain = shop.data
        shop.build_store()
        kept = again(shop)
        assert kept.store == ""
        for name in plain.tables:
            assert_frame_equal(kept.data.tables[name], plain.tables[name])
        assert session_figures(kept.data).to_dict() == session_figures(plain).to_dict()
        assert kept.data.parts is None


def test_the_store_is_no_business_of_git(shop: Workspace) -> None:
    shop.build_store()
    assert (shop.folder / Path(".kpi") / ".gitignore").read_text("utf-8") == "*\n"
