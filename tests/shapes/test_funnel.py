"""Funnels against the brute-force oracle, by the thousand, and the rules one by one."""

from functools import partial
from typing import Any

import polars as pl
import pytest

from kpi_lib.core.errors import UsageError
from kpi_lib.shapes import funnel_rules
from kpi_lib.shapes.funnel import Funnel, funnel
from tests.brute.funnel import funnel as oracle
from tests.brute.logs import FAMILIES, random_funnel, random_log, random_rules
from tests.brute.rows import DAY, Row
from tests.brute.sessions import sessions
from tests.build import dataset, instant

HOUR = 3_600_000_000


class Span:
    """A one-period grid with exact edges, as the oracle's `entry` has them."""

    def __init__(self, entry: tuple[int, int]) -> None:
        self.edges = entry
        self.firsts, self.stops = ("lo",), ("hi",)
        self.ends = (instant(entry[1]),)

    def period(self, time: pl.Expr) -> pl.Expr:
        inside = (time.to_physical() >= self.edges[0]) & (time.to_physical() < self.edges[1])
        return pl.when(inside).then(pl.lit(0, pl.Int32))


def possible(question: dict[str, Any]) -> bool:
    """Whether the engine takes the question: it refuses one step, and unordered steps that one event could fill twice."""
    steps = question["steps"]
    mixed = len({s.split("@")[0] for s in steps}) < len(set(steps))
    windows = (question["within"], *question.get("within_step", ()))
    both = set(question["exclude"]) & {s.split("@")[0] for s in steps}
    free = question["order"] == "unordered" or question.get("grace")
    return len(steps) > 1 and not (free and mixed) and 0 not in windows and not both


