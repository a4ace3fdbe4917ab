"""The scorecard shown: its headline, the north star with its history, and a tile for each other figure."""

from dataclasses import replace

from kpi_lib.answers.change import Change
from kpi_lib.answers.intake import Intake
from kpi_lib.answers.scorecard import Scorecard, Standing
from kpi_lib.answers.sharing import shared
from kpi_lib.answers.targets import AT_RISK, MET, MISSED, OFF, ON_TRACK, TargetStatus
from kpi_lib.core.units import NARROW_SPACE, show
from kpi_lib.kpis.registry import Kpi
from kpi_lib.show.blocks import Headline, Phrase, Strong, Target, Tile, Tiles
from kpi_lib.show.changes import compared, compared_year, history_rows, sentence_of, strength
from kpi_lib.show.facts_answers import FULL, standing_facts
from kpi_lib.show.facts_shapes import intake_facts
from kpi_lib.show.intakes import newcomers
from kpi_lib.show.phrases import (
    UNKNOWN,
    day_name,
    figure,
    interval,
    known,
    listed,
    period_name,
    plural,
    title_of,
    unit_of,
    written,
)
from kpi_lib.show.spark import Spark


def headline(scorecard: Scorecard, intake: Intake | None = None) -> Headline:
    """What a hurried reader gets: the north star, the clearest other change, and what stands behind it or comes next."""
    scorecard, intake = shared(scorecard), shared(intake)
    if not scorecard.standings:
        return Headline(("No figure that was asked for can be computed from these data.",))
    if intake is not None and intake.last_new is None:
        return Headline(
            (
                (
                    Strong("No data"),
                    ": nobody is in these data before the end of the period, so there is nothing to tell.",
                ),
            )
        )
    star = star_of(scorecard)
    rest = tuple(each for each in others(scorecard) if star is None or not _same(each, star))
    movers = sorted((each for each in rest if each.change.clear), key=strength, reverse=True)
    told: list[Phrase] = [_sentence(star, scorecard)] if star else []
    told.append(_sentence(movers[0], scorecard) if movers else _nothing_moved(rest, star))
    told.append(_third(scorecard, movers[1:], intake))
    behind = intake_facts(intake) if intake is not None and intake.closed else ()
    return Headline(tuple(each for each in told if each), behind)


def _sentence(standing: Standing, scorecard: Scorecard) -> Phrase:
    return sentence_of(standing, scorecard.every, scorecard.currency)


def _same(one: Standing, other: Standing) -> bool:
    """Whether two names stand for one figure here, as buyers and active people where buying is all that is recorded."""
    return (
        all(one.row[name] == other.row[name] for name in ("value", "low", "high", "n")) and one.change == other.change
    )


def _nothing_moved(rest: tuple[Standing, ...], star: Standing | None) -> Phrase:
    compared_ones = [each for each in rest if each.change.low is not None]
    if not compared_ones:
        return "" if star else "Nothing can be compared with the period before yet."
    other = "other " if star else ""
    count = len(compared_ones)
    if count == 1:
        return (
            Strong(f"Nothing {'else ' if star else ''}moved clearly"),
            f": the one {other}figure that can be compared changed within what chance gives.",
        )
    return (
        Strong(f"Nothing {'else ' if star else ''}moved clearly"),
        f": the changes of {count} {other}figures are within what chance gives.",
    )


def _third(scorecard: Scorecard, movers: list[Standing], intake: Intake | None) -> Phrase:
    """Who the figures are about, when nobody new comes; else missed targets, the next mover, or what is open."""
    if intake is not None and intake.closed:
        return newcomers(intake)
    if missed := _aims(scorecard, MISSED, "missed"):
        return missed
    if movers:
        return _sentence(movers[0], scorecard)
    if doubtful := _aims(scorecard, OFF, "off track") or _aims(scorecard, AT_RISK, "at risk"):
        return doubtful
    if out := scorecard.left_out:
        return (
            f"{plural(len(out), 'figure')} cannot be told from these data: {listed([title_of(each) for each in out])}."
        )
    rest = [each for each in others(scorecard) if each.row["value"] is not None and not each.change.clear]
    return _sentence(rest[0], scorecard) if rest else ""


def _aims(scorecard: Scorecard, status: str, word: str) -> Phrase:
    """How many of the targets stand so, and which; nothing where none does."""
    aims = [each for each in scorecard.standings if each.aim is not None]
    names = [each.title for each in aims if each.aim is not None and each.aim.status == status]
    return (Strong(f"{len(names)} of {plural(len(aims), 'target')} {word}"), f": {listed(names)}.") if names else ""


def star_of(scorecard: Scorecard) -> Standing | None:
    """The north star's standing, if there is one."""
    return next((each for each in scorecard.standings if each.kpi.name == scorecard.north_star), None)


def others(scorecard: Scorecard) -> tuple[Standing, ...]:
    """All standings but the north star."""
    return tuple(each for each in scorecard.standings if each.kpi.name != scorecard.north_star)


