"""What another budget would bring, channel by channel, if each channel went on winning customers at the cost of today."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kpi_lib.answers.compute import compute
from kpi_lib.answers.demands import in_words
from kpi_lib.answers.unit_economics import unit_economics
from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid

ASSUMPTION = (
    "each channel wins customers at the cost of this period and they bring what customers bring now; "
    "whoever spends more in a channel usually pays more for the next customer, so a rise is an upper bound"
)
_PLAN = re.compile(r"(?P<sign>[+-])?(?P<amount>\d+(?:\.\d+)?)\s*(?P<percent>%)?")
_REAL = pl.Float64
SCHEMA = {
    "channel": pl.String, "whole": pl.Boolean, "spend": _REAL, "customers": _REAL, "cac": _REAL, "planned": _REAL,
    "expected": _REAL, "expected_low": _REAL, "expected_high": _REAL, "brings": _REAL, "brings_low": _REAL,
    "brings_high": _REAL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget table of one period.

    `table`, one row per channel with spend, then all together (`whole`): spend, customers (new ones) and cac as they are;
    planned (spend), expected (new customers) and brings (their gross profit over their life), both with _low and _high (95 %,
    from the intervals of CAC and of LTV to CAC). The whole has no interval: channels are not judged together. `reason`
    says what is missing for a table, `lacking` what is missing to tell what customers bring.
    """

    table: pl.DataFrame
    start: str
    currency: str
    assumption: str = ASSUMPTION
    reason: str = ""
    lacking: str = ""
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The table under its name: what a report hands over."""
        return {"budget": self.table.with_columns(start=pl.lit(self.start))} if not self.table.is_empty() else {}

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values."""
        return {
            "budget": self.table.to_dicts(),
            "assumption": self.assumption,
            "reason": self.reason,
            "lacking": self.lacking,
        }


def budget(data: Dataset, grid: Grid, plan: Sequence[str] = (), *, column: str = "channel") -> Budget:
    """Set what channels cost and bring in the last period of a grid beside a plan, such as ads=5000 or mail=+20 %.

    An amount is what would be spent, a sign makes it a change; channels that are not named stay as they are. A channel
    that won nobody has no cost of a customer, so nothing can be expected of it. Where the tables do not tell what a
    customer brings, as without subscriptions, the table ends with the customers to expect.
    """
    economics = unit_economics(data, grid, by=(column,))
    start = str(grid.shown[-1])
    by, rows, reason = (
        _costs(data, grid, column) if economics.reason else (economics.by, economics.table.to_dicts(), "")
    )
    if reason or not by:
        why = reason or "needs " + in_words([f"{table}.{plain_name(column)}" for table in ("users", "marketing_spend")])
        return Budget(pl.DataFrame(schema=SCHEMA), start, data.currency, reason=why)
    rows = [row for row in rows if not row["whole"] and row["cac"] is not None]
    spent = {str(row[by[0]]): row["cac"] * row["customers"] for row in rows}
    planned = _planned(plan, spent, column)
    told = [_row(row, str(row[by[0]]), planned) for row in rows]
    table = pl.DataFrame([*told, _whole(told)] if told else [], schema=SCHEMA)
    origin = origin_of(data, "marketing_spend", "users", "subscriptions")
    return Budget(table, start, data.currency, lacking=economics.reason, origin=origin)


def _costs(data: Dataset, grid: Grid, column: str) -> tuple[tuple[str, ...], list[dict[str, Any]], str]:
    """The cost of a customer by channel alone: the column, a row for each, and what is missing for it."""
    there = all(column in data.columns(table) for table in ("users", "marketing_spend"))
    values = compute("cac", data, grid.only(len(grid) - 1), by=(column,) if there else ())
    ends = {"cac": "value", "cac_low": "low", "cac_high": "high", "customers": "n"}
    known = [f"ltv_cac_ratio{end}" for end in ("", "_low", "_high")]
    table = values.table.select(*values.by, **ends).with_columns(pl.lit(None, _REAL).alias(name) for name in known)
    rows = table.with_columns(whole=pl.lit(False)).to_dicts()
    return values.by, rows, next(iter(values.reasons.values()), "")


def _planned(plan: Sequence[str], spent: Mapping[str, float], column: str) -> dict[str, float]:
    """What each channel would spend; a line that cannot be read, and a channel without spend, are errors."""
    found = dict(spent)
    for line in plan:
        name, _, text = (part.strip() for part in line.partition("="))
        match = _PLAN.fullmatch(text)
        if match is None:
            raise UsageError(
                f"{line!r} is no plan; write {column}=amount, {column}=+500 or {column}=-20 %, as in ads=5000."
            )
        if name not in spent:
            raise unknown(column, name, spent, where="the budget")
        amount = float(match["amount"]) * (spent[name] / 100 if match["percent"] else 1)
        sign = {"+": 1, "-": -1}.get(match["sign"] or "")
        found[name] = max(spent[name] + sign * amount, 0.0) if sign else amount
    return found


def _row(row: Mapping[str, Any], name: str, planned: Mapping[str, float]) -> dict[str, Any]:
    spend, plan = row["cac"] * row["customers"], planned[name]
    won = [plan / row[end] if row[end] else None for end in ("cac", "cac_high", "cac_low")]
    ratios = [row[f"ltv_cac_ratio{end}"] for end in ("", "_low", "_high")]
    brings = [None if ratio is None else plan * ratio for ratio in ratios]
    told = {"channel": name, "whole": False, "spend": spend, "customers": float(row["customers"]), "cac": row["cac"]}
    told |= {"planned": plan}
    told |= dict(zip(("expected", "expected_low", "expected_high"), won, strict=True))
    return told | dict(zip(("brings", "brings_low", "brings_high"), brings, strict=True))


def _whole(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All channels together; unknown where a part is."""

    def added(name: str) -> float | None:
        parts = [row[name] for row in rows if row["planned"] > 0 or name in ("spend", "customers")]
        return None if any(part is None for part in parts) else sum(parts)

    names = ("spend", "customers", "planned", "expected", "brings")
    sums: dict[str, Any] = {name: added(name) for name in names}
    sums["cac"] = sums["spend"] / sums["customers"] if sums["customers"] else None
    return {"channel": None, "whole": True, **sums}
