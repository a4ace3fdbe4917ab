"""Writes docs/kpis.md from the declarations of the KPIs, so that page and code cannot say different things.

Run from anywhere: `.venv/bin/python docs/make_kpis.py`. A test fails while the page is not up to date.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import kpi_lib as kpi

PAGE = Path(__file__).with_name("kpis.md")
BETTER = {"higher_better": "higher", "lower_better": "lower", "context": "depends on the product"}
MEASURES = {
    "proportion": "share of units, Wilson interval",
    "mean": "mean of units, t interval",
    "ratio": "sum over sum, delta-method interval over users",
    "total": "sum, a full count without interval",
    "count": "distinct units, a full count without interval",
    "per_day": "distinct units a day, mean over the days seen, without interval",
    "nps": "promoters minus detractors in 100 answers, adjusted-Wald interval",
    "quotient": "full count over full count, without interval",
    "stock": "the last reading, without interval",
    "uptime": "share of the watched seconds, a full count without interval",
    "between failures": "time up over failures, exact Poisson interval",
    "to failure": "time in use over failures, exact Poisson interval",
    "against ratio": "our figure over theirs, full counts without interval",
    "against gap": "our figure less theirs, full counts without interval",
    "gap": "distance of the compared KPI's value and interval from the published figure",
    "gini": "Gini coefficient, jackknife interval over twentieths of the users",
    "median time": "Kaplan–Meier median, Brookmeyer–Crowley interval; who still waits counts as waiting",
    "percentiles": "quantile of single values by component, interval between two order statistics",
    "derived": "made of other KPIs, jackknife interval over twentieths of the users",
}
HEAD = """# The KPIs

Made by `docs/make_kpis.py` from the declarations in `kpi_lib/kpis/`; edit those, not this page. `kpi show KPI` prints one
entry, `kpi list --available` says which of them your tables allow.

How to read an entry:

- **Formula** names the two sides of a share or ratio. A share is a fraction in JSON and files (0.428), a duration is in
  seconds, money is in units of the workspace's currency.
- **Better** says in which direction a change is welcome.
- **Measured as** says how value and 95 % interval come about. A full count has no interval, because nothing was sampled.
- **Window** is the stretch of time that a figure looks back over, when that is not its period.
- **Inputs** are `table.column`. A workspace without `events` reads each order as the event `purchase`.
- **Settings** are choices made under `[settings]` in `kpi.toml`, also those of the KPIs that an entry is made of; in brackets
  stands what holds while nobody chooses.
- **Ripeness** says when a unit counts at all. Units that cannot be judged yet are counted beside the value as `unripe`.
- **Watch with** names KPIs that go wrong when this one is pushed too hard.
- **Use** is our judgement: *actionable* (a decision can follow from it), *semi-vanity* (tells size, not health), *vanity*
  (grows by itself), *context* (explains other figures).
- **Corrected** says what the sources left out or got wrong, and what is done here instead.

A title in **Sources** is the document that asks for the KPI; "standard definition of the field" means that none of them
defines it.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page: a table for each category, then every KPI in full."""
    records = [each.record() for each in kpi.catalogue().values()]
    blocks = [HEAD, f"{len(records)} KPIs."]
    for category, members in groupby(records, key=lambda record: record["category"]):
        blocks += section(category, list(members))
    return "\n\n".join(block.strip("\n") for block in blocks) + "\n"


def section(category: str, records: list[dict[str, Any]]) -> Iterator[str]:
    """One category: its table, then its KPIs."""
    rows = [f"| [`{r['kpi']}`](#{r['kpi']}) | {told(r)} | {r['unit']} | {BETTER[r['direction']]} |" for r in records]
    yield f"## {category.capitalize()}"
    yield "\n".join(["| KPI | what it tells | unit | better |", "|---|---|---|---|", *rows])
    for record in records:
        yield entry(record)


def told(record: dict[str, Any]) -> str:
    """What a KPI tells, without the sentences that are meant for its author."""
    return str(record["summary"]).split(". ")[0].rstrip(".") + "."


def entry(record: dict[str, Any]) -> str:
    """One KPI in full."""
    facts = {
        "Formula": record["formula"],
        "Unit": f"{record['unit']}, better: {BETTER[record['direction']]}",
        "Measured as": measured(record["measure"]),
        "Window": window(record["window"]),
        "Inputs": code(record["inputs"]),
        "Components": code(record["components"]) or "one value",
        "Settings": settings(record["settings"]),
        "Ripeness": record["ripeness"],
        "Stages": f"{', '.join(record['stages'])}; looked at every {record['cadence']}",
        "Watch with": ", ".join(f"[`{name}`](#{name})" for name in record["counter"]) or "—",
        "Use": record["use"],
        "Sources": "; ".join(record["sources"]),
        "Corrected": record["sources_wrong"] or "nothing to correct",
    }
    lines = [f"- **{name}:** {fact}" for name, fact in facts.items() if fact]
    return "\n".join([f"### {record['kpi']}", "", f"*{record['title']}.* {record['summary']}", "", *lines])


def measured(name: str) -> str:
    """The measure in words; those with a number say it."""
    if name in MEASURES:
        return MEASURES[name]
    kind, _, number = name.partition(" ")
    words = {
        "quantile": f"the {number} quantile, interval between two order statistics",
        "survival": f"Kaplan–Meier share still there after {number} days, Greenwood interval on the log-log scale",
        "top": f"share that the largest {float(number):.0%} hold, jackknife interval over twentieths of the users",
    }
    return words[kind]


def window(written: str | dict[str, str] | None) -> str:
    """The window a KPI looks through, by kind of grid where it depends on it."""
    if written is None:
        return "the period itself"
    if isinstance(written, str):
        return f"{written} to the end of the period"
    return "; ".join(f"{size} on a {every} grid" for every, size in written.items())


def settings(options: dict[str, dict[str, Any]]) -> str:
    """The choices of a KPI with their defaults, written as in kpi.toml."""
    return ", ".join(setting(name, body) for name, body in options.items()) or "none"


def setting(name: str, body: dict[str, Any]) -> str:
    """One choice."""
    if "unset" in body:
        return f"`{name}` ({body['unset']})"
    default = body["default"]
    return f"`{name} = {json.dumps(list(default) if isinstance(default, tuple) else default)}`"


def code(names: list[str]) -> str:
    """Names as code."""
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    main()
