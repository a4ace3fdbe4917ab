"""Lists for the terminal, at most 80 columns wide: what can be computed, and what the tables hold."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from kpi_lib.cli.text import WIDTH, table


def standing(records: Sequence[Mapping[str, Any]]) -> str:
    """The KPIs by category, each with yes or with what is missing."""
    width = max((len(r["kpi"]) for r in records), default=0) + 4
    lines = []
    for category in dict.fromkeys(r["category"] for r in records):
        own = [r for r in records if r["category"] == category]
        lines.append(f"{category}: {sum(r['available'] for r in own)} of {len(own)}")
        for r in own:
            lines += hanging(f"  {r['kpi']}".ljust(width), _lacks(r))
    return "\n".join(lines)


def hanging(lead: str, text: str) -> list[str]:
    """Text after a lead, its further lines below its first word."""
    told = textwrap.wrap(text, WIDTH - len(lead), break_long_words=False) or [""]
    return [lead + told[0], *(" " * len(lead) + more for more in told[1:])]


def _lacks(record: Mapping[str, Any]) -> str:
    if record["needs_choice"]:
        return f"needs a choice: {record['needs_choice']}"
    return f"needs {missing(record['missing_inputs'])}" if record["missing_inputs"] else "yes"


def missing(inputs: Sequence[str]) -> str:
    """Columns that are not there, put together by table.

    >>> missing(["costs.date", "costs.amount", "subscriptions.mrr|subscriptions.amount+interval"])
    'costs (date, amount), subscriptions (mrr or amount+interval)'
    """
    columns: dict[str, list[str]] = {}
    for each in inputs:
        owner = each.split(".")[0]
        columns.setdefault(owner, []).append(each.replace(f"{owner}.", "").replace("|", " or "))
    return ", ".join(f"{owner} ({', '.join(names)})" for owner, names in columns.items())


def contract(name: str) -> dict[str, Any]:
    """What a canonical table holds: its columns, the words of some, its rules, and the KPIs that read it."""
    from kpi_lib.core.contracts import keys, rules, words
    from kpi_lib.core.schema import columns
    from kpi_lib.kpis.registry import catalogue

    known = words(name)
    held = [
        {
            "column": c.name,
            "kind": c.kind,
            "required": c.required,
            "key": c.key or c.name in keys(name),
            "words": list(known[c.name].words) if c.name in known else [],
        }
        for c in columns(name).values()
    ]
    obeyed = [{"column": r.column, "condition": r.condition, "otherwise": r.reason} for r in rules(name)]
    readers = [kpi.name for kpi in catalogue().values() if any(each.split(".")[0] == name for each in kpi.inputs)]
    return {"table": name, "columns": held, "rules": obeyed, "kpis": readers}


def tables_text(found: Sequence[Mapping[str, Any]]) -> str:
    """All tables, the required columns first and marked with `!`; one table in full."""
    if len(found) == 1:
        return _one(found[0])
    lines = []
    for each in found:
        held = sorted(each["columns"], key=lambda column: not column["required"])
        names = ", ".join(column["column"] + "!" * column["required"] for column in held)
        lines += [each["table"], *textwrap.wrap(names, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    return "\n".join([*lines, "", "! = required. kpi list --tables TABLE shows one in full."])


def _one(found: Mapping[str, Any]) -> str:
    marks = {True: "required", False: ""}
    rows = [
        [c["column"], c["kind"], marks[c["required"]] + " key" * c["key"], " ".join(c["words"])]
        for c in found["columns"]
    ]
    lines = [table(["column", "kind", "", "words"], rows, left=4)]
    if found["rules"]:
        lines += ["", "set aside are rows in which"]
        lines += [f"  {rule['column']} {rule['otherwise']}" for rule in found["rules"]]
    if found["kpis"]:
        lines += ["", *textwrap.wrap("read by " + ", ".join(found["kpis"]), WIDTH, subsequent_indent="  ")]
    return "\n".join(lines)