def answer(log: Any, question: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:  # noqa: ANN401
    from datetime import timedelta

    window = question["within"]
    # exact microseconds, which the written durations cannot say
    monkeypatch.setattr(funnel_rules, "duration", lambda text: timedelta(microseconds=int(text)))
    ties = {"sequence": "seq"}.get(question["ties"], question["ties"])
    optional = question.get("optional") or [False] * len(question["steps"])
    grace = question.get("grace") or None
    spec = Funnel(
        tuple(step + "?" * marked for step, marked in zip(question["steps"], optional, strict=True)),
        within_step=tuple(each and str(each) for each in question.get("within_step", ())[1:]),
        grace=grace and str(grace),
        repeats=question.get("repeats", False),
        exclusion=question.get("exclusion", "attempt"),
        within=None if window is None else str(window),
        order=question["order"],
        attempt=question["attempt"],
        ties=ties,
        time_to_convert=question["ttc"],
        unripe=question["unripe"],
        exclude=question["exclude"],
    )
    data = dataset(log.rows, question["observed_until"], zone=log.zone)
    grid: Any = Span(question["entry"]) if question["entry"] else None
    return funnel(data, spec, grid=grid).to_dict()


TIMES = [f"{lead}{name}_seconds" for lead in ("", "previous_") for name in ("median", "p25", "p75", "p90", "mean")]


def agree(seed: int, monkeypatch: pytest.MonkeyPatch, drawn: Any = random_funnel) -> bool:  # noqa: ANN401
    log, question = drawn(seed)
    if not possible(question):
        return False
    # the order of a file never decides: rows at one instant stand by event, then by their other columns
    rows = sorted(
        log.rows, key=lambda r: (r.unit, r.time, r.event, r.props["plan"] is None, r.props["plan"] or "", r.seq)
    )
    wanted, found = oracle(rows, **question), answer(log, question, monkeypatch)
    for mine, theirs in zip(found["steps"], wanted["steps"], strict=True):
        assert mine["units"] == theirs["units"], (seed, question)
        for key in ("from_start", "from_previous", *TIMES):
            assert mine[key] == pytest.approx(theirs[key]) if theirs[key] is not None else mine[key] is None, (
                seed,
                key,
                question,
            )
    for key in ("in_progress", "excluded", "tie_sensitive"):
        assert found[key] == wanted[key], (seed, key, question)
    return True


@pytest.mark.parametrize("block", range(12))
def test_equals_brute_force(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(agree(seed, monkeypatch) for seed in range(block * 60, block * 60 + 60)) > 20


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("block", range(7))
def test_rarer_rules_equal_brute_force(family: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = partial(random_rules, family=family)
    assert sum(agree(seed, monkeypatch, drawn) for seed in range(block * 30, block * 30 + 30)) >= 26


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_rarer_rules_equal_brute_force_on_thousands(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = partial(random_rules, family=family)
    assert sum(agree(seed, monkeypatch, drawn) for seed in range(10_000, 12_000)) >= 1_900


@pytest.mark.parametrize("family", FAMILIES)
def test_the_rarer_rules_matter_in_the_logs_that_try_them(family: str) -> None:
    without = {"windows": ("within_step", ()), "grace": ("grace", 0), "repeats": ("repeats", False)}
    name, value = (without | {"optional": ("optional", ()), "exclusion": ("exclusion", "attempt")})[family]
    drawn = [random_rules(seed, family) for seed in range(100)]
    assert sum(oracle(log.rows, **asked) != oracle(log.rows, **asked | {name: value}) for log, asked in drawn) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("block", range(40))
def test_equals_brute_force_on_thousands(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(agree(seed, monkeypatch) for seed in range(10_000 + block * 250, 10_250 + block * 250)) > 100


def told_until(until: int, *extra: tuple[int, str]) -> dict[str, Any]:
    rows = [("u", time, event, 0, {}) for time, event in ((0, "a"), (27 * 24 * HOUR, "a"), *extra)]
    month = Span((0, 31 * 24 * HOUR))
    grid: Any = month
    return funnel(dataset(rows, until), Funnel(("a", "b"), within="7d"), grid=grid).to_dict()


def test_a_period_stays_open_while_a_second_try_is_under_way() -> None:
    then = told_until(31 * 24 * HOUR)
    assert ([s["units"] for s in then["steps"]], then["in_progress"], then["status"]) == ([1, 0], 0, "ripening")
    now = told_until(60 * 24 * HOUR, (32 * 24 * HOUR, "b"))
    assert ([s["units"] for s in now["steps"]], now["status"]) == ([1, 1], "ok")


def test_segments_named_like_our_own_columns_stay_themselves() -> None:
    rows = [("u", 0, "a", 0, {"plan": "x"}), ("v", 0, "a", 0, {"plan": "y"}), ("u", HOUR, "b", 0, {"plan": "x"})]
    data = dataset(rows, 24 * HOUR)
    names = ("group", "status", "unit", "step", "row", "end", "cohort", "session", "target", "value", "open", "period")
    table = data.tables["events"]
    wide = type(data).of(
        {"events": table.with_columns(pl.col("plan").alias(name) for name in names)}, observed_until=data.observed_until
    )
    plain = funnel(data.with_by(("plan",)), Funnel(("a", "b"))).to_dict()["groups"]
    for name in names:
        found = funnel(wide.with_by((name,)), Funnel(("a", "b"))).to_dict()["groups"]
        assert {key: group["steps"] for key, group in found.items()} == {k: g["steps"] for k, g in plain.items()}, name


def test_a_segment_that_nobody_has_is_named() -> None:
    with pytest.raises(UsageError, match="Did you mean plan"):
        funnel(dataset([("u", 0, "a", 0, {})], 24 * HOUR).with_by(("pln",)), Funnel(("a", "b")))


def apart(seed: int) -> tuple[list[Row], int]:
    """A log in which no two events share an instant, so that a time names its event; `seq` serves as a value."""
    log = random_log(seed)
    return [
        row._replace(time=row.time // 1000 * 1000 + at) for at, row in enumerate(log.rows)
    ], log.observed_until + DAY


def counted(rows: list[Row], until: int, attempt: str) -> list[list[Row]]:
    """The events of each counted chain, by the oracle."""
    found = oracle(rows, ("a", "b", "c"), within=DAY, observed_until=until, attempt=attempt)["units"]
    at = {(row.unit, row.time): row for row in rows}
    return [[at[unit, time] for time in one["times"]] for unit, told in found.items() for one in told["attempts"]]


@pytest.mark.parametrize("attempt", ["best", "all"])
@pytest.mark.parametrize("block", range(10))
def test_segments_and_values_are_read_at_the_events_of_the_chain(attempt: str, block: int) -> None:
    for seed in range(block * 10, block * 10 + 10):
        rows, until = apart(seed)
        chains = counted(rows, until, attempt)
        data = dataset(rows, until).with_by(("plan",))
        for where, place in (("first", 0), ("last", -1), ("step:2", 1)):
            spec = Funnel(("a", "b", "c"), within="1d", attempt=attempt, attribution=where, value="seq")
            table = funnel(data, spec).table.filter(pl.col("units") > 0)
            wanted: dict[tuple[str | None, int], list[int]] = {}
            for chain in chains:
                short = place == 1 and len(chain) < 2
                plan = "(step 2 not reached)" if short else chain[place].props["plan"]
                for step, row in enumerate(chain, start=1):
                    wanted.setdefault((plan, step), []).append(row.seq or 0)
            mine = {(plan, step): (units, value) for plan, step, units, value in table.select(*COUNTED).rows()}
            assert mine == {key: (len(values), sum(values)) for key, values in wanted.items()}, (seed, where)


COUNTED = ("plan", "step", "units", "value")


@pytest.mark.parametrize("block", range(5))
def test_attribution_all_is_a_funnel_of_each_segment_alone(block: int) -> None:
    for seed in range(block * 20, block * 20 + 20):
        rows, until = apart(seed)
        spec = Funnel(("a", "b"), within="1d", attribution="all")
        table = funnel(dataset(rows, until).with_by(("plan",)), spec).table
        for plan in {row.props["plan"] for row in rows}:
            alone = [row for row in rows if row.props["plan"] == plan]
            wanted = oracle(alone, ("a", "b"), within=DAY, observed_until=until)
            mine = table.filter(pl.col("plan").eq_missing(pl.lit(plan)))
            assert mine["units"].to_list() == [step["units"] for step in wanted["steps"]], (seed, plan)
            assert mine["in_progress"][0] == wanted["in_progress"], (seed, plan)


@pytest.mark.parametrize("block", range(5))
def test_hold_is_a_funnel_of_each_pair_of_unit_and_value(block: int) -> None:
    for seed in range(block * 20, block * 20 + 20):
        rows, until = apart(seed)
        found = funnel(dataset(rows, until), Funnel(("a", "b"), within="1d", hold="plan"))
        paired = [row._replace(unit=f"{row.unit} {row.props['plan']}") for row in rows if row.props["plan"]]
        wanted = oracle(paired, ("a", "b"), within=DAY, observed_until=until)
        assert found.table["units"].to_list() == [step["units"] for step in wanted["steps"]], seed
        assert any("have no plan" in said or "has no plan" in said for said in found.warnings) == any(
            row.event in "ab" and row.props["plan"] is None for row in rows
        ), seed


def test_sessions_can_be_the_units_of_a_funnel() -> None:
    seen = 0
    for seed in range(30):
        rows, until = apart(seed)
        runs = sessions(rows)
        parted = [
            row._replace(
                unit=next(f"{s.user} {s.start}" for s in runs if s.user == row.unit and s.start <= row.time <= s.end)
            )
            for row in rows
        ]
        found = funnel(dataset(rows, until), Funnel(("a", "b"), within="1d", unit="session")).to_dict()
        wanted = oracle(parted, ("a", "b"), within=DAY, observed_until=until)
        assert [step["units"] for step in found["steps"]] == [step["units"] for step in wanted["steps"]], seed
        assert found["in_progress"] == wanted["in_progress"], seed
        seen += wanted["steps"][1]["units"]
    assert seen > 10


def test_at_one_instant_what_has_no_place_in_the_sequence_stands_last() -> None:
    for places, units in (((1, None), [1, 1]), ((None, 1), [1, 0]), ((1, 2), [1, 1]), ((2, 1), [1, 0])):
        rows = [("u", HOUR, event, place, {}) for event, place in zip("ab", places, strict=True)]
        found = funnel(dataset(rows, DAY), Funnel(("a", "b"), ties="seq")).to_dict()
        assert [step["units"] for step in found["steps"]] == units, places
