"""The verbs signals, forecast and opportunities: what stands out, what is to be expected, and where most is to be won."""

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from kpi_lib.cli.options import Place, columns, grid_of, period, reading, segments, shared
from kpi_lib.cli.text import plain
from kpi_lib.cli.text import table as cells

if TYPE_CHECKING:
    from kpi_lib.answers.rulebook import Findings
    from kpi_lib.answers.signals import Signal, Signals

WIDTH = 80


@click.command("signals")
@click.argument("names", nargs=-1, metavar="[KPI…]")
@period
@segments
@click.option(
    "--all", "every_kpi", is_flag=True, help="Look at all KPIs of one value, not only those that are watched."
)
@click.option("--rules", is_flag=True, help="Also tell which named rules of the sources hold, such as shallow visits.")
@reading
@shared
def signals(place: Place, names: tuple[str, ...], every_kpi: bool, rules: bool, **asked: Any) -> int:  # noqa: ANN401
    """Show what stands out: drops, jumps, new levels, creep, lost data, each judged by the figure's own past.

    Without names: the KPIs of the workspace's stage and goals, and those with a target. Without a period: the last whole
    one of each KPI's cadence. A figure gives a false alarm in ten years of looking.

    \b
    Example:
      kpi signals --workspace data/cdnow
      kpi signals --rules --period 2026-10
      kpi signals dau --from 2024-06-01 --to 2024-07-01 --every day --by platform
    """
    from kpi_lib.answers.scorecard import watched
    from kpi_lib.answers.signals import signals as look
    from kpi_lib.kpis.registry import find

    for name in names:
        find(name)
    workspace, data = place.read(asked)
    star = workspace.product.get("north_star")
    usual = dict.fromkeys([*([star] if star else []), *watched(data, workspace.product, workspace.targets)])
    chosen = names or (() if every_kpi else tuple(usual))
    found = look(data, chosen, lambda kpi: grid_of(workspace, asked, kpi.cadence), columns(asked["by"]))
    if not rules:
        place.show(found.to_dict(), told(found))
        return 0
    from kpi_lib.answers.rules import rules as hold

    named = hold(data, grid_of(workspace, asked, "month"))
    place.show(found.to_dict() | named.to_dict(), f"{told(found)}\n\n{told_rules(named)}")
    return 0


def told_rules(found: "Findings") -> str:
    """The named rules in a terminal of 80 columns: each with its figures, those that hold with a hint."""
    from kpi_lib.show.phrases import plain as words
    from kpi_lib.show.rules import figures_of, rules_sentence, verdict_of

    parts = [_lines(words(rules_sentence(found).phrase), "")]
    for each, figures in zip(found.findings, figures_of(found), strict=True):
        told = [_lines(f"{each.rule.title}: {verdict_of(each)}", "  ")]
        told += [_lines(words(figures), "    ")] if each.evidence else []
        told += [_lines(each.rule.hint, "    ")] if each.verdict == "yes" else []
        parts.append("\n".join(told))
    return "\n\n".join(parts)


def told(found: "Signals") -> str:
    """All signals in a terminal of 80 columns."""
    from kpi_lib.show.phrases import plural, title_of

    parts = [_one(each, found) for each in found.signals]
    if not parts:
        parts = [f"nothing stands out among {plural(found.looked, 'series', 'series')}"]
    if found.outages:
        parts.append(_lines(f"nothing at all was recorded on {', '.join(map(str, found.outages[:6]))}", ""))
    if found.unknown:
        parts.append("\n".join(_lines(f"{title_of(name)}: {why}", "") for name, why in found.unknown.items()))
    return "\n\n".join(parts)


def _one(signal: "Signal", found: "Signals") -> str:
    from kpi_lib.core.units import show
    from kpi_lib.kpis.registry import find
    from kpi_lib.show.phrases import period_name
    from kpi_lib.show.signals import WORDS, chance_of, mostly, name_of, size_of

    unit = find(signal.kpi).unit
    observed, expected, low, high = (
        show(value, unit, found.currency) for value in (signal.observed, signal.expected, signal.low, signal.high)
    )
    lasting = signal.since != signal.start
    since = f", since {signal.since}" if lasting else ""
    mean = " on average" if signal.kind == "shift" else ""
    drawn = signal.low < signal.high  # a drift is told from its line and has no bounds
    against = f"{observed}{mean}, expected {expected} ({low} – {high})" if drawn else f"{observed} after {expected}"
    lines = [
        f"{WORDS[signal.kind]}  {name_of(signal)}, {period_name(signal.start, signal.end)}{since}",
        f"{against}, {size_of(signal)}; {chance_of(signal.p)}",
        signal.note,
        f"beside it: {', '.join(signal.beside)}" if signal.beside else "",
        f"mostly {source}" if (source := mostly(signal.contributions, found.currency)) else "",
    ]
    return "\n".join(_lines(line, "    " if at else "") for at, line in enumerate(lines) if line)


