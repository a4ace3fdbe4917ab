"""How the MRR bridge is told: what came, what went, and what that makes of recurring revenue."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from kpi_lib.core.units import MINUS, MONEY, RATIO
from kpi_lib.shapes.bridge import AMOUNTS, LOST, MOVEMENTS, MrrBridge
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.canvas import INK
from kpi_lib.show.charts_stack import Stack, stack_picture
from kpi_lib.show.charts_waterfall import Fall, waterfall_picture
from kpi_lib.show.phrases import known, named, period_name, plain, short_period, told, whole, written
from kpi_lib.show.picture import Picture

WORDS = {
    "opening": "At the start",
    "new": "New",
    "expansion": "Expanded",
    "reactivation": "Came back",
    "contraction": "Contracted",
    "churn": "Churned",
    "closing": "At the end",
}
PEOPLE = {
    "customers_new": "New customers",
    "customers_lost": "Lost customers",
    "customers_closing": "Customers at the end",
}
ROWS = 60


def rows_of(result: MrrBridge) -> list[dict[str, Any]]:
    """The rows with figures, amounts in units of the currency."""
    return [] if result.table.is_empty() else result.amounts.filter(pl.col("closing").is_not_null()).to_dicts()


def last_of(result: MrrBridge) -> list[dict[str, Any]]:
    """The rows of the last period that is over, or of the last one; empty where nobody ever paid."""
    rows = rows_of(result)
    if not any(row[name] for row in rows for name in AMOUNTS):
        return []
    end = max(row["start"] for row in [row for row in rows if row["status"] == "ok"] or rows)
    return [row for row in rows if row["start"] == end]


def printed(result: MrrBridge, row: Mapping[str, Any], field: str) -> Figure:
    """One figure of the bridge."""
    text = written(known(row[field]), MONEY, result.currency) if field in AMOUNTS else whole(row[field])
    return told(row, field, text, of="mrr_bridge", by=result.by)


def bridge_sentence(result: MrrBridge) -> Say:
    """Where recurring revenue went in the last whole period, and what made it so."""
    if result.reason:
        return Say(f"How recurring revenue moved cannot be told: it {result.reason}.")
    last = last_of(result)
    if not last:
        return Say("Nobody has paid a subscription yet.")
    so_far = " so far" if last[0]["status"] != "ok" else ""
    period: tuple[Phrase, ...] = ("In ", period_name(last[0]["start"], last[0]["end"]), so_far, ", ")
    if result.by:
        top = max(last, key=lambda row: (row["closing"] - row["opening"], [named(row[c]) for c in result.by]))
        name = " / ".join(named(top[column]) for column in result.by)
        return Say((*period, Strong(f"recurring revenue moved best in {name}"), ": ", *_from_to(result, top), "."))
    row = last[0]
    exact = result.table.filter(pl.col("start") == row["start"]).row(0, named=True)  # whole minor units
    gained, lost = sum(exact[n] for n in MOVEMENTS if n not in LOST), sum(exact[n] for n in LOST)
    way = "grew" if gained > lost else "fell" if gained < lost else "stayed"
    return Say(
        (
            *period, Strong((f"recurring revenue {way} ", *_from_to(result, row))), ": ",
            printed(result, row, "new"), " new, ", printed(result, row, "expansion"), " expanded and ",
            printed(result, row, "reactivation"), " came back, against ", printed(result, row, "contraction"),
            " contracted and ", printed(result, row, "churn"), " churned.", *_per_lost(row, gained, lost),
        )
    )  # fmt: skip


def _from_to(result: MrrBridge, row: Mapping[str, Any]) -> tuple[Phrase, ...]:
    return ("from ", printed(result, row, "opening"), " to ", printed(result, row, "closing"))


def _per_lost(row: Mapping[str, Any], gained: int, lost: int) -> tuple[Phrase, ...]:
    """The quick ratio, as the KPI computes it."""
    if not lost:
        return (" Nothing was lost.",)
    ratio = gained / lost
    told_ratio = told({**row, "quick_ratio": ratio}, "quick_ratio", written(ratio, RATIO), of="mrr_bridge")
    return (" So ", told_ratio, " came for each 1 that went.")


def bridge_table(result: MrrBridge) -> Table:
    """The bridge by period, the latest last."""
    rows = rows_of(result)
    fields = (*AMOUNTS, *PEOPLE)
    shown: list[tuple[Phrase, ...]] = [
        (
            *(named(row[column]) for column in result.by),
            period_name(row["start"], row["end"]) + ("" if row["status"] == "ok" else f" ({row['status']})"),
            *(printed(result, row, field) for field in fields),
        )
        for row in rows[-ROWS:]
    ]
    return Table(
        title="How recurring revenue moved",
        columns=(*result.by, "Period", *WORDS.values(), *PEOPLE.values()),
        rows=tuple(shown),
        text_columns=len(result.by) + 1,
        choices=tuple(range(len(result.by))),
        note=f"The last {ROWS} of {len(rows)} rows." if len(rows) > ROWS else "",
    )


def bridge_pictures(result: MrrBridge) -> tuple[Picture, ...]:
    """The last period as a waterfall and, of several periods, all of them above and below the line; segments are added up."""
    last = last_of(result)
    if not last:
        return ()
    sums = {name: sum(row[name] for row in last) for name in AMOUNTS}
    falls = [
        Fall(
            WORDS[name],
            -sums[name] if name in LOST else sums[name],
            _signed(name, sums[name], result.currency),
            name in ("opening", "closing"),
        )
        for name in AMOUNTS
    ]
    period = period_name(last[0]["start"], last[0]["end"])
    finding, table = plain(bridge_sentence(result).phrase), bridge_table(result)
    several = len({row["start"] for row in rows_of(result)}) > 1
    first = waterfall_picture(
        falls, alt=finding, note=f"Recurring revenue a month, {period}.", table=None if several else table
    )
    return (first, _over_time(result, table)) if several else (first,)


def _signed(name: str, amount: float, currency: str) -> str:
    text = written(amount, MONEY, currency)
    return text if name in ("opening", "closing") or not amount else f"{MINUS if name in LOST else '+'}{text}"


def _over_time(result: MrrBridge, table: Table) -> Picture:
    rows = result.amounts.filter(pl.col("closing").is_not_null())
    sums = rows.group_by("start", "end").agg(pl.col(MOVEMENTS).sum(), done=(pl.col("status") == "ok").all())
    bars = [
        {
            "at": short_period(row["start"], row["end"]),
            "series": WORDS[name],
            "value": -row[name] if name in LOST else row[name],
            "open": not row["done"],
            "told": written(row[name], MONEY, result.currency),
        }
        for row in sums.sort("start").to_dicts()
        for name in MOVEMENTS
    ]
    stack = Stack(
        bars=bars,
        at=tuple(dict.fromkeys(str(bar["at"]) for bar in bars)),
        colours=dict(zip((WORDS[name] for name in MOVEMENTS), INK.categories, strict=False)),
        unit=MONEY,
        currency=result.currency,
    )
    note = "Above the line: recurring revenue that came. Below: what went."
    note += "" if sums["done"].all() else " Pale: not over, or begun before the data."
    return stack_picture(stack, alt=f"{note} {plain(bridge_sentence(result).phrase)}", note=note, table=table)
