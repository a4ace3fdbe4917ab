"""What outsiders may read: no figure about a few people, and none that gives such a figure away by subtraction.

The rule of the US Centers for Medicare & Medicaid Services (cell size suppression policy): no count from 1 to 10 is shown,
nor anything from which one can be worked out; 0 may be shown. Totals stay true, so at least one more cell of a line is
withheld beside a small one (complementary suppression). A result without a rule here is left out of shared pages.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from functools import singledispatch
from itertools import accumulate
from typing import Any, cast

import polars as pl

from kpi_lib.answers.actives import Actives
from kpi_lib.answers.change import Change
from kpi_lib.answers.cohort_revenue import CohortRevenue
from kpi_lib.answers.compute import Values
from kpi_lib.answers.intake import Intake
from kpi_lib.answers.scorecard import Scorecard, Standing
from kpi_lib.answers.unit_economics import UnitEconomics
from kpi_lib.core.measure import PROPORTION
from kpi_lib.core.units import COUNT
from kpi_lib.kpis.registry import find
from kpi_lib.shapes.bridge import MrrBridge
from kpi_lib.shapes.cohort import CohortResult
from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.shapes.funnel_trend import FunnelTrend
from kpi_lib.shapes.lifecycle import Lifecycle
from kpi_lib.shapes.lifetime import Lifetime
from kpi_lib.shapes.sessions import Sessions

LEAST = 11  # nothing from 1 to 10
LOWEST = 5
_LEAST: ContextVar[int] = ContextVar("least", default=0)
Row = dict[str, Any]


def share(least: int) -> None:
    """From now on show nothing about fewer than `least` people; 0 shows everything."""
    _LEAST.set(least)


def shares() -> int:
    """The fewest people that a figure may be about; 0 where everything is shown."""
    return _LEAST.get()


def shared(result: object) -> Any:  # noqa: ANN401 - the same type, or nothing
    """A result as it may be shown now: itself, with small figures withheld, or None where it is left out."""
    return cleared(result, shares()) if shares() else result


def has_rule(result: object) -> bool:
    """Whether something of a result of this kind may be shared; of others nothing is, whatever they hold."""
    return cleared.dispatch(type(result)) is not cleared.dispatch(object)


def withheld(lines: Iterable[Sequence[int]], counts: Sequence[Sequence[float]], least: int) -> set[int]:
    """Which cells to withhold, so that no small count can be worked out from the others and the totals of the lines.

    `counts` holds the additive counts of each cell (people, those who did, those who did not); `lines` the cells whose
    sum a reader may know. Of a line that has a withheld cell others go too, the smallest first.

    >>> sorted(withheld([(0, 1, 2)], [[3], [40], [900]], 11))
    [0, 1]
    """
    hidden = {at for at, cell in enumerate(counts) if any(0 < count < least for count in cell)}
    lines, changed = list(lines), True
    while changed:
        changed = False
        for line in lines:
            while _open(line, hidden, counts, least) and (left := _left(line, hidden, counts)):
                hidden.add(min(left, key=lambda at: (counts[at][0], at)))
                changed = True
    return hidden


def _left(line: Sequence[int], hidden: set[int], counts: Sequence[Sequence[float]]) -> list[int]:
    return [at for at in line if at not in hidden and any(counts[at])]


def _open(line: Sequence[int], hidden: set[int], counts: Sequence[Sequence[float]], least: int) -> bool:
    """Whether what is withheld of a line can still be told too closely from the total and what is shown."""
    gone = [at for at in line if at in hidden]
    if not gone:
        return False
    sums = [[counts[at][nth] for at in gone if counts[at][nth]] for nth in range(len(counts[gone[0]]))]
    return len(gone) < 2 or any(parts and sum(parts) - len(parts) < least for parts in sums)


@singledispatch
def cleared(result: object, least: int) -> Any:  # noqa: ANN401 - the same type, or nothing
    """The result without what it must not tell; None leaves it out, as it does every result that has no rule."""
    return None


@cleared.register
def _(result: Values, least: int) -> Values | None:
    people = {"user_id", "account_id", "visitor_id", "assignee", "member", "employee_id"}
    if people & {column.removesuffix(" (segment)") for column in result.by}:
        return None
    rows = result.table.to_dicts()
    counts = [_counts(row) for row in rows]
    gone: set[int] = set()
    for line in _lines(rows):
        crossed = len(result.by) + len(result.parts.get(rows[line[0]]["kpi"], ())) > 1
        hidden = withheld([range(len(line))], [counts[at] for at in line], least)
        # of a crossed table every margin can be added up, too many ways to be sure of: it goes as a whole
        gone |= set(line) if crossed and hidden else {line[at] for at in hidden}
    flag = pl.Series("gone", [at in gone for at in range(len(rows))], dtype=pl.Boolean)
    few = pl.col("gone") | pl.col("unripe").is_between(1, least - 1)
    hide = [pl.when(~pl.col("gone")).then(pl.col(name)).alias(name) for name in ("value", "low", "high", "n")]
    status = pl.when("gone").then(pl.lit("small_n")).otherwise("status").alias("status")
    table = result.table.with_columns(flag).with_columns(*hide, status, pl.when(~few).then("unripe").alias("unripe"))
    return replace(result, table=table.drop("gone"))


def _counts(row: Row) -> list[float]:
    """The people behind a figure; of a share also those who did and those who did not."""
    kpi, count, value = find(row["kpi"]), row["n"] or 0, row["value"]
    if kpi.measure is PROPORTION and value is not None:
        hits = round(value * count)
        return [count, hits, count - hits]
    return [count, value if kpi.unit is COUNT and value is not None else 0, 0]


def _lines(rows: Sequence[Row]) -> list[list[int]]:
    """The cells that may add up to a known total: those of one KPI in one period."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for at, row in enumerate(rows):
        found.setdefault((row["kpi"], row["start"]), []).append(at)
    return list(found.values())


