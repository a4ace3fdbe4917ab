"""A check says what a careful analyst would want to know, and nothing where nothing is wrong."""

import pytest

from kpi_lib.sources.quality import Check, check

from .conftest import Maker

EVENTS = '[tables.events]\npath = "events.csv"\n'
HEAD = "user_id,event,time\n"
CLEAN = HEAD + "a,view,2026-01-05T10:00:00Z\na,buy,2026-01-05T11:00:00Z\nb,view,2026-01-06T10:00:00Z\n"


def messages(found: Check) -> str:
    return "\n".join(f"{finding.severity}: {finding.message}" for finding in found.findings)


def test_clean_data_have_no_findings_and_the_counts_are_there(make: Maker) -> None:
    found = check(make(EVENTS, events_csv=CLEAN))
    assert found.to_dict() == {
        "findings": [],
        "tables": {"events": {"read": 3, "kept": 3, "filtered": 0, "deduplicated": 0, "quarantined": 0}},
    }
    assert not found.failed
    assert found.table.is_empty()


def test_a_finding_has_the_keys_that_scripts_rely_on(make: Maker) -> None:
    found = check(make(EVENTS, events_csv=CLEAN + ",view,2026-01-05\n"))
    (finding,) = found.to_dict()["findings"]
    assert {"severity", "table", "line", "column", "value", "message", "mend", "rows"} <= finding.keys()
    assert (finding["severity"], finding["table"], finding["line"], finding["column"]) == (
        "error",
        "events",
        5,
        "user_id",
    )
    assert found.failed
    assert found.table["line"].to_list() == [5]


def test_errors_come_first(make: Maker) -> None:
    found = check(make(EVENTS, events_csv=CLEAN + "b,view,2026-01-06T10:00:00Z\nb,view,2026-01-08\nb,view\n"))
    assert [finding.severity for finding in found.findings] == ["error", "warning", "warning", "warning"]


def test_days_without_any_event_are_listed(make: Maker) -> None:
    found = check(make(EVENTS, events_csv=CLEAN + "a,view,2026-01-09T10:00:00Z\n"))
    assert "2 days have no row at all: 2026-01-07, 2026-01-08" in messages(found)
    assert found.findings[0].value == "2026-01-07"
    assert not found.failed


def test_silence_up_to_the_end_of_the_data_counts_as_well(make: Maker) -> None:
    found = check(make("[workspace]\nobserved_until = 2026-01-08\n" + EVENTS, events_csv=CLEAN))
    assert "1 day has no row at all: 2026-01-07" in messages(found)


def test_days_are_those_of_the_workspace(make: Maker) -> None:
    rows = HEAD + "a,x,2026-01-05T20:00:00Z\na,x,2026-01-06T04:00:00Z\na,x,2026-01-06T16:00:00Z\n"
    assert "2026-01-06" not in messages(check(make(EVENTS, "utc", events_csv=rows)))
    tokyo = check(make('[workspace]\ntimezone = "Asia/Tokyo"\n' + EVENTS, "tokyo", events_csv=rows))
    assert messages(tokyo) == ""


@pytest.mark.parametrize(
    ("freshness", "severity"),
    [
        ('warn_after = "100d"', None),
        ('warn_after = "2d"', "warning"),
        ('warn_after = "2d"\nerror_after = "7d"', "error"),
    ],
)
def test_old_data_are_told_by_the_clock(make: Maker, freshness: str, severity: str | None) -> None:
    rows = HEAD + "a,x,2026-05-20T10:00:00Z\n"
    found = check(make(f"{EVENTS}[freshness]\n{freshness}\n", events_csv=rows))
    assert [finding.severity for finding in found.findings if " old " in finding.message] == (
        [severity] if severity else []
    )
    assert found.failed == (severity == "error")


def test_a_set_end_of_the_data_stands_for_the_clock(make: Maker) -> None:
    toml = f'[workspace]\nobserved_until = 2026-01-07\n{EVENTS}[freshness]\nerror_after = "2d"\n'
    assert not check(make(toml, events_csv=CLEAN)).failed


def test_events_that_nobody_did_are_named_with_the_nearest(make: Maker) -> None:
    toml = (
        EVENTS + '[settings]\nactive_events = ["*"]\nactivation_event = "by"\nsession_gap = "x"\n'
        '[features]\nlook = ["view", "vew"]\n[funnels.f]\nsteps = ["view@2", "bu"]\n'
    )
    text = messages(check(make(toml, events_csv=CLEAN)))
    assert "[settings] activation_event names the event 'by'" in text
    assert "[features] look names the event 'vew', which does not occur. Did you mean view?" in text
    assert "[funnels.f] names the event 'bu'" in text
    assert text.count("\n") == 2


def test_orders_stand_for_the_event_purchase(make: Maker) -> None:
    toml = '[tables.transactions]\npath = "t.csv"\n[funnels.f]\nsteps = ["purchase@1", "purchase@2"]\n'
    found = check(make(toml, t_csv="user_id,time,amount\na,2026-01-05,0\na,2026-01-06,5\n"))
    assert messages(found) == "warning: 1 row has an amount of zero; they count as orders"


def test_many_ties_are_told(make: Maker) -> None:
    rows = HEAD + "".join(f"a,e{i},2026-01-05T10:00:00Z\n" for i in range(4))
    assert "75% of the events have the same time" in messages(check(make(EVENTS, events_csv=rows)))


def test_an_empty_table_is_told_with_the_reason(make: Maker) -> None:
    assert "the files hold no rows" in messages(check(make(EVENTS, "a", events_csv=HEAD)))
    gone = check(make(EVENTS + 'where = "false"\n', "b", events_csv=CLEAN))
    assert "all 3 rows were filtered" in messages(gone)
