"""Verbs for definitions: list and show."""

from collections.abc import Mapping
from typing import Any

import click

from kpi_lib.cli.listing import contract, hanging, standing, tables_text
from kpi_lib.cli.options import Place, shared
from kpi_lib.cli.text import table


@click.command("list")
@click.option("--category", metavar="C", help="Only this category.")
@click.option("--stage", metavar="S", help="Only KPIs for early, growth or mature products.")
@click.option("--available", is_flag=True, help="What this workspace's tables allow, and what is missing for the rest.")
@click.option(
    "--tables",
    metavar="[TABLE]",
    is_flag=False,
    flag_value="",
    help="The tables and columns that data can be mapped to.",
)
@shared
def list_kpis(place: Place, *, category: str | None, stage: str | None, available: bool, tables: str | None) -> int:
    """List the catalogue of KPIs, or the tables that they read.

    \b
    Example:
      kpi list --category retention
      kpi list --available --workspace data/cdnow
      kpi list --tables tickets
    """
    if tables is not None:
        return _tables(place, tables)
    from kpi_lib.core.errors import unknown
    from kpi_lib.kpis.registry import CATEGORIES, EARLY, GROWTH, MATURE, catalogue

    if category is not None and category not in CATEGORIES:
        raise unknown("category", category, CATEGORIES)
    if stage is not None and stage not in (EARLY, GROWTH, MATURE):
        raise unknown("stage", stage, (EARLY, GROWTH, MATURE))
    kept = [k for k in catalogue().values() if category in (None, k.category) and (stage is None or stage in k.stages)]
    records = [kpi.record() for kpi in kept]
    if available:
        from kpi_lib.answers.demands import available as lacking
        from kpi_lib.answers.demands import choices_open

        data = place.open().data
        absent, waiting = lacking(data), choices_open(data)
        records = [r | _standing(r["kpi"], absent, waiting) for r in records]
        place.show({"kpis": records}, standing(records))
        return 0
    heads = ["kpi", "title", "category", "unit"]
    place.show({"kpis": records}, table(heads, [[r[head] for head in heads] for r in records], left=len(heads)))
    return 0


def _tables(place: Place, name: str) -> int:
    from kpi_lib.core.errors import unknown
    from kpi_lib.core.schema import TABLES

    if name and name not in TABLES:
        raise unknown("table", name, TABLES)
    found = [contract(each) for each in ([name] if name else TABLES)]
    place.show({"tables": found}, tables_text(found))
    return 0


def _standing(kpi: str, missing: Mapping[str, list[str]], waiting: Mapping[str, str]) -> dict[str, Any]:
    can = not missing[kpi] and kpi not in waiting
    return {"available": can, "missing_inputs": missing[kpi], "needs_choice": waiting.get(kpi)}


@click.command("show")
@click.argument("kpi")
@shared
def show_kpi(place: Place, kpi: str) -> int:
    """Show a KPI's definition: formula, unit, direction, inputs, settings, ripeness, sources and what they got wrong.

    \b
    Example:
      kpi show retention_day_7
    """
    from kpi_lib.kpis.registry import find

    record = find(kpi).record()
    place.show(record, described(record))
    return 0


def described(record: Mapping[str, Any]) -> str:
    """A definition for people, one fact a line."""
    settings = [
        f"{name} ({body['unset']})" if "unset" in body else f"{name} = {_as_toml(body['default'])}"
        for name, body in record["settings"].items()
    ]
    facts = {
        "what": record["summary"],
        "formula": record["formula"],
        "unit": record["unit"],
        "better": {"higher_better": "higher", "lower_better": "lower"}.get(
            record["direction"], "depends on the product"
        ),
        "inputs": ", ".join(record["inputs"]),
        "settings": ", ".join(settings) or "none",
        "components": ", ".join(record["components"]) or "one value",
        "counts when": record["ripeness"],
        "cadence": record["cadence"],
        "watch with": ", ".join(record["counter"]) or "—",
        "use": record["use"],
        "sources": "; ".join(record["sources"]),
        "sources wrong": record["sources_wrong"] or "—",
        "definition": record["definition"],
    }
    width = max(map(len, facts))
    lines = [f"{record['kpi']} · {record['title']}"]
    for name, value in facts.items():
        lines += hanging(f"  {name.ljust(width)}  ", value)
    return "\n".join(lines)


def _as_toml(default: Any) -> str:  # noqa: ANN401 - whatever a choice may be
    import json

    return json.dumps(list(default) if isinstance(default, tuple) else default, ensure_ascii=False)


COMMANDS = {"list": list_kpis, "show": show_kpi}