@cleared.register
def _(result: Scorecard, least: int) -> Scorecard:
    return replace(result, standings=tuple(_standing(each, least) for each in result.standings))


def _standing(standing: Standing, least: int) -> Standing:
    """A figure with its past; a change stays if both its ends may be known."""
    history = cast(Values, cleared(standing.history, least))
    known = {row["start"]: row["value"] for row in history.table.to_dicts()}
    row = next(each for each in history.table.to_dicts() if each["start"] == standing.row["start"])
    before = list(known)[-2:-1]
    moved = [(standing.change, before[0] if before else None), (standing.year, standing.year and standing.year.since)]
    change, year = (
        each if each and (known.get(row["start"]), known.get(since)).count(None) == 0 else None for each, since in moved
    )
    nothing = Change(None, None, None, points=standing.change.points, previous=None)
    aim = standing.aim if row["value"] is not None else None
    days = zip(list(known)[1:], known, strict=False)
    both = [day for day, since in days if day in standing.earlier and None not in (known[day], known[since])]
    earlier = {day: standing.earlier[day] for day in both}
    kept = replace(standing, row=row, history=history, change=change or nothing, year=year, aim=aim, made_of=())
    return replace(kept, earlier=earlier)


@cleared.register
def _(result: FunnelResult, least: int) -> FunnelResult | None:
    if result.by or result.table.is_empty():
        return result if result.table.is_empty() else _groups(result, least)
    units = result.table["units"].to_list()
    pairs = zip([units[0], *units], units, strict=False)
    kept = next((at for at, (a, b) in enumerate(pairs) if _small(b, least) or _small(a - b, least)), len(units))
    if kept < 2:
        return None
    table = result.table.head(kept).with_columns(
        pl.when(~pl.col(name).is_between(1, least - 1)).then(pl.col(name)).alias(name)
        for name in ("in_progress", "excluded", "tie_sensitive")
    )
    rules = {**result.definition, "steps": list(result.definition["steps"])[:kept]}
    nobody = result.people.head(0)
    return replace(result, table=table, definition=rules, ask_people=lambda: nobody)


def _groups(result: FunnelResult, least: int) -> FunnelResult | None:
    """Whole segments stay or go: each step of those that stay is large enough, and so is what is lost at it."""
    parts = result.table.partition_by(list(result.by), maintain_order=True)
    counts = [[*part["units"], *-part["units"].diff().drop_nulls(), part["in_progress"][0]] for part in parts]
    gone = withheld([range(len(parts))], counts, least)
    left = [part for at, part in enumerate(parts) if at not in gone]
    nobody = result.people.head(0)
    return replace(result, table=pl.concat(left), ask_people=lambda: nobody) if left else None


def _small(count: float | None, least: int) -> bool:
    return count is not None and 0 < count < least