def _lines(text: str, indent: str) -> str:
    return "\n".join(wrap(plain(text), WIDTH, initial_indent=indent, subsequent_indent=indent or "    "))


@click.command("forecast")
@click.option("--months", type=int, default=3, metavar="N", help="How many months of recurring revenue (default 3).")
@click.option(
    "--target", metavar="KPI=VALUE", help="What this would ask of each driver alone: dau, mrr or total_revenue."
)
@click.option(
    "--budget",
    multiple=True,
    metavar="CHANNEL=AMOUNT",
    help="What another spend would bring: ads=5000, ads=+500, mail=-20 %; may be given several times.",
)
@shared
def forecast(place: Place, months: int, target: str | None, budget: tuple[str, ...]) -> int:
    """Show what is to be expected, with interval and assumption: payers from open trials, recurring revenue.

    With --budget also what channels would bring with another spend than in the last whole quarter.

    \b
    Example:
      kpi forecast --months 6
      kpi forecast --target mrr=25000
      kpi forecast --budget ads=5000 --budget "mail=+20 %"
    """
    from kpi_lib.answers.forecast import forecast as expect
    from kpi_lib.show.forecasts import forecast_sentence
    from kpi_lib.show.phrases import plain as words

    aim = _aim(target) if target else None
    workspace = place.open()
    within = str(workspace.data.settings.get("trial_within", "30d"))
    found = expect(workspace.data, months=months, trial_within=within, target=aim)
    text = _lines(words(forecast_sentence(found).phrase), "")
    if not budget:
        place.show(found.to_dict(), text)
        return 0
    from kpi_lib.answers.budget import budget as plan
    from kpi_lib.show.budgets import budget_sentence, budget_table

    planned = plan(workspace.data, workspace.grid(None, cadence="quarter"), budget)
    lines = []
    for row in budget_table(planned).rows:
        name, spend, _, cac, spent, won, bring = map(words, row)  # type: ignore[arg-type]
        lines += [_lines(f"{name}: {spend} now, {spent} planned, CAC {cac}", "")]
        lines += [_lines(f"{won} new customers, who bring {bring}", "    ")]
    told = [text, _lines(words(budget_sentence(planned).phrase), ""), "\n".join(lines)]
    place.show(found.to_dict() | planned.to_dict(), "\n\n".join(filter(None, told)))
    return 0


@click.command("opportunities")
@click.argument("name", metavar="KPI")
@period
@segments
@reading
@shared
def opportunities(place: Place, name: str, **asked: Any) -> int:  # noqa: ANN401
    """Show where most is to be won in a KPI: which part lies behind the others, and how many it reaches.

    A part is a feature (or another component of the KPI) or, with --by, a segment. The KPI must be a share or a mean.

    \b
    Example:
      kpi opportunities activation_rate --by channel,platform
      kpi opportunities feature_adoption_rate
    """
    from kpi_lib.answers.opportunities import opportunities as rank
    from kpi_lib.kpis.registry import find
    from kpi_lib.show.chances import opportunities_sentence, opportunities_table
    from kpi_lib.show.phrases import plain as words

    kpi = find(name)
    workspace, data = place.read(asked)
    found = rank(name, data, grid_of(workspace, asked, kpi.cadence), columns(asked["by"]))
    ranked = opportunities_table(found)
    rows = [[words(cell) for cell in row] for row in ranked.rows]  # type: ignore[arg-type]
    heads = [
        words(ranked.columns[0]).lower(),
        "clear",
        "figure",
        "the others",
        "gap",
        "reaches",
        "gap × reach",
        "moves the whole by",
    ]
    if heads[0] == "part":  # names of several columns are long; what is left out follows from what stands there
        heads, *rows = [[*row[:3], *row[4:6], row[7]] for row in (heads, *rows)]
    shown = cells(heads, rows, left=2) if rows else ""
    told = [_lines(words(opportunities_sentence(found).phrase), ""), shown]
    place.show(found.to_dict(), "\n\n".join(filter(None, told)))
    return 0


def _aim(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no target; write it as mrr=25000.", param_hint="--target") from None


COMMANDS = {"signals": signals, "forecast": forecast, "opportunities": opportunities}
