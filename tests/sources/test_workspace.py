"""The workspace file is checked to the last key, and a request for periods is understood."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.core.errors import KpiError, KpiWarning, UsageError, WorkspaceError
from kpi_lib.sources.manifest import read_manifest
from kpi_lib.sources.workspace import open_workspace

from .conftest import Maker

EVENTS = '[tables.events]\npath = "events.csv"\n'

WRONG = [
    ("[workspace\nname = 'x'\n", ["line 1", "column", "There stands"]),
    ('[workspace]\nname = "half\n', ["line 2", "column"]),
    (EVENTS + "columns = { user_id = \n", ["line 3"]),
    ('[workspace]\nname = "a"\nname = "b"\n', ["line 3"]),
    ('[workspce]\nname = "a"\n', ["line 1", "'workspce'", "Did you mean workspace?"]),
    ('[workspace]\ntimezon = "UTC"\n', ["line 2", "'timezon'", "Did you mean timezone?"]),
    ('[workspace]\ntimezone = "Europe/Berln"\n', ["line 2", "IANA", "Did you mean Europe/Berlin"]),
    ('[workspace]\ntimezone = "berlin"\n', ["Did you mean Europe/Berlin?"]),
    ('[workspace]\ntimezone = "../etc/passwd"\n', ["IANA"]),
    ("[workspace]\ntimezone = 1\n", ["line 2", "text"]),
    ('[workspace]\ncurrency = "Euro"\n', ["line 2", "three-letter"]),
    ('[workspace]\nweek_start = "mondy"\n', ["line 2", "Did you mean monday?"]),
    ('[workspace]\nobserved_until = "soon"\n', ["line 2", "2026-07-01", "'soon'"]),
    ("[workspace]\nobserved_until = 1\n", ["line 2", "day"]),
    ("[workspace]\nobserved_until = 0001-01-01\n", ["line 2", "believable"]),
    ("", ["no table is mapped", "[tables.events]"]),
    ("tables = 1\n", ["must be a section"]),
    ("[tables]\nevents = 1\n", ["section of its own"]),
    ("[tables.evnts]\npath = 'x'\n", ["line 1", "table 'evnts'", "Did you mean events"]),
    ("[tables.events]\n", ["needs the key path"]),
    ("[tables.events]\npath = 1\n", ["line 2", "pattern"]),
    ("[tables.events]\npath = []\n", ["line 2", "pattern"]),
    (EVENTS + 'pth = "x"\n', ["line 3", "Did you mean path?"]),
    (EVENTS + 'columns = { usr_id = "x" }\n', ["line 3", "'usr_id'", "Did you mean user_id?"]),
    (EVENTS + "columns = { user_id = 1 }\n", ["line 3", "user_id = 1"]),
    (EVENTS + 'constants = { currncy = "EUR" }\n', ["line 3", "'currncy'"]),
    (EVENTS + 'columns = { event = "e" }\nconstants = { event = "x" }\n', ["sets event", "keep one"]),
    (EVENTS + "constants = { event = ['x'] }\n", ["line 3", "single values"]),
    (EVENTS + 'dedupe = "yes"\n', ["line 3", "true or false"]),
    (EVENTS + "where = 1\n", ["line 3", "text"]),
    (EVENTS + '[product]\nstage = "old"\n', ["line 4", "early, growth, mature"]),
    (EVENTS + '[product]\ngoals = ["growth"]\n', ["line 4", "engagement"]),
    (EVENTS + '[features]\nsearch = "search"\n', ["line 4", "list of text"]),
    (EVENTS + '[freshness]\nwarn_after = "2 days"\n', ["line 4", "duration"]),
    (EVENTS + '[funnels.f]\nstep = ["a", "b"]\n', ["line 4", "Did you mean steps?"]),
    (EVENTS + "[funnels.f]\nwithin = '7d'\n", ["needs the key steps"]),
    (EVENTS + '[funnels.f]\nsteps = ["a"]\n', ["line 3", "two steps"]),
    (EVENTS + '[funnels.f]\nsteps = ["a", "b"]\norder = "ordred"\n', ["Did you mean ordered"]),
    (EVENTS + '[funnels.f]\nsteps = ["a", "b"]\npreset = "posthg"\n', ["Did you mean posthog?"]),
    (EVENTS + '[targets]\nkpi = "x"\n', ["[[targets]]"]),
    (EVENTS + '[[targets]]\nkpi = "x"\n', ["needs the key value"]),
    (EVENTS + '[[targets]]\nkpi = "x"\nvalue = "high"\n', ["line 5", "number"]),
    (EVENTS + '[[targets]]\nkpi = "x"\nvalue = nan\n', ["number"]),
    (EVENTS + '[reports.m]\nevery = "month"\n', ["needs the key notebook"]),
    (EVENTS + '[reports.m]\nnotebook = "x"\nevery = "moth"\n', ["Did you mean month?"]),
]


@pytest.mark.parametrize(("toml", "parts"), WRONG, ids=[repr(toml[-40:]) for toml, _ in WRONG])
def test_a_wrong_kpi_toml_is_refused_with_the_place_and_the_mend(tmp_path: Path, toml: str, parts: list[str]) -> None:
    (tmp_path / "kpi.toml").write_text(toml)
    with pytest.raises(WorkspaceError) as caught:
        open_workspace(tmp_path)
    message = str(caught.value)
    assert "kpi.toml" in message
    assert len(message.splitlines()) <= 5
    for part in parts:
        assert part in message


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from([EVENTS, "[", "]", "=", '"', "a", "\n", ".", "1"]), max_size=12).map("".join)
)
def test_any_text_is_a_workspace_or_a_clear_refusal(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kpi.toml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            read_manifest(path)
        except KpiError as error:
            assert "kpi.toml" in str(error)  # noqa: PT017 - either outcome is right, only this one has a message


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kpi.toml").write_bytes(b"[workspace]\nname = '\xff'\n")
    with pytest.raises(WorkspaceError, match=r"line 2.*UTF-8"):
        open_workspace(tmp_path)


def test_a_folder_without_a_workspace_says_where_one_is(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="kpi init"):
        open_workspace(tmp_path)
    (tmp_path / "data" / "shop").mkdir(parents=True)
    (tmp_path / "data" / "shop" / "kpi.toml").write_text(EVENTS)
    with pytest.raises(WorkspaceError, match="shop"):
        open_workspace(tmp_path)
    with pytest.raises(WorkspaceError, match="does not exist"):
        open_workspace(tmp_path / "nowhere")


def test_the_file_may_be_named_and_begin_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "kpi.toml"
    path.write_bytes(b"\xef\xbb\xbf" + EVENTS.encode())
    assert open_workspace(path).folder == tmp_path
    assert open_workspace(str(path)).name == tmp_path.name


def test_every_section_is_there_for_those_who_ask(make: Maker) -> None:
    toml = (
        '[workspace]\nname = "Shop"\n'
        + EVENTS
        + '[product]\nstage = "mature"\n[settings]\nactive_min_events = 2\n[features]\nf = ["a"]\n'
        '[freshness]\nwarn_after = "2d"\n[funnels.x]\nsteps = ["a", "b"]\npreset = "posthog"\nby = ["country"]\n'
        '[[targets]]\nkpi = "dau"\nvalue = 3\ndue = 2026-06-30\n[reports.weekly]\nnotebook = "weekly-review"\n'
        'every = "week"\nparams = { a = 1 }\n'
    )
    workspace = make(toml, events_csv="user_id,event,time\n")
    assert workspace.name == "Shop"
    assert workspace.product == {"stage": "mature"}
    assert workspace.settings == {"active_min_events": 2}
    assert workspace.features == {"f": ("a",)}
    assert workspace.freshness == {"warn_after": "2d"}
    assert workspace.funnels["x"]["by"] == ["country"]
    assert workspace.targets == ({"kpi": "dau", "value": 3, "due": date(2026, 6, 30)},)
    assert workspace.reports["weekly"]["params"] == {"a": 1}


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-07-01", "2026-06-30T22:00:00+00:00"),
        ('"2026-07-01"', "2026-06-30T22:00:00+00:00"),
        ("2026-07-01T12:00:00", "2026-07-01T10:00:00+00:00"),
        ("2026-07-01T12:00:00Z", "2026-07-01T12:00:00+00:00"),
        ("2026-03-29T02:30:00", "2026-03-28T23:00:00+00:00"),
    ],
)
def test_the_end_of_the_data_is_local(make: Maker, written: str, instant: str) -> None:
    toml = f'[workspace]\ntimezone = "Europe/Berlin"\nobserved_until = {written}\n' + EVENTS
    assert make(toml, events_csv="user_id,event,time\n").data.observed_until == datetime.fromisoformat(instant)


ROWS = "user_id,event,time\na,x,2026-01-05\nb,x,2026-03-09\n"


@pytest.mark.parametrize(
    ("request_", "span", "count"),
    [
        ({}, "2026-02-01..2026-03-01", 1),
        ({"cadence": "weekly"}, "2026-03-02..2026-03-09", 1),
        ({"period": "2026-01"}, "2026-01-01..2026-02-01", 1),
        ({"period": "2026-01", "every": "day"}, "2026-01-01..2026-02-01", 31),
        ({"every": "month"}, "2026-01-01..2026-04-01", 3),
        ({"start": "2026-01-10", "stop": "2026-01-12", "every": "day"}, "2026-01-10..2026-01-12", 2),
        ({"start": date(2026, 1, 10), "stop": "2026-01-20"}, "2026-01-10..2026-01-20", 1),
        ({"start": "2026-03-02", "every": "week"}, "2026-03-02..2026-03-16", 2),
        ({"stop": "2026-01-07", "every": "day"}, "2026-01-05..2026-01-07", 2),
    ],
)
def test_a_request_for_periods_is_understood(make: Maker, request_: dict[str, str], span: str, count: int) -> None:
    grid = make(EVENTS, events_csv=ROWS).grid(**request_)  # type: ignore[arg-type]
    assert (f"{grid.firsts[0]}..{grid.stops[-1]}", len(grid)) == (span, count)


def test_a_span_that_is_no_whole_period_is_widened_and_said(make: Maker) -> None:
    workspace = make(EVENTS, events_csv=ROWS)
    with pytest.warns(KpiWarning, match=r"--from 2026-03-01 is no edge of a week: .* 2026-02-23"):
        grid = workspace.grid(start="2026-03-01", every="week")
    assert (f"{grid.firsts[0]}..{grid.stops[-1]}", len(grid)) == ("2026-02-23..2026-03-16", 3)


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        ({"every": "fortnight"}, "fortnight"),
        ({"period": "2026-13"}, "2026-13"),
        ({"period": "2026-01", "start": "2026-01-01"}, "not both"),
        ({"start": "tomorrow", "every": "day"}, "--from"),
        ({"start": "2026-02-01", "stop": "2026-01-01"}, "empty"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(make: Maker, request_: dict[str, str], part: str) -> None:
    workspace = make(EVENTS, events_csv=ROWS)
    with pytest.raises(UsageError, match=part):
        workspace.grid(**request_)  # type: ignore[arg-type]


def test_data_are_read_once(make: Maker) -> None:
    workspace = make(EVENTS, events_csv=ROWS)
    data = workspace.data
    (workspace.folder / "events.csv").unlink()
    assert workspace.data is data
    assert workspace.now.tzinfo is UTC


@pytest.mark.parametrize("request_", [{}, {"cadence": "week"}, {"every": "day"}, {"start": "2026-01-01"}])
def test_without_a_row_no_period_is_the_last_one(make: Maker, request_: dict[str, str]) -> None:
    """The first day of 1970 would be taken for it."""
    bare = make(EVENTS, events_csv=ROWS.splitlines()[0] + "\n")
    with pytest.raises(UsageError, match="no table holds a row, so there is no last complete period"):
        bare.grid(**request_)  # type: ignore[arg-type]
    with pytest.warns(KpiWarning, match="2026-02-01: no table holds a row"):
        assert bare.grid("2026-01").firsts == (date(2026, 1, 1),)
    watched = make("[workspace]\nobserved_until = 2026-05-01\n" + EVENTS, "v", events_csv=ROWS.splitlines()[0] + "\n")
    assert watched.grid().firsts == (date(2026, 4, 1),)