@cleared.register
def _(result: FunnelTrend, least: int) -> FunnelTrend | None:
    lost = pl.col("units").shift(1).over("start", *result.by) - pl.col("units")
    counts = result.table.with_columns(lost=lost)
    return result if _large(counts, ("units", "lost", "in_progress", "excluded", "tie_sensitive"), least) else None


def _large(table: pl.DataFrame, columns: Iterable[str], least: int) -> bool:
    """Whether no count of these columns is a small one."""
    there = [pl.col(name).is_between(0, least, closed="none").any() for name in columns if name in table.columns]
    return not there or not any(table.select(each.alias(str(at)) for at, each in enumerate(there)).row(0))


@cleared.register
def _(result: CohortResult, least: int) -> CohortResult | None:
    table = result.table
    sizes = table.select(*result.by, "start", "size").unique(maintain_order=True)
    gone = withheld([range(len(sizes))], [[size] for size in sizes["size"]], least)
    left = sizes.with_row_index("at").filter(~pl.col("at").is_in(sorted(gone))).drop("at", "size")
    if left.is_empty():
        return None
    size, back = pl.col("size"), pl.col("retained")
    few = back.is_between(1, least - 1) | (size - back).is_between(1, least - 1)
    marked = table.join(left, on=[*result.by, "start"], how="inner", nulls_equal=True, maintain_order="left")
    marked = marked.with_columns(few=few)
    ages = table["k"].unique() if gone else marked.filter("few")["k"].unique()
    shown = {name: getattr(result, name).filter(~pl.col("k").is_in(ages.implode())) for name in ("pooled", "curve")}
    cells = [pl.when(~pl.col("few")).then(pl.col(name)).alias(name) for name in ("retained", "eligible", "value")]
    cells += [pl.col("complete") & ~pl.col("few"), pl.lit(None, pl.Int64).alias("same_period")]
    return replace(result, table=marked.with_columns(cells).drop("few"), **shown)


@cleared.register
def _(result: Actives, least: int) -> Actives:
    few = pl.any_horizontal(pl.col(name).is_between(0, least, closed="none") for name in ("dau", "wau", "mau"))
    names = [name for name in result.table.columns if name in ("dau", "wau", "mau", "stickiness", "rolling")]
    return replace(result, table=result.table.with_columns(_unless(few, name) for name in names))


@cleared.register
def _(result: Lifecycle, least: int) -> Lifecycle:
    names = [name for name in result.table.columns if name in ("active", *result.states)]
    few = pl.any_horizontal(pl.col(name).is_between(1, least - 1) for name in names)
    names += ["pulse"] if "pulse" in result.table.columns else []
    return replace(result, table=result.table.with_columns(_unless(few, name) for name in names))


@cleared.register
def _(result: Intake, least: int) -> Intake | None:
    return None if _small(result.members, least) or not _large(result.table, ("members",), least) else result


@cleared.register
def _(result: CohortRevenue, least: int) -> CohortRevenue | None:
    """Cohorts stay whole or go; the mean over all ends where fewer were watched so long, or fewer than were before."""
    if not _large(result.table, ("size",), least):
        return None
    sizes = result.table.select("start", "size").unique().sort("start")["size"] if result.table.height else ()
    known, kept = list(accumulate(sizes)), 0
    for customers in result.pooled["customers"] if result.pooled.height else ():
        if customers < least or any(_small(abs(customers - other), least) for other in known):
            break
        known.append(customers)
        kept += 1
    return replace(result, pooled=result.pooled.head(kept)) if kept or result.reason else None


def _unless(few: pl.Expr, name: str) -> pl.Expr:
    return pl.when(~few.fill_null(False)).then(pl.col(name)).alias(name)


def _whole(*columns: str, table: str = "table") -> Any:  # noqa: ANN401 - a rule for results of one type
    """Results that stay whole or go: what they hold hangs together too closely to cut a part out."""

    def rule(result: Any, least: int) -> Any:  # noqa: ANN401
        return result if _large(getattr(result, table), columns, least) else None

    return rule


RULES: Mapping[type, Any] = {
    Sessions: _whole("users"),
    MrrBridge: _whole(*(f"customers_{part}" for part in ("opening", "new", "back", "lost", "closing"))),
    UnitEconomics: _whole("customers"),
    Lifetime: _whole("n"),
}
for _kind, _rule in RULES.items():
    cleared.register(_kind, _rule)
