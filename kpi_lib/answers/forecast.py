"""What is to be expected, by assumptions that are named: payers, recurring revenue, what a target asks of its drivers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.measure import Z
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid, last_complete, step
from kpi_lib.core.projection import FEWEST, project
from kpi_lib.kpis.registry import find
from kpi_lib.shapes.trials import trials

MONTHS = 24
DAY = 86_400_000_000
HALF = 0.5  # Jeffreys' prior: half a payer and half a non-payer beforehand
CUSTOMERS, NEW_A_DAY, DAYS_EACH = MADE = ("paying_customers", "new_a_day", "days_each")
# a figure as the product of two others, exact by their definitions. Daily actives are also new users a day times the days
# that each of them comes: in a steady state that is the sum of the retention curve (Little 1961, L = lambda × W)
DRIVERS = {
    "dau": ("mau", "stickiness", NEW_A_DAY, DAYS_EACH),
    "mrr": ("arpa", CUSTOMERS),
    "total_revenue": ("arppu", "active_customers"),
}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected, each with the assumption that it rests on.

    `table`: one row per forecast: what (payers, mrr or driver), start and end of the period it is for (null: while the
    trials run), value, low, high (95 %), n (what it rests on), assumption. `drivers`, if a target was given: driver,
    now, needed (if it alone had to bring the target about), change, lowest and highest of the last 24 months, reached
    (in how many of them it was as high). `unknown` says what is missing for the rest.
    """

    table: pl.DataFrame
    drivers: pl.DataFrame
    target: tuple[str, float] | None
    unknown: Mapping[str, str]
    currency: str
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """Both tables, by the name under which a report keeps them."""
        return {"forecast": self.table, "forecast_drivers": self.drivers}

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values."""
        rows = self.table.with_columns(pl.col("start", "end").cast(pl.String)).to_dicts()
        aim = {"kpi": self.target[0], "value": self.target[1]} if self.target else None
        return {"rows": rows, "target": aim, "drivers": self.drivers.to_dicts(), "unknown": dict(self.unknown)}


_REAL, _TEXT, _WHOLE = pl.Float64, pl.String, pl.Int64
_ROWS = {
    "what": _TEXT, "start": pl.Date, "end": pl.Date, "value": _REAL, "low": _REAL, "high": _REAL, "n": _WHOLE,
    "assumption": _TEXT,
}  # fmt: skip
_DRIVERS = {
    "driver": _TEXT, "now": _REAL, "needed": _REAL, "change": _REAL, "lowest": _REAL, "highest": _REAL, "reached": _WHOLE,
    "months": _WHOLE,
}  # fmt: skip


def forecast(
    data: Dataset, *, months: int = 3, trial_within: str = "30d", target: tuple[str, float] | None = None
) -> Forecast:
    """What open trials and recurring revenue lead to, and what a target (KPI, value) would ask of its drivers.

    Open trials are judged by those whose time is up: of those that had not paid at the same age, so many paid later.
    Revenue goes on from its level and trend, whose uncertainty is in the interval. Nothing here knows of plans, seasons
    or prices to come.
    """
    if not 1 <= months <= MONTHS:
        raise UsageError(f"--months is {months}; it must be 1 to {MONTHS}.")
    unknown_: dict[str, str] = {}
    rows = [*_payers(data, trial_within, unknown_), *_revenue(data, months, unknown_)]
    drivers = _drivers(data, *target) if target else []
    return Forecast(
        pl.DataFrame(rows, schema=_ROWS, orient="row"), pl.DataFrame(drivers, schema=_DRIVERS, orient="row"),
        target, unknown_, data.currency, origin_of(data, "subscriptions"),
    )  # fmt: skip


def _payers(data: Dataset, within: str, missing: dict[str, str]) -> list[tuple[Any, ...]]:
    """Payers to expect from the trials whose time is not up, by age in days."""
    if not {"trial_start", "user_id"} <= set(data.columns("subscriptions")):
        missing["payers"] = "needs the column trial_start of subscriptions"
        return []
    known = trials(data, within).select("time", "paid", "hit", "ripe").collect()
    age = (pl.lit(data.observed_until) - pl.col("time")).dt.total_microseconds() // DAY
    open_ = known.filter(~pl.col("ripe") & pl.col("paid").is_null()).select(age=age)["age"].to_list()
    ripe = known.filter("ripe").select("hit", (pl.col("paid") - pl.col("time")).dt.total_microseconds().alias("took"))
    if ripe.is_empty():
        missing["payers"] = f"cannot tell yet: no trial has been watched for {within}"
        return []
    took = [t if hit else None for hit, t in ripe.select("hit", "took").iter_rows()]
    mean, low, high = expected_payers(open_, took)
    told = f"{len(open_):,} trials that run pay like the {len(took):,} whose {within} are over did from the same age on"
    return [("payers", None, None, mean, low, high, len(took), told)]


def expected_payers(ages: Sequence[int], took: Sequence[int | None]) -> tuple[float, float, float]:
    """Payers from open trials of these ages (days), given when ripe trials paid (microseconds, None: they did not).

    The chance at an age is that of the ripe trials which had not paid by then (Beta posterior). Chances rest on the same
    trials, so their errors are added up, not averaged out.

    >>> [round(each, 2) for each in expected_payers([0] * 10, [DAY] * 50 + [None] * 50)]
    [5.0, 1.75, 8.25]
    """
    mean = spread = shared = 0.0
    for age in ages:
        left = [each for each in took if each is None or each > age * DAY]
        paid = sum(each is not None for each in left) + HALF
        rate = paid / (len(left) + 2 * HALF)
        mean += rate
        spread += rate * (1 - rate)
        shared += math.sqrt(rate * (1 - rate) / (len(left) + 2))
    half = Z * math.sqrt(spread + shared * shared)
    return mean, max(mean - half, 0.0), min(mean + half, float(len(ages)))


def _months(data: Dataset) -> Grid:
    last = last_complete("month", data.observed_until, zone=data.zone)
    return last.back(MONTHS)


def _revenue(data: Dataset, months: int, missing: dict[str, str]) -> list[tuple[Any, ...]]:
    """Recurring revenue at the end of the coming months."""
    values = compute("mrr", data, _months(data))
    if reason := values.reasons.get("mrr"):
        missing["mrr"] = reason
        return []
    known = [row["value"] for row in values.table.to_dicts() if row["status"] == "ok" and row["value"] is not None]
    if len(known) < FEWEST:
        missing["mrr"] = f"cannot tell yet: {FEWEST} whole months are needed, there are {len(known)}"
        return []
    last = values.table.row(-1, named=True)
    coming = Grid.calendar("month", last["end"], step(last["end"], "month", months), zone=data.zone)
    rows = []
    for ahead, (first, stop) in enumerate(zip(coming.firsts, coming.stops, strict=True), 1):
        if found := project(known, ahead):
            told = f"it goes on from the level and trend of the last {len(known)} months"
            rows.append(("mrr", first, stop, found.value, max(found.low, 0.0), found.high, len(known), told))
    return rows


def _drivers(data: Dataset, name: str, wanted: float) -> list[tuple[Any, ...]]:
    """What each driver of a figure would have to be if it alone had to bring the figure to the target."""
    find(name)
    if name not in DRIVERS:
        raise unknown("target with drivers", name, DRIVERS, where="--target")
    series = {each: _series(data, each) for each in (name, *DRIVERS[name]) if each not in MADE}
    if CUSTOMERS in DRIVERS[name]:
        pairs = zip(series["mrr"], series["arpa"], strict=True)
        series[CUSTOMERS] = [mrr / arpa if mrr is not None and arpa else None for mrr, arpa in pairs]
    if NEW_A_DAY in DRIVERS[name]:
        series |= _intake(data, series[name])
    now = series[name][-1]
    if not now:
        raise UsageError(f"{name} has no value above 0 in the last whole month, so its drivers cannot be told.")
    rows = []
    for driver in DRIVERS[name]:
        known = [value for value in series[driver] if value is not None]
        if not known or series[driver][-1] is None:
            continue
        needed = known[-1] * wanted / now
        enough = sum(value >= needed for value in known) if wanted > now else sum(value <= needed for value in known)
        rows.append((driver, known[-1], needed, wanted / now - 1, min(known), max(known), enough, len(known)))
    return rows


def _intake(data: Dataset, actives: Sequence[float | None]) -> dict[str, list[float | None]]:
    """New users a day, and on how many days each of them would come if daily actives came of such an intake alone."""
    table, months = compute("new_users", data, _months(data)).table, _months(data)
    days = [(stop - first).days for first, stop in zip(months.firsts, months.stops, strict=True)]
    # in a first period that began before the data everybody looks new
    new = [
        row["value"] / size if row["status"] == "ok" and row["value"] else None
        for row, size in zip(table.to_dicts(), days, strict=True)
    ]
    each = [a / n if a is not None and n else None for a, n in zip(actives, new, strict=True)]
    return {NEW_A_DAY: new, DAYS_EACH: each}


def _series(data: Dataset, name: str) -> list[float | None]:
    table = compute(name, data, _months(data)).table
    return [row["value"] if row["status"] in ("ok", "ripening", "early") else None for row in table.to_dicts()]