def tiles(scorecard: Scorecard) -> Tiles:
    """A tile for each figure beside the north star."""
    scorecard = shared(scorecard)
    return Tiles(tuple(tile(each, scorecard, earlier=True) for each in others(scorecard)))


def tile(standing: Standing, scorecard: Scorecard, *, spark: bool = True, earlier: bool = False) -> Tile:
    """One figure at a glance, with those of earlier periods to choose from where asked for."""
    row, kpi = standing.row, standing.kpi
    few = row["status"] == "small_n"
    by = tuple(standing.part)
    number = () if row["n"] is None else (": ", figure(row, "n", currency=scorecard.currency, by=by))
    return Tile(
        label=standing.title,
        value=figure(row, currency=scorecard.currency, by=by),
        change=compared(standing, scorecard.every) if row["value"] is not None else None,
        year=compared_year(standing, scorecard.every),
        spark=spark_of(standing, scorecard) if spark else None,
        note=_note(standing, scorecard.currency),
        made_of=made_of(standing, scorecard.currency),
        target=target_of(standing.aim, scorecard.currency, every=scorecard.every) if standing.aim else None,
        meaning=meaning(kpi),
        facts=standing_facts(standing, scorecard.currency),
        quiet=("Few to go by", *number) if few else "",
        period=(str(row["start"]), period_name(row["start"], row["end"])),
        earlier=_earlier(standing, scorecard) if earlier else (),
    )


def _earlier(standing: Standing, scorecard: Scorecard) -> tuple[Tile, ...]:
    """The tiles of the periods before, latest first, as far as their figures are known; the first has nothing to compare with."""
    rows = standing.history.table.to_dicts()
    found = []
    for row in rows[-2::-1]:
        change = standing.earlier.get(row["start"], Change(None, None, None, points=False, previous=None))
        then = replace(standing, row=row, change=change, year=None, aim=None, made_of=())
        told = tile(then, scorecard, spark=False)
        if row["value"] is not None:
            moved = told.change if change.amount is not None or row["status"] == "partial" else None
            found.append(replace(told, change=moved, meaning="", facts=()))
    return tuple(found)


def made_of(standing: Standing, currency: str) -> Phrase:
    """The figures that a derived KPI is calculated from; of another period with its name."""
    said: list[Phrase] = []
    for row in standing.made_of:
        when = f" ({period_name(row['start'], row['end'])})" if row["end"] != standing.row["end"] else ""
        said += [" and " if said else "", f"{title_of(row['kpi'])} ", figure(row, currency=currency), when]
    return tuple(said)


def meaning(kpi: Kpi) -> str:
    """What a KPI tells and how it is counted, for readers: how its rows are made is for those who read the code."""
    return f"{kpi.summary.split('. ', 1)[0].rstrip('.')}. Counted as: {kpi.formula}."


def _note(standing: Standing, currency: str) -> Phrase:
    """How sure: the interval and n, or that everything was counted."""
    row, by = standing.row, tuple(standing.part)
    if row["value"] is None:
        return UNKNOWN.get(row["status"], "the data do not allow it").capitalize()
    said: list[Phrase] = []
    if span := interval(row, currency=currency, by=by):
        said += ["95 % ", span]
    else:
        said.append("full count" if standing.kpi.measure.name in FULL else "no interval")
    if standing.kpi.measure.name != "count":
        said += [" · n ", figure(row, "n", by=by)]
    if row["unripe"]:
        said += [" · ", figure(row, "unripe", by=by), " not yet watched long enough"]
    return tuple(said)


def spark_of(standing: Standing, scorecard: Scorecard) -> Spark | None:
    """The history of a figure as a small line; None where fewer than two periods are known."""
    rows = history_rows(standing)
    values = tuple(known(row["value"]) for row in rows)
    there = [value for value in values if value is not None]
    if len(there) < 2:
        return None
    ends = (
        written(there[0], standing.kpi.unit, scorecard.currency),
        written(there[-1], standing.kpi.unit, scorecard.currency),
    )
    text = f"{standing.title} over {len(values)} periods, from {ends[0]} to {ends[1]}"
    return Spark(values=values, text=text, partial=rows[-1]["status"] == "partial")


def target_of(aim: TargetStatus, currency: str, *, every: str = "") -> Target:
    """What was aimed for, how it stands, and how likely it is to be reached; a target that is wrong says so.

    A target of other periods than those of the page (`every`) says of which, and what the figure was there.
    """
    unit = unit_of(aim.kpi)
    wanted = ("at most " if aim.lower else "") + show(aim.value, unit, currency)
    if every and aim.every != every and aim.row is not None:
        then = show(aim.row["value"], unit, currency)
        wanted += f" a {aim.every} ({period_name(aim.row['start'], aim.row['end'])}: {then})"
    due = f" by {day_name(aim.due)}" if aim.due else ""
    likely = f"{aim.probability:.0%} likely".replace("%", f"{NARROW_SPACE}%") if aim.probability is not None else ""
    why = "" if aim.status in (MET, MISSED, ON_TRACK) else aim.reasons[0] if aim.reasons else ""
    return Target(phrase=wanted + due, state=aim.status, share=aim.progress, why=", ".join(filter(None, (likely, why))))
