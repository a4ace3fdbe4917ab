"""Deliveries by hand and against a loop: how often, how fast, how many fail, how soon they are mended."""

from datetime import timedelta
from random import Random
from statistics import median
from typing import Any

import pytest

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.units import duration
from tests.build import frame_of, moment, row_of, told

HOUR, DAY = 3_600.0, 86_400.0
RELEASES = ["release_id", "time", "kind", "committed"]
INCIDENTS = ["incident_id", "start", "end", "kind", "release"]


def shipped(releases: list[tuple[Any, ...]], incidents: list[tuple[Any, ...]] = [], until: str = "03-01") -> Dataset:  # noqa: B006
    """Rows of release, day, kind, commit; and of start, end, kind, release."""
    known = [(name, moment(day), kind, commit and moment(commit)) for name, day, kind, commit in releases]
    fell = [
        (f"i{number}", moment(start), end and moment(end), kind, release)
        for number, (start, end, kind, release) in enumerate(incidents)
    ]
    tables = {"releases": frame_of("releases", RELEASES, known), "incidents": frame_of("incidents", INCIDENTS, fell)}
    return told(tables=tables, until=until)


MONTH = [
    ("a", "01-05T10:00", "feature", "01-04T10:00"), ("b", "01-12", "feature", "01-10"), ("c", "01-14", "hotfix", "01-13T18:00"),
    ("d", "01-26", "feature", None),
]  # fmt: skip
TROUBLE = [
    ("01-06", "01-06T02:00", "outage", "a"),  # within a week of a, which stays one failed release
    ("01-07", None, "outage", "a"),
    ("01-20", "01-20T04:00", "outage", "b"),  # eight days after b
    ("01-15", "01-15T06:00", "maintenance", "c"),
    ("01-27", "01-27T08:00", "outage", None),
    ("01-01", "01-01T09:00", "outage", "d"),  # before d was there
]


@pytest.mark.parametrize(
    ("name", "value", "n", "options"),
    [
        ("deployment_frequency", 4 / 31, 4, {}),
        ("change_lead_time", DAY, 3, {}),  # 6 h, 24 h and 48 h
        ("change_failure_rate", 1 / 4, 4, {}),
        ("change_failure_rate", 2 / 4, 4, {"failure_within": "8d"}),
        ("change_failure_rate", 2 / 4, 4, {"planned_kinds": []}),
        ("deployment_rework_rate", 1 / 4, 4, {}),
        ("deployment_rework_rate", 3 / 4, 4, {"rework_kinds": ["feature"]}),
        # 2 h, 4 h and 9 h, and one that goes on: half are over after 4 h, and more than half after 9 h
        ("failed_deployment_recovery_time", (4 + 9) / 2 * HOUR, 4, {}),
    ],
)
def test_a_month_of_releases_by_hand(name: str, value: float, n: int, options: dict[str, Any]) -> None:
    found = row_of(name, shipped(MONTH, TROUBLE), **options)
    assert (found["value"], found["n"]) == (pytest.approx(value), n)


def test_a_release_is_judged_when_its_week_is_over_and_open_failures_go_on() -> None:
    data = shipped(MONTH, TROUBLE, until="01-30")
    young = row_of("change_failure_rate", data)
    assert (young["n"], young["unripe"], young["status"]) == (3, 1, "partial")
    waits = row_of("failed_deployment_recovery_time", shipped(MONTH, TROUBLE))
    assert (waits["unripe"], waits["status"]) == (1, "ripening")


def test_wrong_recovery_only_of_what_is_over_flatters() -> None:
    """Over after 2, 4 and 9 h: their median is 4 h; with the one that goes on it is 6.5 h."""
    over = [row for row in TROUBLE if row[1] and row[3] in ("a", "b", "d")]
    assert row_of("failed_deployment_recovery_time", shipped(MONTH, over))["value"] == 4 * HOUR


def test_without_releases_there_is_no_rate_and_no_deployment() -> None:
    data = shipped([], TROUBLE)
    assert row_of("deployment_frequency", data)["value"] == 0.0
    for name in ("change_failure_rate", "change_lead_time", "deployment_rework_rate"):
        assert (row_of(name, data)["value"], row_of(name, data)["status"]) == (None, "no_denominator")


@pytest.mark.parametrize("seed", range(25))
def test_random_months_are_what_a_loop_gives(seed: int) -> None:
    dice = Random(seed)
    start = moment("01-01")
    out = {f"r{i}": start + timedelta(hours=dice.randrange(31 * 24)) for i in range(dice.randrange(1, 12))}
    early = {name: time - timedelta(hours=dice.randrange(200)) for name, time in out.items()}
    kinds = {name: dice.choice(("feature", "fix", None)) for name in out}
    fell = []
    for number in range(dice.randrange(15)):
        begun = start + timedelta(hours=dice.randrange(40 * 24))
        kind, release = dice.choice(("outage", "planned", None)), dice.choice((*out, "unknown", None))
        fell.append((f"i{number}", begun, begun + timedelta(hours=1), kind, release))
    rows = [(name, time, kinds[name], early[name]) for name, time in out.items()]
    tables = {"releases": frame_of("releases", RELEASES, rows), "incidents": frame_of("incidents", INCIDENTS, fell)}
    data = told(tables=tables)
    week = duration("7d")
    broke = {
        name for name, time in out.items()
        if any(release == name and time <= begun <= time + week and kind != "planned" for _, begun, _, kind, release in fell)
    }  # fmt: skip
    assert row_of("change_failure_rate", data)["value"] == pytest.approx(len(broke) / len(out))
    waits = [(out[name] - early[name]).total_seconds() for name in out]
    assert row_of("change_lead_time", data)["value"] == pytest.approx(median(waits))
    kinded = [kind for kind in kinds.values() if kind]
    mended = pytest.approx(kinded.count("fix") / len(kinded)) if kinded else None
    assert row_of("deployment_rework_rate", data)["value"] == mended
