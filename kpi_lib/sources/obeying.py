"""Rows against the contract of their table: what breaks it is set aside with the reason, or kept and told."""

import polars as pl

from kpi_lib.core.contracts import keys, rules, words
from kpi_lib.core.errors import nearest, shown
from kpi_lib.sources.bench import Bench, Verdicts
from kpi_lib.sources.csvfile import FILE, LINE
from kpi_lib.sources.findings import NO_WORD, OVERLAP, REPEATED, word_mend
from kpi_lib.sources.kinds import as_text
from kpi_lib.sources.times import LATEST

INSTANT_FORM = "%Y-%m-%d %H:%M:%S UTC"
NAMED = 20  # so many unknown words of a column are told one by one


def in_words(table: str, column: str, values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """A column in the words of its contract, and the reasons against values that are none of them."""
    known = words(table).get(column)
    nothing = pl.repeat(None, len(values), dtype=pl.String, eager=True)
    if known is None:
        return values, nothing
    found = values.str.to_lowercase()
    if known.spellings:
        found = found.replace(known.spellings)
    other = found.drop_nulls().unique().sort().to_list() if known.closed else []
    told = {each: _no_word(each, known.words) for each in other if each not in known.words}
    named = {each: text for each, text in list(told.items())[:NAMED]}
    rest = pl.when(found.is_in([*told])).then(pl.lit(f"{NO_WORD} {', '.join(known.words)}"))
    if not told:
        return found, nothing
    return found, found.replace_strict(named, default=pl.select(rest).to_series(), return_dtype=pl.String)


def _no_word(value: str, known: tuple[str, ...]) -> str:
    return f"{NO_WORD} {', '.join(known)}. {near}" if (near := _near(value, known)) else f"{NO_WORD} {', '.join(known)}"


def _near(value: str, known: tuple[str, ...]) -> str:
    found = nearest(value, known)
    return found if found.startswith("Did") else ""


def judge(table: str, frame: pl.DataFrame, verdicts: Verdicts, raw: dict[str, pl.Series]) -> None:
    """Hold every row against the rules of its table."""
    for rule in rules(table):
        if rule.needs <= set(frame.columns):
            broken = pl.when(~pl.sql_expr(rule.condition)).then(pl.lit(rule.reason))
            verdicts.add(rule.column, frame.select(broken).to_series(), raw[rule.column])


def as_a_whole(bench: Bench, rows: pl.DataFrame) -> pl.DataFrame:
    """What only all rows of a table can show: repeated keys, spans that overlap, words that nobody knows."""
    table = bench.setting.table
    verdicts = Verdicts.of(len(rows))
    if (key := list(keys(table))) and set(key) <= set(rows.columns):
        again = rows.select(pl.when(~pl.struct(key).is_first_distinct()).then(pl.lit(REPEATED))).to_series()
        verdicts.add(key[-1], again, rows[key[-1]])
    if table == "subscriptions":
        verdicts.add("start", overlaps(rows), rows["start"].dt.strftime(INSTANT_FORM))
    bench.rejects.append(verdicts.rejects(rows, rows[FILE]))
    rows = rows.filter(verdicts.fine)
    if table == "subscriptions" and "plan" in rows.columns:
        _paid_twice(bench, rows)
    _unknown_words(bench, rows)
    return rows


def _paid_twice(bench: Bench, rows: pl.DataFrame) -> None:
    """Two subscriptions of a user to one plan at the same time: they may be two seats, or one written twice."""
    trial = pl.col("is_trial").fill_null(False) if "is_trial" in rows.columns else pl.lit(False)
    paid = rows.filter(~trial & pl.col("plan").is_not_null())
    twice = paid.filter(overlaps(paid, "user_id", "plan").is_not_null()).sort(FILE, LINE)
    if not twice.is_empty():
        what = "row begins" if len(twice) == 1 else "rows begin"
        message = f"{len(twice):,} {what} while the same user pays for the same plan already; both count"
        place = {
            "line": twice[LINE][0],
            "file": twice[FILE][0],
            "column": "start",
            "value": f"{twice['start'][0]:{INSTANT_FORM}}",
        }
        mend = "end the earlier one when the next begins, if they are not meant to be two"
        bench.note(message, mend, rows=len(twice), **place)


def overlaps(rows: pl.DataFrame, *key: str) -> pl.Series:
    """Rows of one subscription are its terms, one after the other: none may begin while an earlier one runs."""
    who = list(key or ("subscription_id",))
    end = pl.col("end") if "end" in rows.columns else pl.lit(None, rows.schema["start"])
    ordered = rows.with_row_index("\x00row").sort(*who, "start", "\x00row")
    before = end.fill_null(LATEST).cum_max().shift().over(who)
    same = pl.col("start") == pl.col("start").shift().over(who)
    broken = pl.when((pl.col("start") < before) | same).then(pl.lit(OVERLAP))
    return ordered.select("\x00row", broken.alias("reason")).sort("\x00row")["reason"]


def _unknown_words(bench: Bench, rows: pl.DataFrame) -> None:
    """Words that no KPI reads: mostly another spelling of one that it does."""
    for name, known in words(bench.setting.table).items():
        if known.closed or name not in rows.columns:
            continue
        other = rows.filter(~pl.col(name).is_in(list(known.words)))
        for value in other[name].unique(maintain_order=True).head(NAMED):
            these = other.filter(pl.col(name) == value)
            message = f"{name} {shown(as_text(these[name])[0])} is none of {', '.join(known.words)}, so no KPI reads it"
            near = f" {each}" if (each := _near(value, known.words)) else ""
            mend = word_mend(bench.setting.table, name, value)
            place = {"column": name, "value": value, "rows": len(these), "line": these[LINE][0], "file": these[FILE][0]}
            bench.note(f"{message}.{near}" if near else message, mend, **place)
